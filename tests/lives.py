"""A desk on which people of every role do whatever comes to their minds."""

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, Self

from servicedesk.domain.times import DAY, HOUR, MINUTE
from servicedesk.store import policies, search
from servicedesk.web import timers
from tests.served import Answer, Client, Desk
from tests.web.forms import upload

STATUSES = ("new", "open", "in_progress", "pending", "on_hold", "resolved", "closed")
PRIORITIES = ("low", "medium", "high", "critical")
TAGS = ("vip", "VPN", "Größe", "roof")
WORDS = ("printer", "network", "naïve", "coffee", "Druckerei")
CATEGORIES = (None, "hardware", "network")


class Life:
    """The people, and what they did to which tickets; chance is its seed alone."""

    def __init__(self, desk: Desk, chance: Random) -> None:
        self.desk, self.chance = desk, chance
        self.tickets: list[int] = []
        self.touched: set[int] = set()
        self.files: list[str] = []
        self.seen: dict[tuple[int, int], int] = {}
        """The last message that a person saw in a ticket."""
        self.done: dict[str, int] = {}

    async def begin(self) -> Self:
        desk = self.desk
        self.admin, self.lead = await desk.admin(name="Ada"), await desk.agent(name="Lee", max_tickets=40)
        await self.admin.patch(f"/api/users/{self.lead.id}", {"role": "supervisor"})
        self.agents = [
            await desk.agent(name=name, max_tickets=most, skills=skills)
            for name, most, skills in (("Ann", 12, ("vpn",)), ("Ben", 5, ()), ("Cem", 30, ("vpn", "roof")))
        ]
        self.customers = [await desk.customer(name=name) for name in ("Rio", "Uma", "Zoe")]
        self.teams = [
            await desk.team("Network", *self.agents[:2], lead=self.lead),
            await desk.team("Roof", self.agents[2], self.lead, assignment="round_robin"),
        ]
        targets = {
            p: {"first_response_s": 1800, "resolution_s": 7200, "next_response_s": 3600} for p in PRIORITIES
        }
        policy = await self.admin.post("/api/sla/policies/", {"name": "Strict", "targets": targets})
        assert policy.status == 201, policy.body
        self.policy = policy.body["id"]
        for query in ("tag=vip&sort=-created_at", "assigned_to=me,none&q=printer", "q=has:file%20team:roof"):
            view = await self.lead.post("/api/views/", {"name": query, "query": query, "is_shared": True})
            assert view.status == 201, view.body
        return self

    @property
    def staff(self) -> list[Client]:
        return [*self.agents, self.lead, self.admin]

    @property
    def readers(self) -> list[Client]:
        """Everybody who is surely there: the last agent goes and comes."""
        return [person for person in self.everybody if person is not self.agents[-1]]

    @property
    def everybody(self) -> list[Client]:
        return [*self.staff, *self.customers]

    async def act(self) -> None:
        """Let somebody do something. A refusal is an answer like any other, a defect is none."""
        (name,) = self.chance.choices(list(ACTS), [weight for weight, _ in ACTS.values()])
        answer = await ACTS[name][1](self)
        if answer is not None:
            assert answer.status < 500, (name, answer.body)
            self.done[name] = self.done.get(name, 0) + (answer.status < 300)

    async def settle(self) -> None:
        """Let all that is due or was asked for happen, so that the desk stands still."""
        while True:
            await timers.fire(self.desk.app)
            if not self.desk.db.peek(search.is_behind) and not self.desk.db.peek(policies.has_rewinds):
                return

    def some_ticket(self) -> int:
        """Return a ticket, rather a late one."""
        late = self.tickets[-40:] if self.chance.random() < 0.7 else self.tickets
        ticket_id = self.chance.choice(late or [1])
        self.touched.add(ticket_id)
        return ticket_id

    def path(self, what: str) -> str:
        return f"/api/tickets/{self.some_ticket()}/{what}"

    def somebody(self) -> Client:
        return self.chance.choice(self.staff)

    def anybody(self) -> Client:
        return self.chance.choice(self.everybody)


async def create(life: Life) -> Answer:
    chance, who = life.chance, life.anybody()
    fields: dict[str, Any] = {
        "title": f"The {chance.choice(WORDS)} and the {chance.choice(WORDS)}",
        "priority": chance.choice(PRIORITIES),
        "category": chance.choice(CATEGORIES),
        "tags": chance.sample(TAGS, k=chance.randrange(3)),
    }
    if who.user.role.value != "customer":
        fields["team_id"] = chance.choice((None, *life.teams))
        fields["auto_assign"] = chance.random() < 0.6
        rio = chance.choice(life.customers).user
        if chance.random() < 0.5:
            fields["requester"] = {"email": rio.email, "name": rio.name}
    answer = await who.post("/api/tickets/", fields)
    if answer.status == 201:
        life.tickets.append(answer.body["id"])
        life.touched.add(answer.body["id"])
    return answer


async def move(life: Life) -> Answer:
    body = {"status": life.chance.choice(STATUSES)} | life.chance.choice([{}, {"comment": "Because"}])
    return await life.anybody().put(life.path("status"), body)


async def resolve(life: Life) -> Answer:
    return await life.somebody().put(life.path("status"), {"status": "resolved"})


async def prioritise(life: Life) -> Answer:
    return await life.somebody().put(life.path("priority"), {"priority": life.chance.choice(PRIORITIES)})


async def assign(life: Life) -> Answer:
    people = [None, *(who.id for who in life.staff)]
    body = life.chance.choice([{"auto": True}, {"assigned_to": life.chance.choice(people)}])
    return await life.somebody().put(life.path("assign"), body)


async def edit(life: Life) -> Answer:
    chance = life.chance
    fields = {
        "title": f"A {chance.choice(WORDS)}",
        "team_id": chance.choice((None, *life.teams)),
        "tags": chance.sample(TAGS, k=chance.randrange(3)),
        "category": chance.choice(CATEGORIES),
        "required_skills": chance.choice([[], ["vpn"]]),
    }
    name = chance.choice(list(fields))
    return await life.somebody().patch(f"/api/tickets/{life.some_ticket()}", {name: fields[name]})


async def say(life: Life) -> Answer:
    return await life.anybody().post(
        life.path("messages"), {"body": "About the " + life.chance.choice(WORDS)}
    )


async def note(life: Life) -> Answer:
    body = {"body": "Ask @ann about it", "is_internal": True}
    return await life.somebody().post(life.path("messages"), body)


async def attach(life: Life) -> Answer:
    fields = {"is_internal": "true"} if life.chance.random() < 0.3 else {}
    answer = await upload(life.anybody(), life.some_ticket(), "list.txt", **fields)
    if answer.status == 201:
        life.files.append(answer.body["id"])
    return answer


async def take_away(life: Life) -> Answer | None:
    if not life.files:
        return None
    file_id = life.files.pop(life.chance.randrange(len(life.files)))
    life.touched.update(life.tickets[-40:])
    return await life.anybody().delete(f"/api/files/{file_id}")


async def escalate(life: Life) -> Answer:
    body = {"reason": "It has been lying for days"} | life.chance.choice([{}, {"team_id": life.teams[0]}])
    return await life.somebody().post(life.path("escalate"), body)


async def in_bulk(life: Life) -> Answer:
    chance = life.chance
    ids = [life.some_ticket() for _ in range(chance.randrange(1, 6))]
    action: dict[str, Any] = chance.choice(
        [
            {"action": "status", "status": chance.choice(STATUSES), "comment": "All of them"},
            {"action": "priority", "priority": chance.choice(PRIORITIES)},
            {"action": "assign", "assigned_to": chance.choice((None, life.agents[0].id))},
            {"action": "tag", "add_tags": [chance.choice(TAGS)], "remove_tags": [chance.choice(TAGS)]},
        ]
    )
    return await life.somebody().post("/api/tickets/bulk", {"ids": ids, **action})


async def change_somebody(life: Life) -> Answer:
    chance = life.chance
    fields = chance.choice(
        [
            {"availability": chance.choice(("away", "available"))},
            {"max_tickets": chance.randrange(3, 30)},
            {"skills": chance.choice(([], ["vpn"], ["vpn", "roof"]))},
            {"team_ids": chance.sample(life.teams, k=chance.randrange(3))},
        ]
    )
    return await life.lead.patch(f"/api/users/{chance.choice(life.agents).id}", fields)


async def leave_or_return(life: Life) -> Answer:
    """The last agent goes and comes: the others have work to do for the test."""
    return await life.admin.patch(
        f"/api/users/{life.agents[-1].id}", {"is_active": life.chance.random() < 0.8}
    )


async def promise(life: Life) -> Answer:
    body = {"sla_policy_id": life.chance.choice((None, life.policy))}
    return await life.lead.patch(f"/api/teams/{life.chance.choice(life.teams)}", body)


async def read(life: Life) -> Answer | None:
    who, ticket_id = life.anybody(), life.some_ticket()
    listed = await who.get(f"/api/tickets/{ticket_id}/messages?limit=100")
    if listed.status != 200:
        return listed
    messages = listed.body["items"]
    last = messages[life.chance.randrange(len(messages))]["id"] if messages else 0
    answer = await who.post(f"/tickets/{ticket_id}/read", {"message_id": last})
    if answer.status == 204:
        life.seen[who.id, ticket_id] = max(last, life.seen.get((who.id, ticket_id), 0))
    return answer


async def read_notifications(life: Life) -> Answer | None:
    who = life.chance.choice(life.readers)
    told = (await who.get("/api/notifications/?limit=20")).body["items"]
    return (
        await who.post("/api/notifications/read", {"up_to": life.chance.choice(told)["id"]}) if told else None
    )


async def let_time_pass(life: Life) -> None:
    unit = life.chance.choice((MINUTE, MINUTE, HOUR, HOUR, HOUR, DAY))
    await life.desk.live(life.chance.randrange(1, 3 if unit == DAY else 20) * unit)


ACTS: dict[str, tuple[int, Callable[[Life], Awaitable[Answer | None]]]] = {
    "create": (14, create),
    "move": (14, move),
    "resolve": (6, resolve),
    "prioritise": (5, prioritise),
    "assign": (9, assign),
    "edit": (9, edit),
    "say": (9, say),
    "note": (4, note),
    "attach": (4, attach),
    "take away": (2, take_away),
    "escalate": (3, escalate),
    "in bulk": (4, in_bulk),
    "change somebody": (3, change_somebody),
    "leave or return": (1, leave_or_return),
    "promise": (1, promise),
    "read": (5, read),
    "read notifications": (1, read_notifications),
    "let time pass": (6, let_time_pass),
}
