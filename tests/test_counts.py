"""Every count that is shown anywhere equals the list behind it, whatever happened before.

A count is a row: what it is called, what was shown to whom, the list behind it, and which tickets belong there by a
plain reading of all of them.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from html import unescape
from random import Random
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

from servicedesk.domain.numbers import Day, NumbersQuery, period_of
from servicedesk.domain.times import DAY, iso, parse
from tests.lives import PRIORITIES, STATUSES, TAGS, WORDS, Life
from tests.served import START, Client, Desk
from tests.web.test_number_pages import linked

ACTIONS = 2_000
STEP = 50
UNRESOLVED = frozenset(STATUSES) - {"resolved", "closed"}
WORKLOAD = frozenset({"new", "open", "in_progress"})
_OPEN = "status=new,open,in_progress,pending,on_hold"
_VIEW = re.compile(r'data-view="(\w+)">.*?<span class="count">(\d+)</span>', re.DOTALL)
_ROW = re.compile(r'class="row-ticket([^"]*)" role="row" id="row-(\d+)"')

Ticket = dict[str, Any]
Test = Callable[[Ticket], bool]


Views = dict[str, tuple[str, Callable[[int], Test] | None]]


class Count(NamedTuple):
    name: str
    shown: int
    reader: Client
    query: str
    """Of the list behind it."""
    belongs: Test | None = None


async def test_every_count_equals_the_list_behind_it(desk: Desk) -> None:
    life = await Life(desk, Random(20261123)).begin()

    for number in range(1, ACTIONS + 1):
        await life.act()
        if number % STEP == 0:
            await life.settle()
            await compare(life)
            life.touched.clear()

    assert len(life.tickets) > 150
    assert min(life.done.values()) > 0, life.done


async def compare(life: Life) -> None:
    known = await life.admin.all("/api/tickets/?sort=id&limit=100")
    assert [ticket["id"] for ticket in known] == sorted(life.tickets)
    lists: dict[tuple[int, str], list[int]] = {}
    counts = [
        *await views(life, life.chance.choice([p for p in life.readers if p.user.is_staff]), STAFF_VIEWS),
        *await views(life, life.chance.choice(life.customers), CUSTOMER_VIEWS),
        *await of_a_period(life, known),
        *await of_filters(life),
    ]
    for count in counts:
        visible = [t for t in known if is_visible(t, count.reader)]
        key = (count.reader.id, count.query)
        if key not in lists:
            lists[key] = await walked(count.reader, count.query)
        assert len(lists[key]) == count.shown, count
        if count.belongs is not None:
            assert sorted(lists[key]) == [t["id"] for t in visible if count.belongs(t)], count
    await compare_numbers_page(life)
    await compare_conversations(life)
    await compare_what_is_new(life, known)
    await compare_loads(life, known)


def is_visible(ticket: Ticket, reader: Client) -> bool:
    return reader.user.is_staff or ticket["requester"]["id"] == reader.id


async def walked(reader: Client, query: str) -> list[int]:
    return [ticket["id"] for ticket in await listed(reader, f"/api/tickets/?{query}")]


async def listed(reader: Client, path: str) -> list[Any]:
    """Turn all pages of a list, whose total must be as long."""
    path += f"{'&' if '?' in path else '?'}limit=100&count=true"
    page = (await reader.get(path)).body
    items, total = [*page["items"]], page["total"]
    while cursor := page["next_cursor"]:
        page = (await reader.get(f"{path}&cursor={cursor}")).body
        items += page["items"]
    assert total == len(items), path
    return items


# Views --------------------------------------------------------------------------------------------------------------


def is_open(ticket: Ticket) -> bool:
    return ticket["status"] in UNRESOLVED


def owner(ticket: Ticket) -> int | None:
    return ticket["assigned_to"] and ticket["assigned_to"]["id"]


def has(field: str, value: str) -> Test:
    return lambda t: bool(t[field] == value)


def both(one: Test, other: Test) -> Test:
    return lambda t: one(t) and other(t)


def in_state(state: str) -> Test:
    return lambda t: bool(t["sla"]["state"] == state)


STAFF_VIEWS: Views = {
    "all": ("", lambda me: lambda t: True),
    "mine": (f"assigned_to=me&{_OPEN}", lambda me: both(is_open, lambda t: owner(t) == me)),
    "unassigned": (f"assigned_to=none&{_OPEN}", lambda me: both(is_open, lambda t: owner(t) is None)),
    "waiting": ("status=new,open,in_progress", lambda me: lambda t: t["status"] in WORKLOAD),
    "due": (f"sla=at_risk&{_OPEN}", lambda me: both(is_open, in_state("at_risk"))),
    "breached": (f"sla=breached&{_OPEN}", lambda me: both(is_open, in_state("breached"))),
    "customer": ("status=pending", lambda me: has("status", "pending")),
    "resolved": ("status=resolved", lambda me: has("status", "resolved")),
}
CUSTOMER_VIEWS: Views = {
    "all": ("", lambda me: lambda t: True),
    "open": (_OPEN, lambda me: is_open),
    "resolved": ("status=resolved,closed", lambda me: lambda t: not is_open(t)),
}


async def views(life: Life, reader: Client, known: Views) -> list[Count]:
    """Return what stands beside the views, and above the lists of some of them."""
    if reader.user.is_staff:
        known = known | await saved(reader)
    page = await text(reader, "/")
    shown = {name: int(number) for name, number in _VIEW.findall(page)}
    assert shown.keys() == known.keys()
    found = [
        Count(f"view {name}", shown[name], reader, query, belongs and belongs(reader.id))
        for name, (query, belongs) in known.items()
    ]
    for name in life.chance.sample(list(known), k=3):
        query, _ = known[name]
        page = await text(reader, f"/?view={name}&shown=500")
        (total,) = re.findall(r'data-total="(\d+)"', page)
        assert len(_ROW.findall(page)) == int(total) == shown[name], name
        found.append(Count(f"list {name}", int(total), reader, query))
    return found


async def saved(reader: Client) -> Views:
    """Return the saved views, whose counts in the API are those of their lists."""
    found = (await reader.get("/api/views/")).body["items"]
    for view in found:
        assert view["count"] == len(await walked(reader, view["query"])), view
    return {f"s{view['id']}": (view["query"], None) for view in found}


async def text(reader: Client, path: str) -> str:
    answer = await reader.get(path)
    assert answer.status == 200, answer.body
    return str(answer.body.decode())


# Numbers --------------------------------------------------------------------------------------------------------------


async def of_a_period(life: Life, known: Sequence[Ticket]) -> list[Count]:
    """Return the numbers of some period and team, once their sums are checked."""
    chance, now = life.chance, life.desk.clock.now
    asked: dict[str, str] = {}
    if chance.random() < 0.6:
        first = START + chance.randrange(max(1, now - START + DAY))
        last = first + chance.randrange(max(1, now - first + DAY))
        asked = {"from": iso(first)[:10], "to": iso(last)[:10]}
    team = chance.choice(("", "none", str(life.teams[0]), f"{life.teams[1]},none"))
    stats = (
        await life.lead.get(f"/api/tickets/stats?{urlencode(asked | ({'team': team} if team else {}))}")
    ).body
    days = period_of(NumbersQuery(from_=asked.get("from"), to=asked.get("to")), ZoneInfo("UTC"), now)
    ours = [t for t in known if in_team(team)(t)]
    compare_times(stats, ours, days)
    compare_days(stats, ours, days)
    return list(numbers(life.lead, stats, team, days))


def numbers(reader: Client, stats: Any, team: str, days: list[Day]) -> Iterator[Count]:
    def count(name: str, shown: int, query: str, belongs: Test) -> Count:
        of_team = f"&team={team}" if team else ""
        return Count(f"number {name} of {team}", shown, reader, query + of_team, both(in_team(team), belongs))

    start, end = days[0].start, days[-1].end
    yield count("open", stats["open"], _OPEN, is_open)
    yield count(
        "unassigned",
        stats["unassigned"],
        f"{_OPEN}&assigned_to=none",
        both(is_open, lambda t: owner(t) is None),
    )
    yield count("overdue", stats["overdue"], f"{_OPEN}&sla=breached", both(is_open, in_state("breached")))
    for status in STATUSES:
        yield count(status, stats["by_status"][status], f"status={status}", has("status", status))
    for priority in PRIORITIES:
        query = f"{_OPEN}&priority={priority}"
        yield count(priority, stats["by_priority"][priority], query, both(is_open, has("priority", priority)))
    for row in stats["by_agent"]:
        who = row["agent"]["id"]
        his: Test = lambda t, who=who: owner(t) == who  # type: ignore[misc] # noqa: E731
        yield count("open of", row["open"], f"{_OPEN}&assigned_to={who}", both(is_open, his))
        query = f"{during('resolved', start, end)}&assigned_to={who}"
        yield count("resolved of", row["resolved"], query, both(his, within(resolved, start, end)))
    for name, moment, shown in (
        ("created", created, stats["created"]),
        ("resolved", resolved, stats["resolved"]),
    ):
        yield count(name, shown, during(name, start, end), within(moment, start, end))
    for verdict in ("met", "breached"):
        query = f"{during('ended', start, end)}&sla={verdict}"
        done = both(within(ended, start, end), in_state(verdict))
        yield count(verdict, stats["sla"][verdict], query, done)
    day, row = days[len(days) // 2], stats["daily"][len(days) // 2]
    yield count("created on", row["created"], during("created", *day_of(day)), within(created, *day_of(day)))
    yield count(
        "resolved on", row["resolved"], during("resolved", *day_of(day)), within(resolved, *day_of(day))
    )
    yield count("backlog", row["backlog"], f"open_at={quote(iso(day.end))}", was_open(day.end))


def compare_days(stats: Any, ours: Sequence[Ticket], days: Sequence[Day]) -> None:
    assert stats["daily"] == [
        {
            "date": day.date.isoformat(),
            "created": sum(map(within(created, *day_of(day)), ours)),
            "resolved": sum(map(within(resolved, *day_of(day)), ours)),
            "backlog": sum(map(was_open(day.end), ours)),
        }
        for day in days
    ]
    agents = Counter(owner(t) for t in ours if is_open(t))
    assert sum(row["open"] for row in stats["by_agent"]) == sum(agents.values()) - agents[None]


def compare_times(stats: Any, ours: Sequence[Ticket], days: Sequence[Day]) -> None:
    start, end = days[0].start, days[-1].end
    for name, moment in (("first_response", answered), ("resolution", resolved)):
        took = sorted((moment(t) or 0) - (created(t) or 0) for t in ours if within(moment, start, end)(t))
        expected = {
            f"{label}_s": took[math.ceil(len(took) * percent / 100) - 1] / 1000 if took else None
            for label, percent in (("median", 50), ("p90", 90))
        }
        assert stats[name] == expected, name


def in_team(team: str) -> Test:
    ids = {None if each == "none" else int(each) for each in team.split(",")} if team else set()
    return lambda t: not team or (t["team"]["id"] if t["team"] else None) in ids


def moment_of(field: str) -> Callable[[Ticket], int | None]:
    return lambda t: None if t[field] is None else parse(t[field])


created, answered, resolved = map(moment_of, ("created_at", "first_response_at", "resolved_at"))


def ended(ticket: Ticket) -> int | None:
    return resolved(ticket) if ticket["resolved_at"] else moment_of("closed_at")(ticket)


def within(moment: Callable[[Ticket], int | None], start: int, end: int) -> Test:
    return lambda t: (at := moment(t)) is not None and start <= at < end


def was_open(at: int) -> Test:
    return lambda t: (created(t) or 0) < at and ((end := ended(t)) is None or end >= at)


def during(what: str, start: int, end: int) -> str:
    return f"{what}_after={quote(iso(start))}&{what}_before={quote(iso(end))}"


def day_of(day: Day) -> tuple[int, int]:
    return day.start, day.end


async def compare_numbers_page(life: Life) -> None:
    """Follow some of the links of the page of numbers."""
    links = linked(await text(life.lead, "/numbers"))
    for href, number in life.chance.sample(links, k=6):
        query = dict(parse_qsl(urlsplit(unescape(href)).query))
        del query["view"]
        assert len(await walked(life.lead, urlencode(query))) == number, href


# Filters and searches -------------------------------------------------------------------------------------------------


async def of_filters(life: Life) -> list[Count]:
    """Return the totals of some lists that people ask for, and of what they search."""
    tag, word = life.chance.choice(TAGS), life.chance.choice(WORDS)
    who, rio = life.chance.choice(life.agents[:-1]), life.chance.choice(life.customers)
    tagged: Test = lambda t: tag.casefold() in {each.casefold() for each in t["tags"]}  # noqa: E731
    asked: dict[str, Test | None] = {
        f"tag={quote(tag)}": tagged,
        "category=network": has("category", "network"),
        "escalated=true": lambda t: t["escalation_level"] > 0,
        f"requester={rio.id}": lambda t: t["requester"]["id"] == rio.id,
        f"q={quote(f'tag:{tag} status:unresolved')}": both(tagged, is_open),
        f"q={quote(f'assignee:{who.user.name} has:file')}": lambda t: (
            owner(t) == who.id and t["file_count"] > 0
        ),
        f"q={quote(word)}": None,
        f"q={quote(f'{word} priority:high,critical')}": None,
        f"q={quote(f'from:{rio.user.name} {word}')}": None,
    }
    found = []
    for query, belongs in asked.items():
        for reader in (who, rio):
            if reader is rio and "assignee" in query:
                continue
            table = await reader.get(f"/api/tickets/?format=csv&{query}")
            rows = len(table.body.decode().splitlines()) - 1
            found.append(Count(f"table {query}", rows, reader, query, belongs))
    return found


# Conversations --------------------------------------------------------------------------------------------------------


async def compare_conversations(life: Life) -> None:
    """Compare what a ticket says of its messages and files with their lists, for staff and its requester."""
    requesters = {person.id: person for person in life.customers}
    for ticket_id in sorted(life.touched & set(life.tickets)):
        ticket = (await life.lead.get(f"/api/tickets/{ticket_id}")).body
        readers = [life.lead]
        if (rio := requesters.get(ticket["requester"]["id"])) is not None:
            readers.append(rio)
        for reader in readers:
            shown = (await reader.get(f"/api/tickets/{ticket_id}")).body
            messages = await listed(reader, f"/api/tickets/{ticket_id}/messages")
            files = await listed(reader, f"/api/files/ticket/{ticket_id}")
            await listed(reader, f"/api/tickets/{ticket_id}/history")
            assert (shown["message_count"], shown["file_count"]) == (len(messages), len(files)), ticket_id


# What is new, and how much somebody has to do -------------------------------------------------------------------------


async def compare_what_is_new(life: Life, known: Sequence[Ticket]) -> None:
    reader = life.chance.choice(life.readers)
    visible = [t for t in known if is_visible(t, reader)]
    new = {t["id"]: await news(life, reader, t) for t in visible}
    page = await text(reader, "/?view=all&shown=500")

    (title,) = re.findall(r"<title>(?:\((\d+)\) )?", page)
    assert int(title or 0) == sum(new.values())
    bold = {int(number) for classes, number in _ROW.findall(page) if "is-unread" in classes}
    assert bold == {number for number, amount in new.items() if amount}

    told = (await reader.get("/api/notifications/")).body
    unread = await listed(reader, "/api/notifications/?unread=true")
    assert told["unread"] == len(unread)
    assert len(await listed(reader, "/api/notifications/")) >= len(unread)
    (bell,) = re.findall(r'id="bell".*?<span class="count"[^>]*>(\d+|99\+)</span>', page, re.DOTALL)
    assert bell == ("99+" if len(unread) > 99 else str(len(unread)))


async def news(life: Life, reader: Client, ticket: Ticket) -> int:
    """Return how much is new for somebody in a ticket that concerns them: words of others, or that it is theirs."""
    seen = life.seen.get((reader.id, ticket["id"]))
    is_theirs = owner(ticket) == reader.id and is_open(ticket)
    if seen is None and not is_theirs and ticket["requester"]["id"] != reader.id:
        return 0
    if not ticket["message_count"]:
        return int(seen is None and is_theirs)
    messages = await reader.all(f"/api/tickets/{ticket['id']}/messages?limit=100")
    unread = sum(m["id"] > (seen or 0) and m["author"]["id"] != reader.id for m in messages)
    return unread or int(seen is None and is_theirs)


async def compare_loads(life: Life, known: Sequence[Ticket]) -> None:
    page = await text(life.lead, "/people")
    loads = re.findall(r'<tr id="user-(\d+)">.*?<td class="n">(?:(\d+) / \d+)?</td>', page, re.DOTALL)
    assert {int(who): int(load) for who, load in loads if load} == {
        person.id: sum(t["status"] in WORKLOAD and owner(t) == person.id for t in known)
        for person in life.staff
    }
