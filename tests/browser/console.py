"""All pages of the console: an example address of each row of the route table, and who may see it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from servicedesk.demo import things
from servicedesk.domain.times import DAY, HOUR, MINUTE
from servicedesk.web.api import Kind
from servicedesk.web.routes import ROWS
from tests import files_made_up as files
from tests.served import Client, Desk
from tests.web.forms import settled, upload
from tests.web.letters import opened

STRANGER: Final = "stranger"
LOGGED_IN: Final = frozenset({"admin", "agent", "customer"})
STAFF: Final = frozenset({"admin", "agent"})
ADMIN: Final = frozenset({"admin"})
EVERYBODY: Final = LOGGED_IN | {STRANGER}
ONLY_STRANGERS: Final = frozenset({STRANGER})
NOBODY: Final[frozenset[str]] = frozenset()


class Page(NamedTuple):
    """A row of the route table as people meet it; ``{names}`` in an address are those of the lived-in desk."""

    row: str
    to: frozenset[str]
    at: tuple[str, ...] = ()
    """Where examples are: the row itself where nothing is said."""

    def addresses(self, names: dict[str, str]) -> list[str]:
        return [address.format(**names) for address in self.at or (self.row,)]


PAGES: Final = (
    Page("/", LOGGED_IN, ("/", "/?view=mine", "/?view=unassigned&status=new", "/?view={view}", "/?tag=none")),
    Page("/tickets/new", LOGGED_IN),
    Page(
        "/tickets/{id}",
        LOGGED_IN,
        ("/tickets/{ticket}", "/tickets/{closed}", "/tickets/{paused}", "/tickets/{breached}"),
    ),
    Page("/files/{id}/view", LOGGED_IN, ("/files/{picture}/view", "/files/{table}/view")),
    Page("/search", LOGGED_IN, ("/search", "/search?q=printer", "/search?q=nothing-like-it")),
    Page("/numbers", STAFF),
    Page("/numbers/what-if", ADMIN),
    Page("/notifications", LOGGED_IN),
    Page("/people", STAFF, ("/people", "/people?edit=1")),
    Page("/settings", LOGGED_IN),
    Page("/settings/second-step", LOGGED_IN),
    Page("/settings/sla", STAFF, ("/settings/sla", "/settings/sla?edit={policy}")),
    Page("/settings/escalation", STAFF, ("/settings/escalation", "/settings/escalation?edit={escalation}")),
    Page("/settings/calendars", STAFF, ("/settings/calendars", "/settings/calendars?edit={calendar}")),
    Page("/settings/macros", STAFF),
    Page(
        "/tickets/{id}/macros", STAFF, ("/tickets/{ticket}/macros", "/tickets/{ticket}/macros?macro={macro}")
    ),
    Page("/settings/views", STAFF, ("/settings/views", "/settings/views?query=status%3Dnew")),
    Page("/settings/all", STAFF),
    Page("/settings/desk", ADMIN),
    Page("/settings/sessions", ADMIN),
    Page("/settings/audit", ADMIN, ("/settings/audit", "/settings/audit?area=people")),
    Page("/settings/status", ADMIN),
    Page("/new", EVERYBODY),
    Page("/t/{token}", EVERYBODY, ("{link}",)),
    Page("/t/{token}/view/{id}", EVERYBODY, ("{link}/view/{receipt}",)),
    Page("/login", ONLY_STRANGERS, ("/login", "/login?next=/tickets/1")),
    Page("/api/docs", EVERYBODY),
    Page("/api/docs/live", EVERYBODY),
    # There is no such page outside development; a test of its own looks at it.
    Page("/styleguide", NOBODY),
    # Its link is used up as soon as the desk has a user; a test of its own looks at it.
    Page("/setup", NOBODY),
)
NOT_PAGES: Final = {
    "/static/{version}/{name:.+}",
    *(f"/t/{{token}}/files/{{id}}/{form}" for form in ("download", "thumbnail", "picture")),
}


def rows_of_pages() -> set[str]:
    """Return the paths in the route table that a browser shows."""
    return {
        row.path for row in ROWS if row.kind in (Kind.PAGE, Kind.LINK) and row.method == "GET"
    } - NOT_PAGES


@dataclass
class Lived:
    """A desk on which everything has happened once, and people who look at it."""

    desk: Desk
    people: dict[str, Client]
    names: dict[str, str] = field(default_factory=dict)

    @property
    def admin(self) -> Client:
        return self.people["admin"]

    def pages(self, who: str) -> Iterator[str]:
        """Yield the addresses that somebody of this kind may see."""
        for page in PAGES:
            if who in page.to:
                yield from page.addresses(self.names)


async def a_lived_in_desk(desk: Desk) -> Lived:
    """Let three days pass on the desk, up to where its clock stands."""
    until = desk.clock.now
    desk.clock.now = until - 3 * DAY
    admin, customer = await desk.admin(name="Ada Admin"), await desk.customer(name="Carla Weiss")
    agent = await desk.agent(name="Mara Lind", skills=("vpn",))
    lived = Lived(desk, {"admin": admin, "agent": agent, "customer": customer})
    await desk.team("Support", agent, lead=admin)
    await _rules(lived)
    await _burning(lived)
    await _others(lived)
    lived.names |= await a_letter(desk, agent)
    await agent.post("/api/auth/tokens", {"name": "My script"})
    await desk.live(until - desk.clock.now - 2 * MINUTE)
    path = f"/api/tickets/{lived.names['ticket']}"
    await customer.post(f"{path}/messages", {"body": "Still burning, by the way."})
    await desk.live(2 * MINUTE)
    return lived


async def _made(by: Client, path: str, body: object) -> str:
    answer = await by.post(path, body)
    assert answer.status == 201, answer.body
    return str(answer.body["id"])


async def _rules(lived: Lived) -> None:
    admin, names = lived.admin, lived.names
    week = {"mon": [["09:00", "12:00"], ["13:00", "17:00"]], "fri": [["00:00", "24:00"]]}
    days = [{"date": "12-24", "name": "Christmas Eve", "open": [["09:00", "12:00"]]}]
    hours = {"name": "Office hours", "zone": "Europe/Berlin", "week": week, "holidays": days}
    names["calendar"] = await _made(admin, "/api/sla/calendars/", hours)
    targets = {
        "critical": {"first_response_s": 3600, "resolution_s": 14_400},
        "low": {"resolution_s": 20 * 86_400},
    }
    names["policy"] = await _made(admin, "/api/sla/policies/", {"name": "Support", "targets": targets})
    tier = {
        "when": {"kind": "manual"},
        "whom": {"kind": "assignee"},
        "do": ["notify"],
        "acknowledge_minutes": 30,
    }
    watch = {"name": "Watch", "is_default": True, "tiers": [tier]}
    names["escalation"] = await _made(admin, "/api/escalation/policies/", watch)
    macro = {
        "name": "Ask which one",
        "body": "Which one, {{requester.first_name}}?",
        "actions": {"status": "pending", "add_tags": ["asked"]},
        "is_shared": True,
    }
    names["macro"] = await _made(admin, "/api/macros/", macro)
    view = {"name": "Burning", "query": "priority=critical,high", "is_shared": True}
    names["view"] = "s" + await _made(admin, "/api/views/", view)


async def _burning(lived: Lived) -> None:
    """The ticket that has one of everything."""
    agent, customer, names = lived.people["agent"], lived.people["customer"], lived.names
    ticket = await customer.ticket(
        "The printer is on fire", description="# Help\n\n`lp0` > *burns*", tags=["vpn"]
    )
    names["ticket"] = str(ticket["id"])
    path = f"/api/tickets/{ticket['id']}"
    picture = (await upload(customer, ticket["id"], "photo.png", files.picture("PNG", 640, 480))).body
    names["picture"] = picture["id"]
    table = (await upload(customer, ticket["id"], "meter.csv", b"day,pages\nMon,120\nTue,90\n")).body
    names["table"] = table["id"]
    gone = (await upload(agent, ticket["id"], "wrong.txt", b"not this")).body
    lived.desk.clock.advance(20 * MINUTE)
    await agent.post(
        f"{path}/messages", {"body": "Which one, @mara.lind?\n\n| a | b |\n|---|---|\n| 1 | 2 |"}
    )
    await agent.post(f"{path}/messages", {"body": "He means 4B, @ada.admin.", "is_internal": True})
    await customer.post(f"{path}/messages", {"body": "The grey one.", "file_ids": [picture["id"]]})
    await agent.delete(f"/api/files/{gone['id']}")
    await lived.admin.put(f"{path}/assign", {"assigned_to": agent.id})
    escalated = await agent.post(f"{path}/escalate", {"reason": "It burns for real now."})
    assert escalated.status == 200, escalated.body
    await settled(customer, picture)


async def a_letter(desk: Desk, agent: Client) -> dict[str, str]:
    """Let somebody without an account write and be answered; return where that is."""
    guest = await opened(desk)
    link = await guest.link(("receipt.png", things.content_of("receipt.png")))
    ticket = (await agent.get("/api/tickets/?limit=1&sort=-created_at")).body["items"][0]["id"]
    file = (await agent.all(f"/api/files/ticket/{ticket}"))[0]
    await settled(agent, file)
    await agent.post(f"/api/tickets/{ticket}/messages", {"body": "Have you tried the *other* key?"})
    await guest.reply(link, "That one broke.")
    return {"link": link, "receipt": file["id"]}


async def _others(lived: Lived) -> None:
    agent, customer, desk = lived.people["agent"], lived.people["customer"], lived.desk
    made = [
        await customer.ticket(f"More {n}", priority=("low", "medium", "high", "critical")[n % 4])
        for n in range(8)
    ]
    lived.names |= {
        "closed": str(made[0]["id"]),
        "paused": str(made[1]["id"]),
        "breached": str(made[3]["id"]),
    }
    desk.clock.advance(HOUR)
    for n, moves in enumerate((("resolved", "closed"), ("pending",), ("on_hold",), ("in_progress",))):
        path = f"/api/tickets/{made[n]['id']}"
        await lived.admin.put(f"{path}/assign", {"assigned_to": agent.id})
        for move in moves:
            moved = await agent.put(f"{path}/status", {"status": move, "comment": "So it is."})
            assert moved.status == 200, moved.body
