"""The page of escalation policies and the ticket's own part of it, without JavaScript."""

import html
import re

import pytest

from servicedesk.domain.people import Role
from servicedesk.domain.times import HOUR
from servicedesk.web.escalation_pages import minutes_of
from tests.served import Answer, Client, Desk

HERE = "/settings/escalation"
Fields = list[tuple[str, str]]
FIRST: Fields = [
    ("name", "Watch"),
    ("kind_1", "share"),
    ("amount_1", "75 %"),
    ("of_1", "clock:resolution"),
    ("whom_1", "lead"),
    ("do_1", "notify"),
    ("do_1", "tag"),
    ("tag_1", "late"),
    ("within_1", "1 h 30 min"),
]
SECOND: Fields = [
    ("kind_2", "before"),
    ("amount_2", "30 min"),
    ("of_2", "clock:first_response"),
    ("whom_2", "assignee"),
    ("do_2", "raise_priority"),
]


async def send(by: Client, path: str, fields: Fields) -> Answer:
    return await by.call("POST", path, data=fields)


def shown(answer: Answer) -> str:
    """Return the words of the page, without its marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.body.decode())).split())


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("30 min", 30), ("1 h 30 min", 90), ("2d", 2880), ("", None), ("soon", "soon"), ("5", "5")],
)
def test_a_time_is_read_as_people_write_it(text: str, minutes: int | str | None) -> None:
    assert minutes_of(text) == minutes


async def test_the_form_makes_changes_and_deletes_a_policy(desk: Desk) -> None:
    boss = await desk.person(Role.SUPERVISOR)

    made = await send(boss, HERE, FIRST)
    assert (made.status, made.headers["Location"]) == (303, f"{HERE}?done=made")
    (policy,) = await boss.all("/api/escalation/policies/")
    (tier,) = policy["tiers"]
    assert (tier["when"]["percent"], tier["do"], tier["tag"]) == (75, ["notify", "tag"], "late")
    assert tier["acknowledge_minutes"] == 90
    words = shown(await boss.get(HERE))
    assert "75 % of the time until the resolution Notify, tag late: the team's lead" in words
    assert "to be acknowledged within 1 h 30 min" in words

    edit = await boss.get(f"{HERE}?edit={policy['id']}")
    assert b'name="id_1" value="1"' in edit.body
    changed = [*FIRST, ("id_1", "1"), ("place_1", "2"), *SECOND, ("place_2", "1"), ("version", "1")]
    assert (await send(boss, f"{HERE}/{policy['id']}", changed)).status == 303
    (policy,) = await boss.all("/api/escalation/policies/")
    assert [(t["id"], t["when"]["kind"]) for t in policy["tiers"]] == [(2, "offset"), (1, "share")]
    assert policy["tiers"][0]["when"]["minutes"] == -30

    stale = await send(boss, f"{HERE}/{policy['id']}", changed)
    assert stale.status == 412
    assert (await send(boss, f"{HERE}/{policy['id']}/delete", [])).status == 303
    assert "No policy yet" in shown(await boss.get(HERE))


async def test_what_is_wrong_stands_beside_its_tier_with_what_was_typed(desk: Desk) -> None:
    boss = await desk.person(Role.SUPERVISOR)
    wrong: Fields = [
        ("name", "Watch"),
        ("kind_1", "share"),
        ("amount_1", "soon"),
        ("of_1", "status:open"),
        ("whom_1", "assignee"),
        ("do_1", "reassign"),
        ("within_1", "quickly"),
        ("kind_4", "status"),
        ("amount_4", "2 h"),
        ("whom_4", "lead"),
    ]

    answer = await send(boss, HERE, wrong)

    assert answer.status == 422
    words = shown(answer)
    assert "Write a share like 75 %" in words
    assert "Write the time to acknowledge like 15 min" in words
    assert b'value="soon"' in answer.body
    assert b'id="wrong-2"' in answer.body  # the second tier, though it stood in the fourth row
    empty = await send(boss, HERE, [("name", "Watch")])
    assert empty.status == 422


async def test_agents_see_policies_and_customers_do_not(desk: Desk) -> None:
    agent, customer = await desk.agent(), await desk.customer()

    page = await agent.get(HERE)
    assert page.status == 200
    assert b'action="/settings/escalation"' not in page.body
    assert (await send(agent, HERE, FIRST)).status == 403
    assert (await customer.get(HERE)).status == 403


async def test_a_team_gets_its_policy_on_the_page_of_people(desk: Desk) -> None:
    boss = await desk.person(Role.SUPERVISOR)
    team = await desk.team("Network")
    await send(boss, HERE, FIRST)

    fields = [("name", "Network"), ("assignment", "balanced"), ("escalation_policy_id", "1")]
    await send(boss, f"/teams/{team}", fields)

    assert (await boss.get(f"/api/teams/{team}")).body["escalation_policy_id"] == 1
    assert b"Escalation of Network" in (await boss.get("/people")).body
    assert "Network" in shown(await boss.get(HERE))


async def test_the_ticket_page_says_what_fired_and_who_is_to_acknowledge_it(desk: Desk) -> None:
    boss, lead = await desk.person(Role.SUPERVISOR), await desk.agent(name="Lea")
    customer = await desk.customer()
    team = await desk.team("Support", lead, lead=lead)
    await send(boss, HERE, [*FIRST, ("is_default", "on")])
    ticket = await boss.ticket(team_id=team, requester={"email": customer.user.email, "name": "x"})
    page = f"/tickets/{ticket['id']}"
    assert b"Acknowledge" not in (await boss.get(page)).body
    await desk.live(18 * HOUR)

    before = shown(await lead.get(page))
    assert "Lea is to acknowledge it: 1 h left" in before
    assert "75 % of the time until the resolution: tagged late, notified." in before
    assert b"Acknowledge" not in (await customer.get(page)).body
    assert (await send(lead, f"{page}/acknowledge", [])).status == 303

    after = shown(await lead.get(page))
    assert "Lea acknowledged it" in after
    assert "is to acknowledge it" not in after
