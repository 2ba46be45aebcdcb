"""Business hours over HTTP: who sets them, what is refused, and the holidays of countries."""

import subprocess
import sys
from typing import Any

import pytest

from servicedesk.domain.calendars import Calendar
from servicedesk.domain.events import CalendarChanged
from servicedesk.domain.people import Role
from servicedesk.domain.times import HOUR, parse
from servicedesk.store import calendars as stored
from servicedesk.store.db import Tx
from servicedesk.web import openapi, routes
from tests.served import Answer, Client, Desk

SPLIT = [["08:00", "12:00"], ["13:00", "18:00"]]
WEEK = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), SPLIT)
OFFICE = {"name": "Office hours", "zone": "Europe/Berlin", "week": WEEK}
CHRISTMAS = {"date": "12-25", "name": "Christmas"}
EVE = {"date": "2026-12-24", "name": "Christmas Eve", "open": [["08:00", "12:00"]]}
ROWS = "/api/sla/calendars/"


async def a_calendar(by: Client, **fields: Any) -> Any:
    answer = await by.post(ROWS, OFFICE | fields)
    assert answer.status == 201, answer.body
    return answer.body


async def a_supervisor(desk: Desk) -> Client:
    return await desk.person(Role.SUPERVISOR)


def told(desk: Desk) -> list[int]:
    """Return the calendars that the rest of the desk hears of from now on."""
    heard: list[int] = []
    desk.db.listen(
        lambda notices: heard.extend(n.calendar_id for n in notices if isinstance(n, CalendarChanged))
    )
    return heard


async def test_a_supervisor_sets_the_hours(desk: Desk) -> None:
    boss, heard = await a_supervisor(desk), told(desk)

    made = await boss.post(ROWS, OFFICE | {"holidays": [EVE, CHRISTMAS]})

    assert made.status == 201
    assert made.body == {
        "id": 1,
        "name": "Office hours",
        "zone": "Europe/Berlin",
        "week": WEEK | {"sat": [], "sun": []},
        "holidays": [CHRISTMAS | {"open": []}, EVE],
        "version": 1,
    }
    assert made.headers["Location"] == f"{ROWS}1"
    assert (await boss.get(f"{ROWS}1")).body == made.body
    assert (await boss.get(ROWS)).body["items"] == [made.body]
    assert heard == [1]


async def test_what_is_stored_is_what_was_said(desk: Desk) -> None:
    await a_calendar(await a_supervisor(desk), holidays=[CHRISTMAS])

    office = desk.db.peek(stored.get, 1).calendar

    assert office.add(parse("2026-12-24T16:30:00Z"), HOUR) == parse("2026-12-28T07:30:00Z")
    assert desk.db.peek(stored.get, 1).calendar is office


async def test_seconds_and_the_end_of_the_day_can_be_said(desk: Desk) -> None:
    odd = {"mon": [["18:30:30", "24:00"], ["00:00:00", "06:00"]]}

    made = await a_calendar(await a_supervisor(desk), week=odd)

    assert made["week"]["mon"] == [["00:00", "06:00"], ["18:30:30", "24:00"]]


async def test_a_changed_calendar_is_a_new_version_and_the_same_again_is_none(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_calendar(boss)
    heard = told(desk)

    longer = await boss.put(f"{ROWS}1", OFFICE | {"week": {"sat": SPLIT}})
    again = await boss.put(f"{ROWS}1", OFFICE | {"week": {"sat": SPLIT}})

    assert (longer.body["version"], longer.body["week"]["mon"], longer.body["week"]["sat"]) == (2, [], SPLIT)
    assert again.body == longer.body
    assert heard == [1]


async def test_a_change_of_what_somebody_else_changed_is_refused(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_calendar(boss)
    first = await boss.get(f"{ROWS}1")
    known = {"If-Match": first.headers["ETag"]}
    assert (await boss.get(f"{ROWS}1", headers={"If-None-Match": first.headers["ETag"]})).status == 304

    done = await boss.put(f"{ROWS}1", OFFICE | {"zone": "UTC"}, headers=known)
    late = await boss.put(f"{ROWS}1", OFFICE | {"zone": "Asia/Kathmandu"}, headers=known)
    gone = await boss.delete(f"{ROWS}1", headers=known)

    assert done.status == 200
    assert [(answer.status, answer.code) for answer in (late, gone)] == [(412, "stale")] * 2
    assert late.body["current"] == done.body


@pytest.mark.parametrize("role", [Role.AGENT, Role.CUSTOMER])
async def test_only_supervisors_set_the_hours_and_all_staff_see_them(desk: Desk, role: Role) -> None:
    await a_calendar(await desk.admin())
    somebody = await desk.person(role)
    unseen = 404 if role is Role.CUSTOMER else 403

    assert (await somebody.get(ROWS)).status == (403 if role is Role.CUSTOMER else 200)
    assert (await somebody.get(f"{ROWS}1")).status == (404 if role is Role.CUSTOMER else 200)
    assert (await somebody.post(ROWS, OFFICE)).status == 403
    assert (await somebody.put(f"{ROWS}1", OFFICE)).status == unseen
    assert (await somebody.delete(f"{ROWS}1")).status == unseen
    assert (await somebody.post(f"{ROWS}1/holidays", {"country": "DE", "years": [2026]})).status == unseen


async def test_a_calendar_that_may_not_be_seen_is_like_one_that_does_not_exist(desk: Desk) -> None:
    await a_calendar(await desk.admin())
    customer = await desk.customer()

    hidden, missing = await customer.get(f"{ROWS}1"), await customer.get(f"{ROWS}7")

    assert hidden.body["detail"] == "There is no calendar 1."
    assert missing.body["detail"] == "There is no calendar 7."


BAD: list[tuple[dict[str, Any], list[str]]] = [
    ({"name": " "}, ["/name"]),
    ({"name": "Two\nlines"}, ["/name"]),
    ({"zone": "Mars/Olympus", "colour": "red"}, ["/colour", "/zone"]),
    ({"zone": "../../etc/passwd"}, ["/zone"]),
    ({"zone": 1, "name": None}, ["/name", "/zone"]),
    ({"week": []}, ["/week"]),
    ({"week": {}}, ["/week"]),
    ({"week": {"monday": SPLIT}}, ["/week/monday"]),
    ({"week": {"mon": [["9:00", "12:00"]], "tue": [["12:00", "25:00"]]}}, ["/week/mon/0/0", "/week/tue/0/1"]),
    ({"week": {"mon": [["09:00"]]}}, ["/week/mon/0"]),
    ({"week": {"mon": [["09:00", "24:01"], ["09:61", "1"]]}}, ["/week/mon/0/1", "/week/mon/1/0", "/week/mon/1/1"]),
    ({"week": {"mon": [["09:00", "09:00"]], "fri": [["12:00", "09:00"]]}}, ["/week/fri/0", "/week/mon/0"]),
    ({"week": {"mon": [["09:00", "12:00"], ["11:00", "13:00"]]}, "zone": "x"}, ["/week/mon/1", "/zone"]),
    ({"week": {"mon": [["09:00", "09:01"]] * 13}}, ["/week/mon"]),
    ({"holidays": [{"date": "2026-02-30", "name": "x"}]}, ["/holidays/0/date"]),
    ({"holidays": [CHRISTMAS, {"date": "13-01", "name": ""}]}, ["/holidays/1/date", "/holidays/1/name"]),
    ({"holidays": [CHRISTMAS, CHRISTMAS]}, ["/holidays/1/date"]),
    ({"holidays": [{"date": 7, "name": "x"}, {"name": "y"}]}, ["/holidays/0/date", "/holidays/1/date"]),
    ({"holidays": [EVE | {"open": [["x", "12:00"]], "date": "x"}]}, ["/holidays/0/date", "/holidays/0/open/0/0"]),
    ({"holidays": [EVE | {"open": [["13:00", "12:00"]]}], "zone": ""}, ["/holidays/0/open/0", "/zone"]),
    ({"holidays": [CHRISTMAS] * 1001}, ["/holidays"]),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "pointers"), BAD)
async def test_every_bad_field_is_named(desk: Desk, fields: dict[str, Any], pointers: list[str]) -> None:
    boss = await a_supervisor(desk)
    await a_calendar(boss)

    for answer in (await boss.post(ROWS, OFFICE | fields), await boss.put(f"{ROWS}1", OFFICE | fields)):
        assert (answer.status, answer.code, answer.pointers) == (422, "invalid", pointers)


async def test_a_calendar_that_never_opens_is_refused(desk: Desk) -> None:
    boss = await a_supervisor(desk)

    answer = await boss.post(ROWS, OFFICE | {"week": {"mon": []}})

    assert (answer.status, answer.body["errors"][0]["code"]) == (422, "never_open")
    assert "366 days" in answer.body["errors"][0]["message"]


async def test_two_calendars_cannot_have_one_name(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_calendar(boss)
    await a_calendar(boss, name="Nights")

    for answer in (
        await boss.post(ROWS, OFFICE | {"name": " office HOURS "}),
        await boss.put(f"{ROWS}2", OFFICE | {"name": "OFFICE hours"}),
    ):
        assert (answer.status, answer.pointers) == (422, ["/name"])
        assert answer.body["errors"][0]["code"] == "duplicate"
    assert (await boss.put(f"{ROWS}1", OFFICE | {"name": "OFFICE hours"})).status == 200


async def test_the_list_is_walked_page_by_page(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    for number in range(5):
        await a_calendar(boss, name=f"Calendar {number}")

    assert [c["id"] for c in await boss.all(f"{ROWS}?limit=2")] == [1, 2, 3, 4, 5]
    assert (await boss.get(f"{ROWS}?limit=1&count=true")).body["total"] == 5


async def test_a_calendar_that_something_uses_stays(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_calendar(boss)
    await a_calendar(boss, name="Nights")

    def lean(tx: Tx) -> None:
        tx.execute("CREATE TABLE shifts (hours INTEGER REFERENCES calendars (id))")
        tx.execute("INSERT INTO shifts VALUES (1), (NULL)")

    await desk.db.write(lean)

    kept, gone = await boss.delete(f"{ROWS}1"), await boss.delete(f"{ROWS}2")

    assert (kept.status, kept.code) == (409, "in_use")
    assert gone.status == 204
    assert (await boss.get(f"{ROWS}1")).status == 200
    assert (await boss.get(f"{ROWS}2")).status == 404


async def test_equal_hours_are_one_value_in_memory(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_calendar(boss)

    first, second = desk.db.peek(stored.get, 1), desk.db.peek(stored.get, 1)

    assert isinstance(first.calendar, Calendar)
    assert first.calendar is second.calendar


# The holidays of countries -------------------------------------------------------------------------------------


async def take(by: Client, **body: Any) -> Answer:
    return await by.post(f"{ROWS}1/holidays", {"country": "DE", "years": [2026], **body})


async def test_the_holidays_of_a_country_are_imported(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_calendar(boss)
    heard = told(desk)

    answer = await take(boss, country="de", subdivision="BY", years=[2026, 2027])

    dates = {holiday["date"]: holiday["name"] for holiday in answer.body["holidays"]}
    assert answer.status == 200
    assert answer.body["version"] == 2
    assert dates["2026-01-06"] == "Epiphany"
    assert {"2026-12-25", "2027-12-25", "2027-05-06"} <= dates.keys()
    assert {date[:4] for date in dates} == {"2026", "2027"}
    assert heard == [1]


async def test_days_that_the_calendar_knows_stay_as_they_are(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    half = {"date": "2026-12-26", "name": "Half of it", "open": [["08:00", "12:00"]]}
    await a_calendar(boss, holidays=[CHRISTMAS, half])

    answer = await take(boss)
    again = await take(boss)

    dates = [holiday["date"] for holiday in answer.body["holidays"]]
    assert half in answer.body["holidays"]
    assert "12-25" in dates
    assert "2026-12-25" not in dates
    assert "2026-10-03" in dates
    assert again.body == answer.body


async def test_the_names_are_in_the_language_that_is_asked_for(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_calendar(boss)

    answer = await take(boss, language="de")

    assert "Karfreitag" in [holiday["name"] for holiday in answer.body["holidays"]]


async def test_a_year_whose_moon_nobody_has_reckoned_brings_what_is_known(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_calendar(boss)

    answer = await take(boss, country="IN", years=[2060])

    assert answer.status == 200
    assert "2060-08-15" in [holiday["date"] for holiday in answer.body["holidays"]]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"country": "XX"}, ["/country"]),
        ({"country": "\u0661\u0662"}, ["/country"]),
        ({"subdivision": "Atlantis"}, ["/subdivision"]),
        ({"language": "tlh"}, ["/language"]),
        ({"years": []}, ["/years"]),
        ({"years": [1, 2026]}, ["/years/0"]),
        ({"years": [1970], "country": "SS"}, ["/years"]),
        ({"years": list(range(2000, 2011))}, ["/years"]),
        ({"country": 1, "years": "2026", "state": "BY"}, ["/country", "/state", "/years"]),
    ],
)
async def test_what_cannot_be_imported_is_named(
    desk: Desk, body: dict[str, Any], pointers: list[str]
) -> None:
    boss = await a_supervisor(desk)
    await a_calendar(boss)

    answer = await take(boss, **body)

    assert (answer.status, answer.pointers) == (422, pointers)
    assert (await boss.get(f"{ROWS}1")).body["version"] == 1


@pytest.fixture
def without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the extra: what cannot be imported is None among the modules."""
    monkeypatch.setitem(sys.modules, "holidays", None)


@pytest.mark.usefixtures("without_the_library")
async def test_without_the_extra_the_refusal_says_what_to_install(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_calendar(boss)

    answer = await take(boss)

    assert (answer.status, answer.code) == (501, "not_installed")
    assert "pip install 'servicedesk[holidays]'" in answer.body["detail"]


def test_the_library_is_not_loaded_until_it_is_needed() -> None:
    code = "import sys, servicedesk.app, servicedesk.cli; sys.exit('holidays' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_document_says_how_a_time_looks() -> None:
    week = openapi.describe(routes.ROWS)["components"]["schemas"]["Week"]

    assert week["properties"]["mon"]["items"]["prefixItems"][0]["pattern"].startswith("^([01]")
