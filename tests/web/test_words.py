"""The languages and time zones of the desk, as people and programs meet them."""

import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp.test_utils import make_mocked_request

from servicedesk.domain.errors import Invalid, invalid
from servicedesk.domain.people import Role
from servicedesk.domain.times import DAY
from servicedesk.domain.words import begun, count, joined, say
from servicedesk.store import meta, people
from servicedesk.web import wording, words
from tests.served import Answer, Client, Desk
from tests.web.guests import Guest
from tests.web.sockets import connect

GERMAN = {"Accept-Language": "de-AT, de;q=0.9, en;q=0.4"}
PAGE = {"Accept": "text/html"}


async def chosen(client: Client, language: str = "", time_zone: str = "", **options: Any) -> Answer:
    return await client.call(
        "POST", "/settings/words", data={"language": language, "time_zone": time_zone}, **options
    )


async def page(client: Client, path: str, **headers: str) -> str:
    answer = await client.get(path, headers={**PAGE, **headers})
    return str(answer.body.decode())


# Whose language it is --------------------------------------------------------------------------------------------


async def test_whoever_chose_nothing_is_answered_in_the_browsers_language(desk: Desk) -> None:
    agent = await desk.agent()

    assert '<html lang="en"' in await page(agent, "/settings")
    german = await page(agent, "/settings", **GERMAN)

    assert '<html lang="de"' in german
    assert "Sprache und Zeit" in german


async def test_a_page_speaks_the_language_that_its_reader_chose(desk: Desk) -> None:
    agent = await desk.agent()

    assert (await chosen(agent, "de")).status == 303
    german = await page(agent, "/", **{"Accept-Language": "en"})

    assert '<html lang="de"' in german
    assert "Nicht zugewiesen" in german
    await chosen(agent, "en")
    assert '<html lang="en"' in await page(agent, "/", **GERMAN)
    await chosen(agent)
    assert '<html lang="de"' in await page(agent, "/", **GERMAN)


async def test_a_guest_logs_in_in_the_language_of_the_browser(desk: Desk) -> None:
    await desk.admin()

    german = await page(Guest(desk), "/login", **GERMAN)

    assert '<html lang="de"' in german
    assert ">Anmelden<" in german


async def test_the_choice_is_shown_again_where_it_was_made(desk: Desk) -> None:
    agent = await desk.agent()
    await chosen(agent, "de", "Asia/Tokyo")

    shown = await page(agent, "/settings")

    assert re.search(r'<option value="de" selected[^>]*>Deutsch', shown)
    assert re.search(r'name="time_zone"[^>]*value="Asia/Tokyo"', shown)


@pytest.mark.parametrize(
    ("language", "zone", "message"),
    [
        ("tlh", "", "Is no language of this desk"),
        ("", "Mars/Olympus", "Is no time zone such as Europe/Berlin"),
        ("", "../../etc/passwd", "Is no time zone such as Europe/Berlin"),
        ("", "E" * 65, "Expected `str` of length &lt;= 64"),
        ("", "Europe/\0", "Must not contain NUL"),
    ],
)
async def test_a_language_or_zone_that_there_is_not_is_refused_by_name(
    desk: Desk, language: str, zone: str, message: str
) -> None:
    agent = await desk.agent()
    await chosen(agent, "en", "Asia/Tokyo")

    refused = await chosen(agent, language, zone)

    assert refused.status == 422
    shown = refused.body.decode()
    assert message in shown or message.lower() in shown
    assert desk.db.peek(people.get, agent.id).time_zone == "Asia/Tokyo", "nothing half-written"


# Times -----------------------------------------------------------------------------------------------------------


async def test_times_are_shown_in_the_zone_of_who_reads(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    here = f"/tickets/{ticket['id']}"
    at = wording.instant(ticket["created_at"])

    in_utc = await page(agent, here)
    await chosen(agent, "", "Asia/Tokyo")
    in_tokyo = await page(agent, here)

    assert wording.full_time(at, ZoneInfo("UTC")) in in_utc
    assert wording.full_time(at, ZoneInfo("Asia/Tokyo")) in in_tokyo
    assert wording.full_time(at, ZoneInfo("UTC")) not in in_tokyo
    assert 'data-zone="Asia/Tokyo"' in in_tokyo
    assert "data-zone=" not in in_utc


async def test_a_zone_that_is_not_known_any_more_falls_back_to_the_desks(desk: Desk) -> None:
    agent = await desk.agent()
    await desk.db.write(people.set_words, agent.id, language="de", time_zone="Mars/Olympus")

    shown = await page(agent, "/settings")

    assert '<html lang="de"' in shown
    assert "data-zone=" not in shown
    await desk.db.write(meta.put, "time_zone", "Mars/Olympus")
    assert (await agent.get("/", headers=PAGE)).status == 200


# Refusals --------------------------------------------------------------------------------------------------------


async def test_a_refusal_is_said_in_the_language_that_was_asked_for_and_keeps_its_code(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket()
    body, path = {"status": "new"}, f"/api/tickets/{ticket['id']}/status"

    await agent.put(path, {"status": "open"})
    plain = await agent.put(path, body)
    german = await agent.put(path, body, headers=GERMAN)

    assert plain.body["detail"] == "A ticket cannot go from open to new."
    assert german.body["detail"] == "Ein Ticket kann nicht von „offen“ zu „neu“ wechseln."
    assert german.body["title"] == "Wechsel nicht möglich"
    same = ("code", "status", "type", "allowed")
    assert [german.body[name] for name in same] == [plain.body[name] for name in same]


async def test_every_bad_field_is_explained_in_the_language_and_keeps_its_pointer(desk: Desk) -> None:
    agent = await desk.agent()
    body = {"title": "", "tags": [""], "priority": "huge", "colour": "red"}

    plain = (await agent.post("/api/tickets/", body)).body
    german = (await agent.post("/api/tickets/", body, headers=GERMAN)).body

    def named(answer: dict[str, Any]) -> set[tuple[str, str]]:
        return {(error["pointer"], error["code"]) for error in answer["errors"]}

    said = {error["pointer"]: error["message"] for error in german["errors"]}
    assert named(plain) == named(german)
    assert said["/title"] == "darf nicht leer sein"
    assert said["/colour"] == "ist hier kein Feld"
    assert said["/priority"] == "unbekannter Wert 'huge'"
    assert "/title: darf nicht leer sein" in german["detail"]
    assert "/title: must not be empty" in plain["detail"]


async def test_reasons_against_a_move_are_given_in_the_language(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket(auto_assign=False)

    refused = await agent.put(
        f"/api/tickets/{ticket['id']}/status", {"status": "in_progress"}, headers=GERMAN
    )

    assert refused.body["reasons"] == [
        {"code": "assignee_required", "message": "Weisen Sie das Ticket zuerst jemandem zu."}
    ]
    assert refused.body["detail"] == "Weisen Sie das Ticket zuerst jemandem zu."


async def test_each_ticket_of_many_is_refused_in_the_language(desk: Desk) -> None:
    agent = await desk.agent()
    body = {"ids": [999], "action": "priority", "priority": "high"}

    answer = await agent.post("/api/tickets/bulk", body, headers=GERMAN)

    assert answer.body["results"][0]["error"]["detail"] == "Ticket 999 gibt es nicht."


async def test_what_a_call_says_in_its_result_is_in_the_language(desk: Desk) -> None:
    agent = await desk.agent()
    body = {"files": [{"filename": "a.exe", "size": 10}]}

    answer = await agent.post("/api/files/validate", body, headers=GERMAN)

    [error] = answer.body["files"][0]["errors"]
    assert error == {
        "code": "type_not_allowed",
        "message": "Dateien vom Typ .exe werden nicht angenommen.",
    }


async def test_a_refusal_under_a_key_is_repeated_as_it_was_answered(desk: Desk) -> None:
    agent = await desk.agent()
    key = {"Idempotency-Key": "once"}

    first = await agent.post("/api/tickets/", {"title": ""}, headers=key | GERMAN)
    again = await agent.post("/api/tickets/", {"title": ""}, headers=key)

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.body["detail"] == first.body["detail"]
    assert "darf nicht leer sein" in again.body["detail"]


async def test_the_error_page_speaks_the_language_of_its_reader(desk: Desk) -> None:
    agent = await desk.agent()
    await chosen(agent, "de")

    shown = await page(agent, "/tickets/999")
    lost = await page(agent, "/no/such/page")

    assert '<html lang="de"' in shown
    assert "Ticket 999 gibt es nicht." in shown
    assert "/no/such/page gibt es hier nicht." in lost


async def test_what_the_desk_did_by_itself_is_explained_in_the_language_of_who_reads(desk: Desk) -> None:
    agent = await desk.agent()
    ticket = await agent.ticket(assigned_to=agent.id)
    await agent.put(f"/api/tickets/{ticket['id']}/status", {"status": "resolved"})
    await desk.live(8 * DAY)
    await chosen(agent, "de")

    shown = await page(agent, f"/tickets/{ticket['id']}")

    assert "Nach der Lösung von selbst geschlossen." in shown
    assert "Status Gelöst → Geschlossen" in shown


async def test_a_form_shows_what_is_wrong_in_the_language_of_its_reader(desk: Desk) -> None:
    agent = await desk.agent()
    await chosen(agent, "de")

    refused = await agent.call("POST", "/tickets/new", data={"title": " "})

    assert refused.status == 422
    assert "Darf nicht leer sein" in refused.body.decode()


async def test_a_socket_refuses_in_the_language_of_the_person(desk: Desk) -> None:
    agent = await desk.agent()
    await chosen(agent, "de")

    socket = await connect(agent)
    error = await socket.refused("join_ticket", ticket_id=999)

    assert (error["code"], error["message"]) == ("not_found", "Ticket 999 gibt es nicht.")
    await socket.close()


# The header ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("DE-de", "de"),
        ("en;q=0.3, de;q=0.8", "de"),
        ("de;q=0.3, en;q=0.8", "en"),
        ("fr, de;q=0.2", "de"),
        ("fr, nl", "en"),
        ("*", "en"),
        ("de;q=0", "en"),
        ("de;q=nan, en;q=0.1", "en"),
        ("de;q=inf, en;q=0.1", "en"),
        ("de;q=2", "en"),
        ("de ; q=0.7, en;q=0.2", "de"),
        ("de-Latn-DE-1996;q=1.000", "de"),
        ("de;q=much", "en"),
        (";;;,,,=q;=", "en"),
        ("de;level=1;q=0.1, en;q=0.5", "en"),
        ("x" * 10_000, "en"),
        (",".join(["fr"] * 3000) + ",de", "en"),
    ],
)
def test_the_best_liked_language_that_there_is_is_spoken(header: str, language: str) -> None:
    request = make_mocked_request("GET", "/", headers={"Accept-Language": header})

    assert words.of_request(request).language == language


def test_an_unknown_language_is_english() -> None:
    assert words.words("tlh") is words.words("tlh")
    assert words.words("tlh").language == "en"


# Words -----------------------------------------------------------------------------------------------------------


def test_a_text_inside_a_text_is_translated_as_well() -> None:
    german = words.words("de")
    refusal = Invalid([*invalid("/a", say("is required")).errors, *invalid("", say("must be an id")).errors])

    assert refusal.detail == "/a: is required; /: must be an id"
    assert german.say(refusal.detail) == "/a: ist nötig; /: muss eine Nummer sein"
    assert german.say(begun(joined(" ", [say("interval {n}", n=2), say("is required")]))) == (
        "Zeitspanne 2 ist nötig"
    )


def test_what_no_catalogue_knows_is_said_in_english() -> None:
    german = words.words("de")

    assert german.say(say("The moon is {colour}.", colour="red")) == "The moon is red."
    assert german.say(count("{n} moon", "{n} moons", 2)) == "2 moons"
    assert german.say("as it is") == "as it is"
    assert german.say(joined(", ", [])) == ""


async def test_the_desk_tells_programs_its_table_of_moves_in_english(desk: Desk) -> None:
    agent = await desk.person(Role.AGENT)

    found = await agent.get("/api/tickets/workflow/transitions", headers=GERMAN)

    assert {status["label"] for status in found.body["statuses"]} >= {"On hold", "Resolved"}
