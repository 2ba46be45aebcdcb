"""The page of one ticket for whoever has its private link, and every other road that it must not open."""

import logging
import re
from contextlib import ExitStack
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError, hdrs

from servicedesk.desk import private_links as desk_links
from servicedesk.domain.errors import RateLimited
from servicedesk.domain.people import Role
from servicedesk.domain.times import DAY
from servicedesk.store import people, private_links
from servicedesk.web import auth
from servicedesk.web.admission import A_CUSTOMER, ADMISSION
from servicedesk.web.api import Kind
from servicedesk.web.routes import ROWS
from tests.files_made_up import png
from tests.served import Answer, Client, Desk
from tests.web import forms
from tests.web.forms import part
from tests.web.letters import Guest, hidden, opened

OPEN = {
    ("GET", "/t/{token}"),
    ("POST", "/t/{token}/messages"),
    ("POST", "/t/{token}/status"),
    ("GET", "/t/{token}/view/{id}"),
    ("GET", "/t/{token}/files/{id}/download"),
    ("GET", "/t/{token}/files/{id}/thumbnail"),
    ("GET", "/t/{token}/files/{id}/picture"),
}
"""All that a private link opens."""
PUBLIC = {
    *(("GET", path) for path in ("/login", "/new", "/setup", "/static/{version}/{name:.+}")),
    *(("GET", path) for path in ("/api/docs", "/api/docs/live", "/api/openapi.json", "/api/asyncapi.json")),
    *(("GET", path) for path in ("/healthz", "/readyz", "/metrics", "/ws")),
    *(("POST", path) for path in ("/login", "/login/second", "/new", "/setup", "/api/auth/login")),
}
"""What is open to everybody, or asks by itself who calls."""


async def file_of(agent: Client, ticket_id: int, name: str = "a.txt", **fields: Any) -> Any:
    answer = await forms.upload(agent, ticket_id, name, b"hello from " + name.encode(), **fields)
    assert answer.status == 201, answer.body
    return answer.body


async def test_a_link_shows_the_public_side_of_its_ticket_and_nothing_internal(desk: Desk) -> None:
    guest, agent = await opened(desk), await desk.agent(name="Mara Lind")
    link = await guest.link(("door.txt", b"creak"))
    await agent.post("/api/tickets/1/messages", {"body": "Which **door**?"})
    await agent.post("/api/tickets/1/messages", {"body": "A secret note", "is_internal": True})
    await file_of(agent, 1, "secret.txt", is_internal="true")
    await agent.patch("/api/tickets/1", {"tags": ["secret-tag"], "team_id": await desk.team("Secret team")})

    page = await guest.page(link)

    for shown in (
        "The door does not open",
        "<strong>squeaks</strong>",
        "door.txt",
        "Mara Lind",
        "<strong>door",
    ):
        assert shown in page
    for hidden_word in ("secret", "Secret", "agent1@", "nora@home.example", "/tickets/", "/api/", "/search"):
        assert hidden_word not in page


async def test_the_page_tells_no_other_site_no_search_engine_and_no_cache_of_its_address(desk: Desk) -> None:
    guest = await opened(desk)
    link = await guest.link()
    stranger = Guest(desk)

    for path in (link, f"{link}x", f"{link}/view/none", f"{link}/files/{'a' * 20}/download"):
        answer = await stranger.get(path, headers={"Accept": "text/html"})
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers


# Second roads ----------------------------------------------------------------------------------------------------


async def test_no_other_row_of_the_table_takes_the_links_token_for_anything(desk: Desk) -> None:
    guest, agent = await opened(desk), await desk.agent()
    link = await guest.link(("a.txt", b"hello"))
    token = link.removeprefix("/t/")
    [file] = await agent.all("/api/files/ticket/1")
    asked = 0

    for row in ROWS:
        if (row.method, row.path) in PUBLIC | OPEN:
            continue
        path = row.path.replace(
            "{id}", "1" if "files" not in row.path or "ticket" in row.path else file["id"]
        )
        for shown in (
            {"Authorization": f"Bearer {token}"},
            {"Cookie": f"servicedesk={token}; servicedesk_guest={token}; link={token}"},
            {"Cookie": "; ".join(f"{name}={value}" for name, value in guest.cookies.items())},
        ):
            headers = {"Referer": f"{desk.url}{link}", "Origin": desk.url, **shown}
            answer = await Guest(desk).call(row.method, f"{path}?token={token}&t={token}", headers=headers)
            to_login = answer.headers.get(hdrs.LOCATION, "").startswith("/login")
            assert answer.status == 401 or (answer.status == 303 and to_login), (
                row.method,
                path,
                answer.status,
            )
            asked += 1

    assert asked == 3 * (len(ROWS) - len(PUBLIC) - len(OPEN))
    assert {(row.method, row.path) for row in ROWS if row.who is None} == PUBLIC
    assert {(row.method, row.path) for row in ROWS if row.kind is Kind.LINK} == OPEN


async def test_rows_that_are_open_to_everybody_show_a_link_holder_no_more_than_others(desk: Desk) -> None:
    guest = await opened(desk)
    token = (await guest.link()).removeprefix("/t/")
    with_link = {"Authorization": f"Bearer {token}"}

    for method, path in sorted(PUBLIC):
        if method == "GET" and "{" not in path and path not in ("/ws", "/metrics", "/new"):
            theirs = await Guest(desk).get(path, headers=with_link)
            others = await Guest(desk).get(path)
            assert _plain(theirs) == _plain(others), path


def _plain(answer: Answer) -> tuple[int, Any]:
    body = answer.body
    if isinstance(body, bytes):
        body = re.sub(rb'csrf[-_]token" (content|value)="[^"]*"', b"", body)
    return answer.status, {**body, "request_id": ""} if isinstance(body, dict) else body


async def test_no_socket_opens_with_a_links_token(desk: Desk) -> None:
    guest = await opened(desk)
    token = (await guest.link()).removeprefix("/t/")

    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"Cookie": f"servicedesk={token}", "Origin": desk.url},
        {"Sec-WebSocket-Protocol": f"servicedesk.v1, ticket.{token}"},
    ):
        with pytest.raises(WSServerHandshakeError) as refusal:
            await guest.session.ws_connect(f"/ws?token={token}", headers=headers)
        assert refusal.value.status == 401


async def test_files_of_other_tickets_internal_ones_and_deleted_ones_are_not_there(desk: Desk) -> None:
    guest, nora = await opened(desk), await desk.customer(email="nora@home.example")
    agent = await desk.agent()
    other = await nora.ticket("Another one of mine")
    link = await guest.link()
    mine = await file_of(agent, 2, "mine.txt")
    secret = await file_of(agent, 2, "secret.txt", is_internal="true")
    deleted = await file_of(agent, 2, "deleted.txt")
    elsewhere = await file_of(nora, other["id"], "elsewhere.txt")
    await agent.delete(f"/api/files/{deleted['id']}")

    for file in (secret, deleted, elsewhere, {"id": "x" * 20}):
        for road in ("view/{}", "files/{}/download", "files/{}/thumbnail", "files/{}/picture"):
            answer = await guest.get(f"{link}/{road.format(file['id'])}")
            assert (answer.status, answer.code) == (404, "not_found"), (file, road)
    assert (await guest.get(f"{link}/files/{mine['id']}/download")).body == b"hello from mine.txt"


async def test_fields_of_a_reply_cannot_reach_another_ticket_or_make_a_note(desk: Desk) -> None:
    guest, nora = await opened(desk), await desk.customer(email="nora@home.example")
    agent = await desk.agent()
    other = await nora.ticket("Another one of mine")
    link = await guest.link()
    loose = await file_of(nora, other["id"], "loose.txt")

    more = {"ticket_id": str(other["id"]), "is_internal": "true", "file_ids": loose["id"], "message_id": "1"}
    answer = await guest.reply(link, "Only here", ("b.txt", b"b"), note="x", **more)

    assert answer.status == 303
    assert await agent.all(f"/api/tickets/{other['id']}/messages") == []
    [message] = await agent.all("/api/tickets/2/messages")
    assert (message["body"], message["is_internal"]) == ("Only here", False)
    assert [file["filename"] for file in message["files"]] == ["b.txt"]
    assert (await agent.get(f"/api/files/{loose['id']}")).body["message_id"] is None


@pytest.mark.parametrize(
    "token", ["x", "x" * 43, "x" * 129, "x" * 5000, "%00", "%C3%A9", "%ff", "..%2f..", "null"]
)
async def test_a_wrong_token_opens_nothing(desk: Desk, token: str) -> None:
    guest = await opened(desk)
    await guest.link()

    for path in (f"/t/{token}", f"/t/{token}/view/{'a' * 20}"):
        assert (await guest.get(path)).status in (400, 404)
    assert (await guest.send_parts(f"/t/{token}/messages", part("reply", "x"))).status in (400, 404)


async def test_a_dead_link_is_said_in_words(desk: Desk) -> None:
    guest = await opened(desk)

    answer = await guest.get(f"/t/{'x' * 43}", headers={"Accept": "text/html"})

    assert answer.status == 404
    assert "This link is not valid, or not any more" in answer.body.decode()


# What it is for --------------------------------------------------------------------------------------------------


async def test_a_reply_with_files_is_one_message_of_the_requester(desk: Desk) -> None:
    guest, agent = await opened(desk), await desk.agent()
    link = await guest.link()

    answer = await guest.reply(link, "See here", ("door.png", png(30, 20)), ("log.txt", b"creak"))

    assert (answer.status, answer.headers["Location"]) == (303, f"{link}#end")
    [message] = await agent.all("/api/tickets/1/messages")
    assert message["body"] == "See here"
    assert sorted(file["filename"] for file in message["files"]) == ["door.png", "log.txt"]
    page = await guest.page(link)
    for file in message["files"]:
        assert f"{link}/files/{file['id']}/download" in page
        assert (await guest.get(f"{link}/view/{file['id']}")).status == 200
    picture = next(file for file in message["files"] if file["filename"] == "door.png")
    thumbnail = await guest.get(f"{link}/files/{picture['id']}/thumbnail")
    assert (thumbnail.status, thumbnail.headers["Content-Type"]) == (200, "image/webp")
    assert thumbnail.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    shown = (await guest.get(f"{link}/view/{picture['id']}")).body.decode()
    assert f'src="{link}/files/{picture["id"]}/picture"' in shown
    assert "/api/" not in shown


async def test_the_same_reply_sent_twice_is_said_once_and_another_text_is_not_lost(desk: Desk) -> None:
    guest, agent = await opened(desk), await desk.agent()
    link = await guest.link()
    fields = [part("key", hidden(await guest.page(link), "key")), part("files", b"x", "a.txt")]

    for text in ("Hello", "Hello", "Something else"):
        answer = await guest.send_parts(f"{link}/messages", *fields[:1], part("reply", text), *fields[1:])
        assert answer.status == 303

    messages = await agent.all("/api/tickets/1/messages")
    assert [message["body"] for message in messages] == ["Hello", "Something else"]
    assert len(await agent.all("/api/files/ticket/1")) == 2


async def test_files_may_come_without_words_but_not_nothing_at_all(desk: Desk) -> None:
    guest, agent = await opened(desk), await desk.agent()
    link = await guest.link()

    only_files = await guest.reply(link, "  ", ("a.txt", b"hello"))
    nothing = await guest.reply(link, "  ")

    assert (only_files.status, nothing.status) == (303, 422)
    assert await agent.all("/api/tickets/1/messages") == []
    assert "a.txt" in await guest.page(link)


async def test_a_refused_reply_keeps_what_was_typed_and_says_why(desk: Desk) -> None:
    guest, agent = await opened(desk), await desk.agent()
    link = await guest.link()

    answer = await guest.reply(link, "My long answer", ("virus.exe", b"MZ"))

    page = answer.body.decode()
    assert answer.status == 422
    assert "My long answer" in page
    assert "virus.exe was not taken" in page
    assert "choose your files again" in page
    assert await agent.all("/api/tickets/1/messages") == []
    assert await agent.all("/api/files/ticket/1") == []


async def test_a_ticket_is_closed_and_reopened_and_a_closed_one_takes_no_word(desk: Desk) -> None:
    guest, agent = await opened(desk), await desk.agent()
    link = await guest.link()

    closed = await guest.send(f"{link}/status", status="closed")
    page = await guest.page(link)
    late = await guest.send_parts(f"{link}/messages", part("reply", "One more thing"))
    reopened = await guest.send(f"{link}/status", status="open")

    assert (closed.status, late.status, reopened.status) == (303, 409, 303)
    assert "Reopen it to write" in page
    assert 'name="reply"' not in page
    assert "internal" not in late.body.decode()
    ticket = (await agent.get("/api/tickets/1")).body
    assert (ticket["status"], ticket["reopen_count"]) == ("open", 1)
    reasons = [change.get("reason") for change in await agent.all("/api/tickets/1/history")]
    assert {"Closed by the requester.", "Reopened by the requester."} <= set(reasons)


@pytest.mark.parametrize("status", ["resolved", "in_progress", "pending", "nonsense", ""])
async def test_other_moves_are_the_desks(desk: Desk, status: str) -> None:
    guest, agent = await opened(desk), await desk.agent()
    link = await guest.link()

    answer = await guest.send(f"{link}/status", status=status)

    assert answer.status in (403, 422)
    assert (await agent.get("/api/tickets/1")).body["status"] == "new"


async def test_a_form_of_another_site_is_refused(desk: Desk) -> None:
    guest, agent = await opened(desk), await desk.agent()
    link = await guest.link()

    for site in ("cross-site", "same-site", "none"):
        for path in (f"{link}/messages", f"{link}/status"):
            answer = await guest.send_parts(path, part("reply", "x"), **{"Sec-Fetch-Site": site})
            assert answer.status == 403, (site, path)
    assert await agent.all("/api/tickets/1/messages") == []


async def test_long_conversations_come_in_pieces(desk: Desk) -> None:
    guest, agent = await opened(desk), await desk.agent()
    link = await guest.link()
    for number in range(105):
        await agent.post("/api/tickets/1/messages", {"body": f"word-{number}-"})

    latest = await guest.page(link)
    before = re.search(r"\?before=(\d+)", latest)
    assert before is not None
    earlier = await guest.page(f"{link}?before={before[1]}")

    assert "word-4-" not in latest
    assert "word-104-" in latest
    assert "word-4-" in earlier
    assert "squeaks" in earlier


# Its end ---------------------------------------------------------------------------------------------------------


async def ending(desk: Desk, person: Client) -> Answer:
    visitor = Guest(desk)
    visitor.cookies["servicedesk"] = person.token
    token = hidden(await visitor.page("/tickets/1"), "csrf_token")
    return await visitor.send("/tickets/1/link/end", csrf_token=token)


async def test_staff_end_a_link_and_it_opens_nothing_from_then_on(desk: Desk) -> None:
    guest, nora = await opened(desk), await desk.customer(email="nora@home.example")
    agent = await desk.agent()
    link = await guest.link(("a.txt", b"hello"))
    [file] = await agent.all("/api/files/ticket/1")
    key = hidden(await guest.page(link), "key")

    by_customer = await ending(desk, nora)
    still = await guest.get(link)
    done = [await ending(desk, agent) for _ in range(2)]

    assert (by_customer.status, still.status) == (403, 200)
    assert [answer.status for answer in done] == [303, 303]
    for path in (link, f"{link}/view/{file['id']}", f"{link}/files/{file['id']}/download"):
        assert (await guest.get(path)).status == 404
    replied = await guest.send_parts(f"{link}/messages", part("key", key), part("reply", "x"))
    assert replied.status == 404
    assert (await nora.get("/api/tickets/1")).status == 200
    ended = [c for c in await agent.all("/api/tickets/1/history") if "private_link" in c["changes"]]
    assert [change["actor"]["id"] for change in ended] == [agent.id]
    assert not [c for c in await nora.all("/api/tickets/1/history") if "private_link" in c["changes"]]


async def test_staff_see_that_the_ticket_came_by_the_form(desk: Desk) -> None:
    guest, agent = await opened(desk), await desk.agent()
    await guest.link()
    await agent.ticket("By hand")

    by_form = (await agent.get("/tickets/1")).body.decode()
    by_hand = (await agent.get("/tickets/2")).body.decode()

    assert "Public form" in by_form
    assert "End private link" in by_form
    assert "Public form" not in by_hand


async def test_a_link_lasts_ninety_days_from_when_it_was_opened_last(desk: Desk) -> None:
    guest = await opened(desk)
    link = await guest.link()

    desk.clock.advance(89 * DAY)
    assert (await guest.get(link)).status == 200
    desk.clock.advance(89 * DAY)
    assert (await guest.get(link)).status == 200
    desk.clock.advance(desk_links.LASTS)
    assert (await guest.get(link)).status == 404


async def test_to_look_again_on_the_same_day_writes_nothing(desk: Desk) -> None:
    guest = await opened(desk)
    link = await guest.link()
    await guest.page(link)
    first = desk.db.peek(private_links.of_ticket, 1)

    desk.clock.advance(DAY - 1)
    await guest.page(link)
    same = desk.db.peek(private_links.of_ticket, 1)
    desk.clock.advance(1)
    await guest.page(link)
    later = desk.db.peek(private_links.of_ticket, 1)

    assert first is not None
    assert same == first
    assert later is not None
    assert later.used_at == desk.clock()


async def test_a_link_ends_with_its_requesters_account_and_when_they_join_the_staff(desk: Desk) -> None:
    guest, admin = await opened(desk), await desk.admin()
    link = await guest.link()
    requester = (await admin.get("/api/tickets/1")).body["requester"]["id"]

    await admin.patch(f"/api/users/{requester}", {"role": "agent"})
    as_staff = await guest.get(link)
    await admin.patch(f"/api/users/{requester}", {"role": "customer"})
    as_customer = await guest.get(link)
    await admin.patch(f"/api/users/{requester}", {"is_active": False})
    deactivated = await guest.get(link)

    assert (as_staff.status, as_customer.status, deactivated.status) == (404, 200, 404)
    assert desk.db.peek(people.get, requester).role is Role.CUSTOMER


# Where the token may not get -------------------------------------------------------------------------------------


async def test_neither_the_log_nor_the_database_gets_to_know_the_token(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = await opened(desk)
    link = await guest.link()
    token = link.removeprefix("/t/")

    await guest.send_parts(f"{link}/messages", part("reply", "Hello"), **{"Idempotency-Key": "k1"})
    monkeypatch.setattr(private_links, "of_ticket", _broken)
    with caplog.at_level(logging.ERROR):
        failed = await guest.get(link)
    monkeypatch.undo()

    assert failed.status == 500
    assert "failed: GET" in caplog.text
    assert token not in caplog.text.split("Traceback")[0]
    kept = [path.read_bytes() for path in desk.settings.data_dir.rglob("*") if path.is_file()]
    assert not any(token.encode() in content for content in kept)
    metrics = await guest.get("/metrics")
    assert token not in metrics.body.decode()


def _broken(*_: object) -> None:
    raise RuntimeError("broken for the test")


async def test_uploads_under_a_link_take_no_place_of_the_person_it_stands_for(desk: Desk) -> None:
    guest, nora = await opened(desk), await desk.customer(email="nora@home.example")
    token = (await guest.link()).removeprefix("/t/")
    by_link = desk.db.peek(private_links.who, auth.hash_of(token), desk.clock())
    assert by_link is not None
    assert by_link.id == nora.id
    admission = desk.app[ADMISSION]

    with ExitStack() as uploads:
        for _ in range(A_CUSTOMER):
            uploads.enter_context(admission.one(by_link, 1))
        with pytest.raises(RateLimited):
            uploads.enter_context(admission.one(by_link, 1))
        uploads.enter_context(admission.one(nora.user, 1))
        assert admission.running == A_CUSTOMER + 1
