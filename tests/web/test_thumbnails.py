"""Small pictures that are not ready when their upload is answered."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from servicedesk.web import thumbnails
from tests import files_made_up as made_up
from tests.served import Client, Desk
from tests.stalls import held_up
from tests.web.forms import settled, upload
from tests.web.sockets import Socket, connect


async def busy_workers(desk: Desk, ada: Client, ticket: int) -> None:
    """See to it that all workers are there, so that they can be stopped."""
    images = (made_up.png(300 + side, 300) for side in range(4))
    files = await asyncio.gather(*(upload(ada, ticket, "warm.png", image) for image in images))
    for file in files:
        await settled(ada, file.body)


async def scene(desk: Desk) -> tuple[Client, Client, int]:
    ada, bob = await desk.customer(name="Ada"), await desk.agent(name="Bob")
    ticket = await ada.ticket()
    await busy_workers(desk, ada, ticket["id"])
    return ada, bob, ticket["id"]


async def of_file(socket: Socket, file: dict[str, Any]) -> dict[str, Any]:
    """Return the event that tells how a file stands."""
    return await socket.until(
        lambda f: f.get("data", {}).get("file", {}).get("id") == file["id"] and "changes" in f["data"]
    )


async def test_an_upload_is_answered_before_a_picture_that_takes_long(desk: Desk) -> None:
    ada, bob, ticket = await scene(desk)
    socket = await connect(bob)
    await socket.do("join_ticket", ticket_id=ticket)

    with held_up(desk):
        began = asyncio.get_running_loop().time()
        answer = await upload(ada, ticket, "big.png", made_up.png(500, 400))
        took = asyncio.get_running_loop().time() - began

    assert answer.status == 201
    file = answer.body
    assert took < 5
    assert (file["width"], file["height"], file["thumbnail_pending"]) == (500, 400, True)
    assert file["thumbnail_url"] == f"/api/files/{file['id']}/thumbnail"
    event = await of_file(socket, file)
    assert event["data"]["changes"] == {"files": {"from": file["id"], "to": file["id"]}}
    assert event["data"]["file"] == await settled(ada, file)
    assert "thumbnail_pending" not in event["data"]["file"]
    thumbnail = await ada.get(file["thumbnail_url"])
    assert (thumbnail.status, thumbnail.headers["Content-Type"]) == (200, "image/webp")


async def test_who_asks_for_a_picture_that_is_being_made_waits_for_it(desk: Desk) -> None:
    ada, _, ticket = await scene(desk)

    with held_up(desk):
        file = (await upload(ada, ticket, "big.png", made_up.png(500, 400))).body
        asked = asyncio.create_task(ada.get(file["thumbnail_url"]))
        await asyncio.sleep(0.05)
        assert not asked.done()

    assert (await asked).status == 200


async def test_who_asked_for_too_long_is_told_to_come_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "PATIENCE", 0.2)
    ada, _, ticket = await scene(desk)

    with held_up(desk):
        file = (await upload(ada, ticket, "big.png", made_up.png(500, 400))).body
        answer = await ada.get(file["thumbnail_url"])

    assert (answer.status, answer.code) == (503, "busy")
    assert int(answer.headers["Retry-After"]) > 0


async def test_an_image_that_turns_out_broken_afterwards_loses_the_promise_of_a_picture(desk: Desk) -> None:
    ada, bob, ticket = await scene(desk)
    socket = await connect(bob)
    await socket.do("join_ticket", ticket_id=ticket)

    with held_up(desk):
        file = (await upload(ada, ticket, "cut.png", made_up.png(500, 400)[:80])).body
        assert file["thumbnail_url"] is not None

    event = await of_file(socket, file)
    assert event["data"]["file"]["thumbnail_url"] is None
    assert (await ada.get(f"/api/files/{file['id']}/thumbnail")).code == "no_thumbnail"


async def test_an_internal_picture_is_told_to_staff_alone(desk: Desk) -> None:
    ada, bob, ticket = await scene(desk)
    hers, his = await connect(ada), await connect(bob)
    await hers.do("join_ticket", ticket_id=ticket)
    await his.do("join_ticket", ticket_id=ticket)

    with held_up(desk):
        file = (await upload(bob, ticket, "big.png", made_up.png(500, 400), is_internal="true")).body

    event = await of_file(his, file)
    assert event["data"]["file"]["id"] == file["id"]
    assert event["room"] == f"ticket:{ticket}:staff"
    assert not [f for f in await hers.quiet() if file["id"] in str(f)]


async def test_equal_images_share_one_making(desk: Desk) -> None:
    ada, _, ticket = await scene(desk)
    image = made_up.png(500, 400)

    with held_up(desk):
        files = [(await upload(ada, ticket, f"{n}.png", image)).body for n in range(2)]
        assert len(desk.app[thumbnails.THUMBNAILS]._making) == 1

    for file in files:
        assert (await settled(ada, file))["thumbnail_url"]


async def test_a_picture_that_a_stop_interrupted_is_made_by_the_next_run(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        ada, _, ticket = await scene(desk)
        with held_up(desk):
            file = (await upload(ada, ticket, "big.png", made_up.png(500, 400))).body
            assert file["thumbnail_pending"]
            await desk.app[thumbnails.THUMBNAILS].close()

    async with Desk(tmp_path) as again:
        ada = again.client(ada.user, ada.token)
        assert (await settled(ada, file))["thumbnail_url"] == file["thumbnail_url"]
        assert (await ada.get(file["thumbnail_url"])).status == 200


async def test_without_memory_for_a_worker_the_picture_comes_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob = await desk.customer(name="Ada"), await desk.agent(name="Bob")
    ticket = (await ada.ticket())["id"]

    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nowhere/python")
        file = (await upload(bob, ticket, "a.png", made_up.png())).body
        assert file["thumbnail_pending"]

    assert (await settled(ada, file))["thumbnail_url"]
