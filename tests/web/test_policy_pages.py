"""The page of promises, and its forms without JavaScript."""

import html
import re
from typing import Any

import pytest

from servicedesk.domain.people import Role
from servicedesk.domain.times import HOUR
from servicedesk.web.policy_pages import seconds_of
from tests.served import Answer, Client, Desk
from tests.web.test_sla import ROWS, TARGETS, a_policy, a_supervisor, office

HERE = "/settings/sla"
FIELDS: list[tuple[str, str]] = [
    ("name", "Support"),
    ("critical_first_response", "1 h"),
    ("critical_next_response", "30 min"),
    ("critical_resolution", "4h"),
    ("low_resolution", "1 h 30 min"),
    ("pause_resolution", "pending"),
    ("pause_resolution", "on_hold"),
    ("is_default", "on"),
]


async def send(by: Client, path: str, fields: list[tuple[str, str]]) -> Answer:
    return await by.call("POST", path, data=fields)


def shown(answer: Answer) -> str:
    """Return the words of the page, without its marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.body.decode())).split())


def changed(**values: str) -> list[tuple[str, str]]:
    return [(name, value) for name, value in FIELDS if name not in values] + list(values.items())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4 h", 14_400),
        ("1h 30min", 5400),
        ("90 m", 5400),
        (" 1 min 30 s ", 90),
        ("", None),
        ("–", None),
        ("soon", "soon"),
        ("4", "4"),
        ("1 d", "1 d"),
        ("4 hours", "4 hours"),
    ],
)
def test_a_time_is_read_as_people_write_it(text: str, seconds: int | str | None) -> None:
    assert seconds_of(text) == seconds


async def test_the_form_makes_a_policy(desk: Desk) -> None:
    boss = await a_supervisor(desk)

    answer = await send(boss, HERE, FIELDS)

    assert (answer.status, answer.headers["Location"]) == (303, f"{HERE}?done=made")
    made = (await boss.get(f"{ROWS}1")).body
    assert made == {
        "id": 1,
        "name": "Support",
        "is_default": True,
        "calendar_id": None,
        "targets": {
            "critical": TARGETS["critical"],
            "low": {"first_response_s": None, "next_response_s": None, "resolution_s": 5400},
        },
        "pauses": {"first_response": [], "next_response": [], "resolution": ["pending", "on_hold"]},
        "version": 1,
    }


async def test_saving_the_form_as_it_is_changes_nothing(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    made = await a_policy(boss, is_default=True, calendar_id=await office(boss))
    page = (await boss.get(f"{HERE}?edit=1")).body.decode()
    form = re.search(r'<form[^>]*id="edit".*?</form>', page, re.DOTALL)
    assert form is not None
    fields = []
    for tag in re.findall(r"<input[^>]*>|<option[^>]*selected[^>]*>", form[0]):
        if 'type="checkbox"' in tag and "checked" not in tag:
            continue
        name, value = re.search(r'name="(\w+)"', tag), re.search(r'value="([^"]*)"', tag)
        fields.append((name[1] if name else "calendar_id", html.unescape(value[1]) if value else ""))

    answer = await send(boss, f"{HERE}/1", fields)

    assert answer.status == 303
    assert (await boss.get(f"{ROWS}1")).body == made


async def test_what_is_wrong_is_said_beside_what_was_typed(desk: Desk) -> None:
    boss = await a_supervisor(desk)

    answer = await send(boss, HERE, changed(name=" ", high_resolution="soon", calendar_id="77"))
    unknown = await send(boss, HERE, changed(calendar_id="77"))
    closed = await send(boss, HERE, changed(pause_next_response="closed"))

    assert (answer.status, unknown.status, closed.status) == (422, 422, 422)
    assert "Write it like 4 h or 1 h 30 min" in shown(answer)
    assert 'value="soon"' in answer.body.decode()
    assert "Must not be blank" in shown(answer)
    assert "Is no calendar" in shown(unknown)
    assert "Is no status in which a ticket waits" in shown(closed)
    assert (await boss.get(ROWS)).body["items"] == []


async def test_who_read_an_older_version_is_told_and_may_save_again(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_policy(boss)
    await boss.put(f"{ROWS}1", {"name": "Meanwhile", "targets": TARGETS})

    late = await send(boss, f"{HERE}/1", changed(version="1", edited="1"))
    version = re.search(r'name="version" value="(\d+)"', late.body.decode())
    again = await send(boss, f"{HERE}/1", changed(version=version[1] if version else "", edited="1"))

    assert (late.status, again.status) == (412, 303)
    assert "The policy has changed since you read it." in shown(late)
    assert (await boss.get(f"{ROWS}1")).body["name"] == "Support"


async def test_a_policy_can_be_tried_before_it_is_made(desk: Desk) -> None:
    boss, agent = await a_supervisor(desk), await desk.agent()
    ticket = await agent.ticket(priority="critical", assigned_to=agent.id)
    desk.clock.advance(2 * HOUR)
    await agent.put(f"/api/tickets/{ticket['id']}/status", {"status": "resolved"})

    answer = await send(boss, f"{HERE}/try", changed(critical_first_response="3 h"))
    bad = await send(boss, f"{HERE}/try", changed(critical_first_response="3 days"))

    assert (answer.status, bad.status) == (200, 422)
    assert "1 ticket of the last 30 days" in shown(answer)
    assert "1 breached → met" in shown(answer)
    assert 'value="3 h"' in answer.body.decode()
    assert (await boss.get(ROWS)).body["items"] == []


async def test_a_policy_that_is_followed_stays_and_the_reason_is_said(desk: Desk) -> None:
    boss = await a_supervisor(desk)
    await a_policy(boss, is_default=True)
    await a_policy(boss, "Other")

    kept = await send(boss, f"{HERE}/1/delete", [])
    gone = await send(boss, f"{HERE}/2/delete", [])

    assert (kept.status, gone.status) == (409, 303)
    assert "The policy is in use" in shown(kept)


async def test_agents_read_the_page_and_have_no_form(desk: Desk) -> None:
    agent = await desk.agent()

    page = shown(await agent.get(HERE))
    await a_policy(await a_supervisor(desk), "Ours", is_default=True)
    later = shown(await agent.get(HERE))

    assert "Standard" in page
    assert "Standard" not in later
    assert "Ours Default" in later
    assert "Add a policy" not in later
    assert (await send(agent, HERE, FIELDS)).status == 403


async def test_a_team_chooses_its_promises_on_the_page_of_people(desk: Desk) -> None:
    boss = await desk.person(Role.SUPERVISOR)
    await a_policy(boss)
    team = await desk.team("Network")
    fields: dict[str, Any] = {
        "name": "Network",
        "assignment": "balanced",
        "lead_id": "",
        "sla_policy_id": "1",
    }

    answer = await boss.call("POST", f"/teams/{team}", data=fields)

    assert answer.status == 303
    assert (await boss.get(f"/api/teams/{team}")).body["sla_policy_id"] == 1


async def test_the_ticket_says_how_its_clocks_were_counted(desk: Desk) -> None:
    boss, agent = await a_supervisor(desk), await desk.agent()
    await a_policy(boss, is_default=True, calendar_id=await office(boss))
    ticket = await agent.ticket(auto_assign=False)
    path = f"/api/tickets/{ticket['id']}"
    await agent.put(f"{path}/status", {"status": "pending"})
    desk.clock.advance(2 * HOUR)
    await agent.put(f"{path}/status", {"status": "open"})
    desk.clock.advance(2 * HOUR)

    page = shown(await agent.get(f"/tickets/{ticket['id']}"))

    assert "First answer within 2 h, running 1 h counted, 1 h closed, 2 h paused" in page
    assert "Support · Office" in page
