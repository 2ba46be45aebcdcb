"""The demo company has lived by the desk's own rules."""

import itertools
from collections import Counter

import pytest

from servicedesk.demo import filling
from servicedesk.demo.things import content_of
from servicedesk.domain.times import DAY
from servicedesk.web.files import MEDIA
from servicedesk.web.timers import TIMERS
from tests.served import Client, Desk


async def fill(desk: Desk) -> Client:
    admin = await desk.admin()
    ids = (f"file-{number:020d}" for number in itertools.count())
    async with desk.app[TIMERS].held():
        await filling.fill(desk.db, desk.app[MEDIA], password_hash="!", ids=ids, now=desk.clock())
    return admin


async def test_the_company_has_forty_tickets_in_all_states(desk: Desk) -> None:
    admin = await fill(desk)

    tickets = await admin.all("/api/tickets/")

    assert len(tickets) == 40
    assert set(Counter(t["status"] for t in tickets)) >= {
        "new", "open", "in_progress", "pending", "on_hold", "resolved", "closed"
    }  # fmt: skip
    assert {t["sla"]["state"] for t in tickets} >= {"ok", "met", "paused", "breached"}
    assert any(t["escalation_level"] for t in tickets)
    assert any(t["assigned_to"] is None for t in tickets)
    assert len({t["requester"]["email"].partition("@")[2] for t in tickets}) == 5


async def test_the_company_has_office_hours_with_lunch_between(desk: Desk) -> None:
    admin = await fill(desk)

    (hours,) = await admin.all("/api/sla/calendars/")

    assert (hours["name"], hours["zone"]) == ("Office hours", "Europe/Berlin")
    assert hours["week"]["fri"] == [["08:00", "12:00"], ["13:00", "18:00"]]


async def test_one_team_promises_its_answers_in_office_hours(desk: Desk) -> None:
    admin = await fill(desk)

    (policy,) = await admin.all("/api/sla/policies/")
    (team,) = [t for t in await admin.all("/api/teams/") if t["sla_policy_id"] == policy["id"]]
    theirs = await admin.all(f"/api/tickets/?team={team['id']}")
    others = await admin.all("/api/tickets/?team=none")

    assert policy["calendar_id"] == 1
    assert {t["sla"]["policy"] for t in theirs} == {"Office hours"}
    assert {t["sla"]["policy"] for t in others} <= {"Standard"}


async def test_late_tickets_have_escalated_in_their_own_time(desk: Desk) -> None:
    admin = await fill(desk)

    steps = [
        step
        for ticket in await admin.all("/api/tickets/")
        for step in await admin.all(f"/api/tickets/{ticket['id']}/escalations")
    ]

    assert {step["cause"] for step in steps} == {"time", "silence", "manual"}
    assert any(step["is_open"] for step in steps)
    assert all(step["fired_at"] == step["due_at"] for step in steps if step["cause"] == "silence")


async def test_an_admin_comes_along_only_where_there_is_none(desk: Desk) -> None:
    admin = await fill(desk)

    people = await admin.all("/api/users/")

    assert [user["id"] for user in people if user["role"] == "admin"] == [admin.id]


async def test_pictures_text_and_pdf_hang_on_the_tickets(desk: Desk) -> None:
    admin = await fill(desk)

    found = [
        file
        for ticket in await admin.all("/api/tickets/")
        if ticket["file_count"]
        for file in await admin.all(f"/api/files/ticket/{ticket['id']}")
    ]

    assert {file["filename"].rpartition(".")[2] for file in found} >= {"png", "log", "csv", "pdf"}
    pictures = [file for file in found if file["category"] == "image"]
    assert pictures
    for picture in pictures:
        assert (await admin.get(picture["thumbnail_url"])).headers["Content-Type"] == "image/webp"
    document = next(file for file in found if file["filename"].endswith("pdf"))
    assert (await admin.get(document["preview_url"])).body["pages"] == 1


async def test_nothing_happens_in_the_future_and_histories_run_forward(desk: Desk) -> None:
    admin = await fill(desk)

    for ticket in await admin.all("/api/tickets/"):
        moments = [row["created_at"] for row in await admin.all(f"/api/tickets/{ticket['id']}/history")]
        assert moments == sorted(moments)
        assert ticket["created_at"] <= ticket["updated_at"]
    assert (await admin.get("/api/tickets/?created_after=2027-01-15T08:00:01Z&count=true")).body["total"] == 0


async def test_a_desk_with_tickets_of_its_own_is_left_alone(desk: Desk) -> None:
    admin = await desk.admin()
    await admin.ticket()

    with pytest.raises(filling.NotEmpty):
        await filling.fill(
            desk.db, desk.app[MEDIA], password_hash="!", ids=iter(["x"]), now=desk.clock() + DAY
        )
    assert len(await admin.all("/api/users/")) == 1


@pytest.mark.parametrize("name", ["a.png", "b.log", "c.csv", "d.zip", "e.pdf", "f.eml", "g.txt"])
def test_the_same_name_always_gives_the_same_bytes(name: str) -> None:
    assert content_of(name) == content_of(name) != b""


async def test_some_of_what_people_were_told_is_unread_yet(desk: Desk) -> None:
    await fill(desk)

    unread, told = await desk.db.read(
        lambda conn: conn.execute("SELECT sum(is_read = 0), count(*) FROM notifications").fetchone()
    )
    called = await desk.db.read(
        lambda conn: conn.execute("SELECT count(*) FROM notifications WHERE kind = 'mentioned'").fetchone()[0]
    )

    assert 0 < unread < told
    assert called == 3
