"""The form under which people write without an account."""

import errno
import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from servicedesk.desk import setup
from servicedesk.domain.errors import RateLimited
from servicedesk.domain.people import Role
from servicedesk.domain.times import DAY, MINUTE, SECOND
from servicedesk.store import private_links
from servicedesk.web import auth
from servicedesk.web.space import GAUGE, Space
from servicedesk.web.throttle import LETTERS, LETTERS_OF_ALL, Letters
from tests.files_made_up import png
from tests.served import Answer, Desk
from tests.web.forms import part
from tests.web.letters import LETTER, Guest, hidden, link_of, opened


async def tickets(desk: Desk) -> list[Any]:
    watcher = await desk.admin()
    return await watcher.all("/api/tickets/?sort=id")


def blobs(desk: Desk) -> list[Path]:
    """Return everything that lies on the disk of files, whole or half."""
    folders = [desk.settings.data_dir / name for name in ("blobs", "tmp")]
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def said(answer: Answer) -> str:
    """Return the page that answers a letter, without what is another one each time."""
    page = answer.body.decode().replace(link_of(answer), "")
    return re.sub(r'csrf-token" content="[^"]*"', "", page)


async def test_the_form_is_off_until_somebody_switches_it_on(desk: Desk) -> None:
    guest = Guest(desk)
    html = {"Accept": "text/html"}

    shut = await guest.get("/new", headers=html)
    sent = await guest.send_parts("/new?csrf_token=x", part("title", "Hello"))
    login = await guest.page("/login")

    assert (shut.status, sent.status) == (404, 404)
    assert "takes no messages without an account" in shut.body.decode()
    assert "/new" not in login
    await desk.db.write(setup.set_public_form, True)
    assert (await guest.get("/new")).status == 200
    assert "Write to us without an account" in await guest.page("/login")
    await desk.db.write(setup.set_public_form, False)
    assert (await guest.get("/new")).status == 404


async def test_a_letter_becomes_a_ticket_of_a_new_customer_with_its_files(desk: Desk) -> None:
    guest, agent = await opened(desk), await desk.agent()

    answer = await guest.write(("door.png", png(40, 30)), ("log.txt", b"creak"))

    assert answer.status == 200
    [ticket] = await tickets(desk)
    assert (ticket["title"], ticket["description"]) == (LETTER["title"], LETTER["description"])
    assert (ticket["requester"]["name"], ticket["requester"]["email"]) == ("Nora Quist", "nora@home.example")
    assert ticket["assigned_to"]["id"] == agent.id
    files = await agent.all(f"/api/files/ticket/{ticket['id']}")
    door, log = sorted(files, key=lambda file: str(file["filename"]))
    assert [(file["filename"], file["is_internal"]) for file in (door, log)] == [
        ("door.png", False),
        ("log.txt", False),
    ]
    assert (door["width"], door["height"]) == (40, 30)
    assert (await agent.get(log["download_url"])).body == b"creak"
    person = (await desk.admin()).get
    assert (await person(f"/api/users/{ticket['requester']['id']}")).body["role"] == "customer"


async def test_the_answer_says_that_the_link_is_the_only_way_and_that_no_mail_comes(desk: Desk) -> None:
    guest = await opened(desk)

    answer = await guest.write()

    said = answer.body.decode()
    assert f'value="{desk.url}/t/' in said
    assert "sends no e-mail" in said
    assert "the only way to that page" in said
    assert answer.headers["Cache-Control"] == "no-store"
    assert len(link_of(answer).removeprefix("/t/")) == 43


async def test_the_link_is_kept_as_a_hash_only(desk: Desk) -> None:
    guest = await opened(desk)
    token = (await guest.link()).removeprefix("/t/")
    kept = desk.db.peek(private_links.known, auth.hash_of(token))

    assert kept is not None
    files = [path.read_bytes() for path in desk.settings.data_dir.rglob("*") if path.is_file()]
    assert files
    assert not any(token.encode() in content for content in files)


async def test_a_known_customer_is_the_requester_and_no_second_one_is_made(desk: Desk) -> None:
    guest, nora = await opened(desk), await desk.customer(name="Nora Real", email="nora@home.example")

    link = await guest.link(email="Nora@Home.example", name="Somebody Else")

    [ticket] = await tickets(desk)
    assert ticket["requester"]["id"] == nora.id
    assert [t["id"] for t in await nora.all("/api/tickets/")] == [ticket["id"]]
    assert "Nora Real" not in await guest.page(link)


@pytest.mark.parametrize("who", ["agent", "admin", "deactivated"])
async def test_an_address_of_staff_or_of_somebody_shut_out_gives_nothing_away_and_no_rights(
    desk: Desk, who: str
) -> None:
    guest = await opened(desk)
    role = Role.CUSTOMER if who == "deactivated" else Role(who)
    owner = await desk.person(role, name="Boss", email="boss@desk.example")
    admin = await desk.admin()
    if who == "deactivated":
        await admin.patch(f"/api/users/{owner.id}", {"is_active": False})

    taken = await guest.write(email="boss@desk.example")
    free = await Guest(desk).write(email="free@desk.example")

    assert taken.status == free.status == 200
    assert said(taken) == said(free)
    first = (await admin.get("/api/tickets/1")).body
    assert first["requester"]["id"] != owner.id
    assert first["requester"]["email"].endswith("@public-form.invalid")
    page = (await admin.get("/tickets/1")).body.decode()
    assert "Nora Quist, boss@desk.example" in page
    await guest.reply(link_of(taken), "It is me")
    message = (await admin.all("/api/tickets/1/messages"))[-1]
    assert (message["author"]["role"], message["author"]["id"]) == ("customer", first["requester"]["id"])


async def test_a_filled_trap_gets_the_same_answer_and_makes_nothing(desk: Desk) -> None:
    guest = await opened(desk)
    honest = await guest.write()

    trapped = await guest.write(("a.txt", b"spam"), website="https://spam.example")

    assert trapped.status == 200
    assert said(honest) == said(trapped)
    assert len(await tickets(desk)) == 1
    assert (await guest.get(link_of(trapped))).status == 404
    assert blobs(desk) == []


async def test_who_sends_within_three_seconds_is_asked_to_wait_and_keeps_the_text(desk: Desk) -> None:
    guest = await opened(desk)
    shown = await guest.open(3 * SECOND - 1)

    early = await guest.submit(shown)

    page = early.body.decode()
    assert early.status == 429
    assert early.headers["Retry-After"] == "1"
    assert "Please wait 1 second" in page
    assert LETTER["description"] in page
    assert await tickets(desk) == []
    desk.clock.advance(1)
    assert (await guest.submit({**shown, "stamp": hidden(page, "stamp")})).status == 200


@pytest.mark.parametrize("stamp", ["", "x", "1.2.3", "ffff.é.f", "1" * 199, "999999999999999.a.b"])
async def test_a_stamp_that_is_none_of_ours_is_refused_with_a_fresh_form(desk: Desk, stamp: str) -> None:
    guest = await opened(desk)
    shown = await guest.open()

    answer = await guest.submit({**shown, "stamp": stamp})

    assert answer.status == 409
    assert await tickets(desk) == []
    again = {**shown, "stamp": hidden(answer.body.decode(), "stamp")}
    assert (await guest.submit(again)).status == 200


async def test_a_form_that_was_open_for_more_than_a_day_is_sent_once_more(desk: Desk) -> None:
    guest = await opened(desk)
    shown = await guest.open(DAY + 1)

    late = await guest.submit(shown)

    assert late.status == 409
    assert "open for too long" in late.body.decode()
    assert LETTER["description"] in late.body.decode()
    again = await guest.submit({**shown, "stamp": hidden(late.body.decode(), "stamp")})
    assert again.status == 200
    assert len(await tickets(desk)) == 1


async def test_a_form_that_is_sent_twice_makes_one_ticket_and_gives_the_same_link(desk: Desk) -> None:
    guest = await opened(desk)
    shown = await guest.open()

    first = await guest.submit(shown, ("a.txt", b"hello"))
    second = await guest.submit(shown, ("a.txt", b"hello"))

    assert link_of(first) == link_of(second)
    [ticket] = await tickets(desk)
    assert ticket["file_count"] == 1


async def test_another_text_in_a_form_that_was_sent_before_is_not_lost(desk: Desk) -> None:
    guest = await opened(desk)
    shown = await guest.open()
    first = await guest.submit(shown)

    other = await guest.submit(shown, description="The window as well.")

    page = other.body.decode()
    assert other.status == 409
    assert "The window as well." in page
    again = await guest.submit({**shown, "stamp": hidden(page, "stamp")}, description="The window as well.")
    assert link_of(again) != link_of(first)
    assert len(await tickets(desk)) == 2


async def test_one_address_sends_so_many_letters_and_another_goes_on(tmp_path: Path) -> None:
    async with Desk(tmp_path / "data", trusted_proxies=(ip_network("127.0.0.1/32"),)) as desk:
        guest = await opened(desk)
        shown = await guest.open()
        for number in range(LETTERS):
            await guest.submit(shown, title=f"Letter {number}")

        full = await guest.submit(shown, title="One more")
        elsewhere = await guest.send_parts(
            shown["address"],
            *[
                part(name, value)
                for name, value in {**LETTER, "stamp": shown["stamp"], "title": "Mine"}.items()
            ],
            **{"X-Forwarded-For": "203.0.113.9"},
        )

        assert full.status == 429
        assert int(full.headers["Retry-After"]) == 15 * MINUTE // SECOND
        assert "One more" in full.body.decode()
        assert "15 minutes" in full.body.decode()
        assert elsewhere.status == 409  # looked at: it is the form that was sent before
        desk.clock.advance(15 * MINUTE)
        assert (await guest.write(title="Later")).status == 200


async def test_all_addresses_together_send_only_so_much(desk: Desk) -> None:
    letters = Letters(desk.clock)
    for number in range(LETTERS_OF_ALL):
        letters.admit(f"10.0.{number // 250}.{number % 250}")

    with pytest.raises(RateLimited) as refusal:
        letters.admit("198.51.100.1")

    assert refusal.value.retry_after_ms == 15 * MINUTE
    desk.clock.advance(15 * MINUTE)
    letters.admit("198.51.100.1")


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"name": ""}, "name", "Must not be blank"),
        ({"email": "nora"}, "email", "e-mail address"),
        ({"email": ""}, "email", "e-mail address"),
        ({"title": "  "}, "title", "Must not be empty"),
        ({"title": "x" * 201}, "title", "at most 200 characters"),
        ({"title": "x" * 1_000_000}, "title", "at most 200 characters"),
        ({"title": "two\nlines"}, "title", "line breaks"),
        ({"title": "nul\0"}, "title", ""),
        ({"description": "x" * 65_537}, "description", ""),
    ],
)
async def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_made(
    desk: Desk, fields: dict[str, str], field: str, words: str
) -> None:
    guest = await opened(desk)

    answer = await guest.write(("a.txt", b"hello"), **fields)

    page = answer.body.decode()
    assert answer.status == 422
    assert f'id="{field}-hint"' in page
    assert words in page
    assert "choose your files again" in page
    assert await tickets(desk) == []
    assert blobs(desk) == []


async def test_hostile_bodies_are_refused_in_words_and_make_nothing(desk: Desk) -> None:
    guest = await opened(desk)
    shown = await guest.open()
    path = shown["address"]
    stamp = part("stamp", shown["stamp"])
    good = [part(name, value) for name, value in LETTER.items() if name != "title"]

    missing = await guest.send_parts(path, stamp)
    bad_utf8 = await guest.send_parts(path, stamp, *good, part("title", b"\xff\xfe"))
    a_file = await guest.send_parts(path, stamp, *good, part("title", b"x", "title.txt"))
    broken = await guest.call(
        "POST", path, data=b"--a-mark-that", headers={**_headers(guest), "Accept": "text/html"}
    )
    plain = await guest.send(path, **LETTER, stamp=shown["stamp"])
    no_token = await guest.send_parts("/new", stamp, *good, part("title", "x"))
    elsewhere = await guest.send_parts(path, stamp, *good, part("title", "x"), Origin="https://evil.example")

    assert [a.status for a in (missing, bad_utf8, a_file)] == [422, 422, 422]
    assert (broken.status, plain.status) == (400, 415)
    assert (no_token.status, elsewhere.status) == (403, 403)
    for field in ("name", "email", "title"):
        assert f'id="{field}-hint"' in missing.body.decode()
    assert await tickets(desk) == []


def _headers(guest: Guest) -> dict[str, str]:
    cookies = "; ".join(f"{name}={value}" for name, value in guest.cookies.items())
    return {"Content-Type": "multipart/form-data; boundary=a-mark", "Cookie": cookies, "Origin": guest.origin}


async def test_one_bad_file_refuses_the_whole_letter_and_is_named(desk: Desk) -> None:
    guest = await opened(desk)
    files = [("good.txt", b"hello"), ("virus.exe", b"MZ"), ("fake.png", b"no picture"), ("empty.txt", b"")]

    answer = await guest.write(*files)

    page = answer.body.decode()
    assert answer.status == 422
    assert all(name in page for name in ("virus.exe", "fake.png", "empty.txt"))
    assert "good.txt" not in page
    assert await tickets(desk) == []
    assert blobs(desk) == []


async def test_eleven_files_are_too_many_and_ten_come_in_together(desk: Desk) -> None:
    guest = await opened(desk)
    files = [(f"{n}.txt", b"the same") for n in range(11)]

    eleven = await guest.write(*files)
    ten = await guest.write(*files[:10])

    assert (eleven.status, ten.status) == (422, 200)
    assert "At most 10 files" in eleven.body.decode()
    [ticket] = await tickets(desk)
    assert ticket["file_count"] == 10


async def test_a_file_that_is_too_large_is_named_and_the_text_is_kept(desk: Desk) -> None:
    guest = await opened(desk)

    answer = await guest.write(("big.log", b"x" * (25 * 2**20 + 1)))

    page = answer.body.decode()
    assert answer.status == 422
    assert "big.log was not taken" in page
    assert LETTER["description"] in page
    assert blobs(desk) == []


async def test_on_a_full_disk_the_letter_is_refused_as_a_whole_and_its_text_kept(desk: Desk) -> None:
    guest = await opened(desk)
    shown = await guest.open()
    desk.app[GAUGE]._space = Space(0, 100 << 30)
    desk.app[GAUGE]._measure = lambda: Space(0, 100 << 30)

    with_file = await guest.submit(shown, ("a.txt", b"hello"))
    without = await guest.submit(shown)

    assert (with_file.status, without.status) == (507, 507)
    for answer in (with_file, without):
        assert LETTER["description"] in answer.body.decode()
    assert await tickets_and_people(desk) == (0, 0)
    assert blobs(desk) == []


async def tickets_and_people(desk: Desk) -> tuple[int, int]:
    def look(conn: Any) -> tuple[int, int]:
        counted = [
            conn.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("tickets", "users")
        ]
        return counted[0], counted[1]

    return desk.db.peek(look)


async def test_a_disk_that_fills_up_while_the_files_settle_leaves_nothing_half_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = await opened(desk)
    replace, done = os.replace, []

    def full(source: Any, target: Any) -> None:
        if done:
            raise OSError(errno.ENOSPC, "No space left on device")
        done.append(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    answer = await guest.write(("a.txt", b"first"), ("b.txt", b"second"))

    assert answer.status == 507
    assert LETTER["description"] in answer.body.decode()
    assert await tickets_and_people(desk) == (0, 0)
    assert [path.parent.parent.parent.name for path in blobs(desk)] == [
        "blobs"
    ]  # for the sweeper, named by nobody
    monkeypatch.undo()
    assert (await guest.write(("a.txt", b"first"), ("b.txt", b"second"))).status == 200
    assert (await tickets_and_people(desk))[0] == 1
