"""Pages as a browser asks for them: who gets them, where they lead, what they weigh."""

import gzip
import re

import pytest
from multidict import MultiDict

from servicedesk.domain.people import Availability, Role, User
from servicedesk.web import frame, queue
from servicedesk.web.keys import SETTINGS
from tests.served import Client, Desk
from tests.web.guests import Guest

HTML = {"Accept": "text/html"}


async def html(client: Client, path: str) -> str:
    answer = await client.get(path, headers=HTML)
    assert answer.status == 200, path
    return str(answer.body.decode())


async def test_without_a_log_in_every_page_leads_to_it_and_back(desk: Desk) -> None:
    for path in (
        "/",
        "/tickets/new",
        "/tickets/1",
        "/search?q=x",
        "/numbers",
        "/people",
        "/notifications",
        "/settings",
        "/settings/calendars",
        "/settings/escalation",
        "/settings/sla",
        "/settings/views",
        "/settings/macros",
        "/settings/all",
        "/settings/desk",
        "/settings/sessions",
        "/settings/audit",
        "/settings/status",
        "/files/whatever/view",
    ):
        async with desk.session().get(path, allow_redirects=False) as answer:
            assert answer.status == 303
            assert answer.headers["Location"].startswith("/login")


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/tickets/7?view=mine", "/tickets/7?view=mine"),
        ("//evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/login?next=/login", "/"),
        ("", "/"),
        (None, "/"),
        ("/a\r\nSet-Cookie: x", "/"),
    ],
)
def test_a_log_in_leads_back_to_our_own_pages_only(asked: str | None, led: str) -> None:
    assert frame.local(asked) == led


async def test_a_customer_gets_no_page_of_the_staff(desk: Desk) -> None:
    customer, agent = await desk.customer(), await desk.agent()
    foreign = await agent.ticket()

    for path in ("/numbers", "/people", "/settings/calendars", "/settings/escalation", "/settings/sla"):
        assert (await customer.get(path, headers=HTML)).status == 403
    assert (await customer.get(f"/tickets/{foreign['id']}", headers=HTML)).status == 404


async def test_a_customers_page_holds_nothing_internal(desk: Desk) -> None:
    customer, agent = await desk.customer(), await desk.agent()
    ticket = await customer.ticket()
    path = f"/api/tickets/{ticket['id']}"
    await agent.post(f"{path}/messages", {"body": "SECRET note", "is_internal": True})
    await agent.put(f"{path}/status", {"status": "on_hold", "comment": "SECRET reason"})

    for address in (
        f"/tickets/{ticket['id']}",
        f"/tickets/{ticket['id']}?part=ticket&after=0",
        "/search?q=SECRET",
        "/notifications",
    ):
        page = (await html(customer, address)).replace('value="SECRET"', "").replace("“SECRET”", "")
        page = re.sub(r"<title>.*?</title>", "", page)
        assert "SECRET" not in page


async def test_the_page_of_notifications_walks_back(desk: Desk) -> None:
    agent, by = await desk.agent(), await desk.admin()
    for n in range(52):
        await by.ticket(f"Ticket {n:02}", assigned_to=agent.id)

    page = await html(agent, "/notifications")
    assert "Ticket 51" in page
    assert "Ticket 01" not in page
    older = re.search(r'href="(/notifications\?before=\d+)"', page)
    assert older is not None
    assert "Ticket 01" in await html(agent, older[1])


async def test_the_counts_of_the_views_equal_their_lists(desk: Desk) -> None:
    agent = await desk.agent()
    for n in range(12):
        ticket = await agent.ticket(f"Ticket {n}", auto_assign=n % 2 == 0)
        if n % 3 == 0:
            await agent.put(f"/api/tickets/{ticket['id']}/status", {"status": "pending"})

    page = await html(agent, "/")
    for view in queue.STAFF_VIEWS:
        counted = re.search(rf'data-view="{view.name}".*?class="count">(\d+)<', page)
        listed = await html(agent, f"/?view={view.name}")
        assert counted is not None
        assert int(counted[1]) == listed.count('class="row-ticket')


async def test_an_unknown_filter_in_an_address_is_left_out_not_refused(desk: Desk) -> None:
    agent = await desk.agent()
    await agent.ticket("Still there")

    assert "Still there" in await html(agent, "/?view=nonsense&status=%FF&priority=huge&shown=-3")


def test_a_filter_on_a_field_that_the_view_sets_takes_its_place(desk: Desk) -> None:
    look = queue.look(queue.STAFF_VIEWS, desk_agent(), MultiDict({"view": "mine", "status": "closed"}))

    assert (look.query.status, look.query.assigned_to) == (["closed"], ["me"])


def desk_agent() -> User:
    return User(
        id=1,
        email="a@desk.example",
        name="A",
        role=Role.AGENT,
        is_active=True,
        max_tickets=10,
        skills=(),
        availability=Availability.AVAILABLE,
        team_ids=(),
        created_at=0,
    )


@pytest.mark.parametrize("path", ["/", "/tickets/1", "/login"])
async def test_the_first_view_weighs_little(desk: Desk, path: str) -> None:
    agent = await desk.agent()
    for n in range(50):
        await agent.ticket(f"Ticket {n}", tags=["vpn", "mail"])
    reader = Guest(desk) if path == "/login" else agent
    page = await html(reader, path)

    weight = {"js": 0, "css": 0}
    addresses = set(re.findall(r'(?:src|href)="(/static/[^"#]+\.(?:js|css))"', page))
    addresses |= {
        address.replace("live.js", name)
        for address in addresses
        if address.endswith("/live.js")
        for name in ("line.js", "worker.js")  # the first tab starts them
    }
    assert {address.rsplit(".", 1)[1] for address in addresses} == {"js", "css"}
    for address in addresses:
        async with agent.session.get(
            address, headers={"Accept-Encoding": "gzip"}, auto_decompress=False
        ) as answer:  # type: ignore[call-arg]
            weight[address.rsplit(".", 1)[1]] += len(await answer.read())

    assert weight["js"] <= 35 * 1024
    assert weight["css"] <= 12 * 1024
    assert len(gzip.compress(page.encode())) <= 25 * 1024


async def test_pages_carry_no_inline_script_or_style(desk: Desk) -> None:
    admin = await desk.admin()
    await admin.ticket(description="[x](https://a.example)")

    for path in (
        "/",
        "/tickets/1",
        "/numbers",
        "/people",
        "/settings",
        "/settings/calendars",
        "/settings/escalation",
        "/settings/sla",
        "/settings/views",
        "/settings/macros",
        "/settings/all",
        "/settings/desk",
        "/settings/sessions",
        "/settings/audit",
        "/settings/status",
        "/search?q=printer",
        "/api/docs",
        "/api/docs/live",
    ):
        page = await html(admin, path)
        assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=|javascript:", page), path


async def test_static_files_are_kept_for_ever_under_their_version_and_found_again_by_etag(desk: Desk) -> None:
    agent = await desk.agent()
    address = re.search(r'"(/static/[^"]+/app\.js)"', await html(agent, "/"))
    assert address is not None
    first = await agent.get(address[1])
    again = await agent.get(address[1], headers={"If-None-Match": first.headers["ETag"]})

    assert first.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert again.status == 304
    assert (await agent.get("/static/0/app.js")).headers["Cache-Control"] == "no-cache"
    assert (await agent.get("/static/0/../../setup.cfg")).status == 404
    assert not desk.app[SETTINGS].is_development


async def test_a_page_that_does_not_exist_says_so_in_words(desk: Desk) -> None:
    answer = await (await desk.agent()).get("/tickets/999", headers=HTML)

    assert answer.status == 404
    assert "There is nothing here" in answer.body.decode()
