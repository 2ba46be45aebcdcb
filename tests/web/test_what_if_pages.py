"""The page that asks what would have been, without a script."""

import re

from servicedesk.domain.times import HOUR
from tests.served import Client, Desk

PAGE = "/numbers/what-if"


async def html(person: Client, path: str = PAGE) -> str:
    answer = await person.get(path, headers={"Accept": "text/html"})
    assert answer.status == 200
    return str(answer.body.decode())


async def ask(person: Client, **fields: str) -> tuple[int, str]:
    answer = await person.call("POST", PAGE, data=fields, headers={"Accept": "text/html"})
    return answer.status, answer.body.decode()


def wrong(page: str) -> list[str]:
    """Return the names of the fields that the page calls wrong."""
    return [
        re.findall(r'name="([^"]*)"', tag)[0] for tag in re.findall(r"<input[^>]*aria-invalid[^>]*>", page)
    ]


async def test_the_page_shows_everybody_as_they_are_and_answers_what_was_changed(desk: Desk) -> None:
    admin = await desk.admin(name="Ada", availability="away")
    mia, leo = await desk.agent(name="Mia", max_tickets=1), await desk.agent(name="Leo", availability="away")
    for number in range(3):
        await admin.ticket(f"Number {number}")
        desk.clock.advance(HOUR)

    before = await html(admin)
    status, after = await ask(admin, **{f"availability_{leo.id}": "available", f"max_tickets_{mia.id}": "1"})

    assert 'id="found"' not in before
    assert f'name="max_tickets_{mia.id}" type="text" value="1"' in before
    assert status == 200
    assert re.search(r"Waited to the end</th><td>2</td><td>0</td>", after)
    assert re.search(r">Leo</th><td>0 → 2</td>", after)
    assert after.count(">Changed<") == 1


async def test_what_makes_no_sense_is_said_beside_its_field_and_kept_in_the_form(desk: Desk) -> None:
    admin, agent = await desk.admin(), await desk.agent()

    status, page = await ask(admin, **{f"max_tickets_{agent.id}": "many", "weight_skills": "500"})

    assert status == 422
    assert wrong(page) == ["weight_skills", f"max_tickets_{agent.id}"]
    assert "A number from 0 to 100<" in page
    assert 'role="alert"' in page
    assert 'value="many"' in page
    assert 'value="500"' in page
    assert wrong((await ask(admin, **{"from": "yesterday"}))[1]) == ["from"]
    assert wrong((await ask(admin, **{"from": "2030-01-02", "to": "2030-01-01"}))[1]) == ["from"]
    assert "The weights must not all be 0" in (await ask(admin, weight_skills="0"))[1]


async def test_people_to_whom_no_ticket_could_be_given_are_not_asked_about(desk: Desk) -> None:
    admin, lead, agent = await desk.admin(), await desk.admin(), await desk.agent()
    await desk.team("Network", lead)

    page = await html(admin)

    assert [f'name="skills_{each.id}"' in page for each in (admin, lead, agent)] == [False, True, True]


async def test_only_supervisors_ask(desk: Desk) -> None:
    agent, rio = await desk.agent(), await desk.customer()

    for person in (agent, rio):
        assert (await person.get(PAGE, headers={"Accept": "text/html"})).status == 403
        assert (await ask(person))[0] == 403
    assert PAGE not in await html(agent, "/numbers")
    assert PAGE in await html(await desk.admin(), "/numbers")
