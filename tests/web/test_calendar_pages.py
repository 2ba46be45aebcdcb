"""The page of business hours, and its forms without JavaScript."""

import html
import re
from typing import Any

import pytest

from servicedesk.domain.calendars import Calendar, Holiday
from servicedesk.domain.people import Role
from servicedesk.domain.times import parse
from servicedesk.web.calendar_pages import body_of, next_days
from tests.served import Answer, Client, Desk
from tests.web.test_calendars import CHRISTMAS, EVE, OFFICE, a_calendar, a_supervisor

HERE = "/settings/calendars"
NINE_TO_FIVE = ((9 * 3600, 17 * 3600),)
FIELDS = {
    "name": "Office hours",
    "zone": "Europe/Berlin",
    "mon": "9-12, 13:00–17.30",
    "fri": "09:00-12:00",
    "sat": "closed",
    "holidays": "2026-12-25 Christmas\n\n12-24 09:00-12:00, 13-14 Christmas Eve\n",
}


async def send(by: Client, path: str, **fields: Any) -> Answer:
    return await by.call("POST", path, data=fields)


async def text(by: Client, path: str = HERE) -> str:
    answer = await by.get(path)
    assert answer.status == 200
    return shown(answer)


def shown(answer: Answer) -> str:
    """Return the words of the page, without its marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.body.decode())).split())


async def test_the_form_makes_a_calendar(desk: Desk) -> None:
    boss = await a_supervisor(desk)

    answer = await send(boss, HERE, **FIELDS)

    assert (answer.status, answer.headers["Location"]) == (303, f"{HERE}?done=made")
    made = (await boss.get("/api/sla/calendars/1")).body
    assert made["week"]["mon"] == [["09:00", "12:00"], ["13:00", "17:30"]]
    assert (made["week"]["fri"], made["week"]["sat"]) == ([["09:00", "12:00"]], [])
    assert made["holidays"] == [
        {"date": "12-24", "name": "Christmas Eve", "open": [["09:00", "12:00"], ["13:00", "14:00"]]},
        {"date": "2026-12-25", "name": "Christmas", "open": []},
    ]


async def test_saving_the_form_as_it_is_changes_nothing(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    made = await a_calendar(boss, holidays=[EVE, CHRISTMAS])
    page = (await boss.get(f"{HERE}?edit=1")).body.decode()
    form = re.search(r'<form[^>]*id="edit".*?</form>', page, re.DOTALL)
    assert form is not None
    fields = {
        name: html.unescape(value) for name, value in re.findall(r'name="(\w+)"[^>]*value="([^"]*)"', form[0])
    }
    lines = re.search(r"<textarea[^>]*>(.*?)</textarea>", form[0], re.DOTALL)
    assert lines is not None

    answer = await send(boss, f"{HERE}/1", **fields, holidays=html.unescape(lines[1]))

    assert answer.headers["Location"] == f"{HERE}?done=saved"
    assert (await boss.get("/api/sla/calendars/1")).body == made


async def test_what_is_wrong_is_said_beside_the_fields_and_nothing_typed_is_lost(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    wrong = {"zone": "Mars", "mon": "9-12, 11-13, x", "tue": "17-9", "holidays": "\n13-25 Christmas\n12-24"}

    answer = await send(boss, HERE, **FIELDS | wrong)

    page = shown(answer)
    assert answer.status == 422
    assert "Is no time zone such as Europe/Berlin" in page
    assert "Interval 3 is no time such as 09:00, at most 24:00" in page
    assert "Interval 1 ends before it begins, or is empty" in page
    assert "Line 2: date is no date such as 2026-12-25 or 12-25; line 3: name must not be blank" in page
    assert 'value="9-12, 11-13, x"' in answer.body.decode()
    assert "13-25 Christmas" in page


async def test_a_week_that_never_opens_is_refused_in_words(desk: Desk) -> None:
    boss = await a_supervisor(desk)

    answer = await send(boss, HERE, name="Never", zone="UTC")

    assert answer.status == 422
    assert "Leaves no open time in the next 366 days" in shown(answer)


async def test_a_calendar_that_somebody_else_changed_is_not_overwritten_unread(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_calendar(boss)
    await boss.put("/api/sla/calendars/1", OFFICE | {"zone": "UTC"})

    late = await send(boss, f"{HERE}/1", **FIELDS, version="1")

    assert late.status == 412
    assert "The calendar has changed since you read it." in shown(late)
    assert 'name="version" value="2"' in late.body.decode()
    assert (await send(boss, f"{HERE}/1", **FIELDS, version="2")).status == 303


async def test_the_import_form_adds_the_holidays(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_calendar(boss)

    done = await send(boss, f"{HERE}/1/holidays", country="de", subdivision="BY", years="2026, 2027")
    wrong = await send(boss, f"{HERE}/1/holidays", country="XX", years="2026")

    assert done.headers["Location"] == f"{HERE}?done=imported&edit=1#edit"
    assert "2026-01-06 Epiphany" in await text(boss, f"{HERE}?edit=1")
    assert wrong.status == 422
    assert "Is no country whose holidays are known" in shown(wrong)
    assert 'value="XX"' in wrong.body.decode()


async def test_the_delete_form_removes_a_calendar(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_calendar(boss)

    assert (await send(boss, f"{HERE}/1/delete")).headers["Location"] == f"{HERE}?done=deleted"
    assert "There is no calendar yet" in await text(boss)


async def test_staff_read_the_hours_and_get_no_form(desk: Desk) -> None:
    boss, agent = await a_supervisor(desk), await desk.agent()
    await a_calendar(boss)

    page = await text(agent, f"{HERE}?edit=1")

    assert "Office hours" in page
    assert "Add a calendar" not in page
    assert "Change" not in page
    assert (await send(agent, HERE, **FIELDS)).status == 403
    assert "Business hours" in await text(agent, "/settings/all")
    assert "Business hours" not in await text(await desk.customer(), "/settings")


async def test_many_calendars_are_shown_some_at_a_time(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    for number in range(26):
        await a_calendar(boss, name=f"Number {number}.")

    first, second = await text(boss), await text(boss, f"{HERE}?after=24")

    assert "Number 23." in first
    assert "Number 24." not in first
    assert "Show more" in first
    assert "Number 25." in second
    assert "Show more" not in second


@pytest.mark.parametrize("edit", ["0", "x", "9" * 30, "-1", ""])
async def test_an_odd_address_is_no_defect(desk: Desk, edit: str) -> None:
    boss = await a_supervisor(desk)

    assert (await boss.get(f"{HERE}?edit={edit}&done=x")).status in (200, 404)


async def test_a_calendar_that_is_gone_is_not_found(desk: Desk) -> None:
    boss = await desk.person(Role.SUPERVISOR)

    assert (await boss.get(f"{HERE}?edit=7")).status == 404
    assert (await send(boss, f"{HERE}/7", **FIELDS)).status == 404


def test_the_next_days_are_drawn_as_the_calendars_clocks_show_them() -> None:
    day = NINE_TO_FIVE
    office = Calendar("Office", "Europe/Berlin", (day, day, day, day, day, (), ((0, 86400),)))

    days = next_days(office, parse("2026-10-23T22:30:00Z"))  # Saturday there; clocks are turned on Sunday

    assert [(d["label"], d["text"]) for d in days[:3]] == [
        ("Today", "closed"),
        ("Tomorrow", "00:00–24:00"),
        ("Mon 26 Oct", "09:00–17:00"),
    ]
    assert days[1]["bars"] == [(0, 288)]


def test_a_holiday_says_why_a_day_is_another() -> None:
    day = NINE_TO_FIVE
    eve = Holiday("12-24", "Christmas Eve", ((8 * 3600, 12 * 3600),))
    office = Calendar("Office", "UTC", (day, day, day, day, day, (), ()), (eve,))

    (today, *_) = next_days(office, parse("2026-12-24T10:00:00Z"))

    assert (today["text"], today["holiday"]) == ("09:00–12:00", "Christmas Eve")


def test_what_cannot_be_read_is_left_to_be_refused() -> None:
    body = body_of({"mon": "noon", "tue": "9", "wed": "9-12-15", "holidays": "x\n2026-12-25T00:00 y"})

    assert body["week"]["mon"] == [["noon", ""]]
    assert body["week"]["tue"] == [["09:00", ""]]
    assert body["week"]["wed"] == [["09:00", "12-15"]]
    assert [holiday["date"] for holiday in body["holidays"]] == ["x", "2026-12-25T00:00"]
