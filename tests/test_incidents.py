"""A year of a real service desk, lived again over HTTP, and counted by two who do not know each other."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from servicedesk.domain.times import DAY, HOUR, SECOND, Instant, iso, iso_or_none
from tests import incidents
from tests.incidents import Case, Past, Replay, email_of, ok
from tests.served import Client, Desk

pytestmark = incidents.NEEDS_LOG

LOOKS = [
    datetime(2016, 2, 29, 16, tzinfo=UTC),
    datetime(2016, 3, 1, 12, 30, tzinfo=UTC),
    datetime(2016, 3, 3, 9, tzinfo=UTC),
    datetime(2016, 3, 8, 18, tzinfo=UTC),
    datetime(2016, 3, 24, 18, 55, tzinfo=UTC),
]
"""When the desk is counted while it still has work: among them the busiest days, and the last wave of closings."""

ACCEPTED = {
    "opened": 445,
    "edited": 921,
    "prioritised": 22,
    "assigned": 573,
    "released": 150,
    "asked": 164,
    "new → new": 316,
    "new → open": 24,
    "new → in_progress": 254,
    "new → on_hold": 2,
    "new → resolved": 120,
    "open → in_progress": 24,
    "open → pending": 62,
    "open → on_hold": 1,
    "open → resolved": 24,
    "in_progress → in_progress": 58,
    "in_progress → open": 33,
    "in_progress → pending": 100,
    "in_progress → on_hold": 7,
    "in_progress → resolved": 167,
    "pending → pending": 45,
    "pending → open": 3,
    "pending → in_progress": 27,
    "pending → on_hold": 5,
    "pending → resolved": 129,
    "on_hold → on_hold": 1,
    "on_hold → in_progress": 2,
    "on_hold → pending": 2,
    "on_hold → resolved": 11,
    "resolved → open": 5,
    "resolved → closed": 343,
    "closed → closed": 102,
    "closed → open": 1,
    "closed by the desk itself": 103,
}
REFUSED = {
    "new → in_progress: transition_refused": 24,
    "new → on_hold: transition_refused": 2,
    "new → resolved: transition_refused": 72,
    "open → on_hold: transition_refused": 1,
    "open → resolved: transition_refused": 19,
    "in_progress → on_hold: transition_refused": 7,
    "pending → in_progress: transition_refused": 3,
    "pending → on_hold: transition_refused": 5,
    "pending → resolved: transition_refused": 11,
    "on_hold → resolved: transition_refused": 1,
    "resolved → in_progress: illegal_transition": 5,
    "closed → in_progress: illegal_transition": 1,
    "closed → resolved: illegal_transition": 2,
    "released while in_progress: transition_refused": 33,
    "released while resolved: transition_refused": 104,
}
"""What the log does and our workflow does not: each was then done as an agent would, or left where it was."""


async def test_a_desk_lives_through_a_real_log_and_every_count_agrees(desk: Desk) -> None:
    rows = incidents.read()
    replay = Replay(desk, rows)
    await replay.open_the_desk()

    for look in LOOKS:
        await replay.until(int(look.timestamp() * 1000))
        await the_numbers_agree(replay)
        await the_lists_agree(replay)
    await replay.until(rows[-1].at + HOUR)

    assert replay.accepted == ACCEPTED
    assert replay.refused == REFUSED
    await every_ticket_ends_as_the_log_does(replay)
    await every_history_holds_the_accepted_moves(replay)
    await the_numbers_agree(replay)
    await the_lists_agree(replay)
    await customers_see_their_own(replay)


async def every_ticket_ends_as_the_log_does(replay: Replay) -> None:
    ends = {row.number: row for row in replay.rows}
    found = {
        t["title"].split(": ")[1]: t for t in await replay.operator.all("/api/tickets/?sort=id&limit=100")
    }

    assert found.keys() == ends.keys()
    assert len(ends) == 445
    for number, row in ends.items():
        ticket = found[number]
        holder, team = ((ticket[name] or {}).get("name") for name in ("assigned_to", "team"))
        end = (ticket["status"], ticket["priority"], ticket["category"], holder, team)
        assert end == (row.status, row.priority, row.category, row.agent, row.team), number
        assert_is_as_accounted(ticket, replay.cases[number])


def assert_is_as_accounted(ticket: Any, case: Case) -> None:
    holder, team = ticket["assigned_to"], ticket["team"]
    assert {
        "id": ticket["id"],
        "status": ticket["status"],
        "priority": ticket["priority"],
        "agent": holder and holder["name"],
        "team": team and team["name"],
        "version": ticket["version"],
        "messages": ticket["message_count"],
        "reopened": ticket["reopen_count"],
        "requester": ticket["requester"]["name"],
        "moments": [
            ticket[f"{name}_at"] for name in ("created", "updated", "first_response", "resolved", "closed")
        ],
    } == {
        "id": case.id,
        "status": case.status,
        "priority": case.priority,
        "agent": case.agent,
        "team": case.team,
        "version": case.version,
        "messages": case.messages,
        "reopened": case.reopen_count,
        "requester": case.requester,
        "moments": [
            iso(case.created_at),
            iso(case.updated_at),
            *map(iso_or_none, (case.first_response_at, case.resolved_at, case.closed_at)),
        ],
    }, case.number


async def every_history_holds_the_accepted_moves(replay: Replay) -> None:
    async def is_told(case: Case) -> None:
        told = await replay.operator.all(f"/api/tickets/{case.id}/history?limit=7")
        assert [told_of(row) for row in told] == [as_told(past) for past in case.history], case.number
        assert [row["seq"] for row in told] == list(range(1, len(told) + 1))

    for some in incidents.batches(list(replay.cases.values())):
        await asyncio.gather(*map(is_told, some))


def told_of(row: Any) -> Any:
    actor = row["actor"]["id"] if row["actor"] else None
    return row["created_at"], row["type"], actor, row["changes"]


def as_told(past: Past) -> Any:
    changes = {name: {"from": old, "to": new} for name, (old, new) in past.changes.items()}
    return iso(past.at), past.type, past.who, changes


# Numbers ---------------------------------------------------------------------------------------------------------


async def the_numbers_agree(replay: Replay) -> None:
    now = replay.desk.clock.now
    today = datetime.fromtimestamp(now / SECOND, UTC).date()
    usual = [today - timedelta(days=n) for n in reversed(range(30))]
    short = usual[-5:-1]
    cases = list(replay.cases.values())
    some = sorted({case.team for case in cases if case.team})[::15]
    ids = ",".join(str(replay.teams[name]) for name in some)
    for query, ours, days in (
        ("", cases, usual),
        (f"?from={short[0]}&to={short[-1]}", cases, short),
        (f"?team={ids}", [case for case in cases if case.team in some], usual),
        ("?team=none", [case for case in cases if case.team is None], usual),
    ):
        stats = ok(await replay.operator.get(f"/api/tickets/stats{query}"))
        expected = numbers_of(replay, ours, [datetime(d.year, d.month, d.day, tzinfo=UTC) for d in days], now)
        assert {name: stats[name] for name in expected} == expected, query


def numbers_of(replay: Replay, cases: list[Case], days: list[datetime], now: Instant) -> dict[str, Any]:
    """Count by hand what the desk says in its numbers."""
    starts = [int(day.timestamp()) * 1000 for day in days]
    start, end = starts[0], starts[-1] + DAY

    def within(at: Instant | None, since: Instant = start, before: Instant = end) -> bool:
        return at is not None and since <= at < before

    unresolved = [case for case in cases if case.is_open]
    resolved = [case for case in cases if within(case.resolved_at)]
    by_status = Counter(case.status for case in cases)
    by_priority = Counter(case.priority for case in unresolved)
    working, finished = Counter(c.agent for c in unresolved), Counter(c.agent for c in resolved)
    agents = sorted({*working, *finished} - {None}, key=str)
    ended = [case for case in cases if within(ended_at(case))]
    breached = sum(clocks_of(case, now) == "breached" for case in ended)
    return {
        "open": len(unresolved),
        "unassigned": working[None],
        "overdue": sum(clocks_of(case, now) == "breached" for case in unresolved),
        "by_status": {status: by_status[status] for status in dict.fromkeys(["new", "open", *STATUSES])},
        "by_priority": {priority: by_priority[priority] for priority in TARGETS},
        "by_agent": [
            {
                "agent": {"id": replay.id_of(name), "name": name},
                "open": working[name],
                "resolved": finished[name],
            }
            for name in agents
        ],
        "created": sum(within(case.created_at) for case in cases),
        "resolved": len(resolved),
        "first_response": percentiles(
            c.first_response_at - c.created_at
            for c in cases
            if c.first_response_at and within(c.first_response_at)
        ),
        "resolution": percentiles(c.resolved_at - c.created_at for c in resolved if c.resolved_at),
        "sla": {
            "met": len(ended) - breached,
            "breached": breached,
            "rate": round((len(ended) - breached) / len(ended), 4) if ended else None,
        },
        "daily": [
            {
                "date": f"{day:%Y-%m-%d}",
                "created": sum(within(case.created_at, since, since + DAY) for case in cases),
                "resolved": sum(within(case.resolved_at, since, since + DAY) for case in cases),
                "backlog": sum(
                    case.created_at < since + DAY and (ended_at(case) or since + DAY) >= since + DAY
                    for case in cases
                ),
            }
            for day, since in zip(days, starts, strict=True)
        ],
    }


def ended_at(case: Case) -> Instant | None:
    return case.resolved_at or case.closed_at


def percentiles(took: Iterable[int]) -> dict[str, float | None]:
    found = sorted(took)
    if not found:
        return {"median_s": None, "p90_s": None}
    median, p90 = (found[max(1, -(-percent * len(found) // 100)) - 1] / 1000 for percent in (50, 90))
    return {"median_s": median, "p90_s": p90}


# The clocks, counted minute by minute ------------------------------------------------------------------------------

TARGETS = {
    "low": (24 * HOUR, 72 * HOUR),
    "medium": (8 * HOUR, 24 * HOUR),
    "high": (2 * HOUR, 8 * HOUR),
    "critical": (1 * HOUR, 4 * HOUR),
}
STATUSES = dict.fromkeys(incidents.STATUSES.values())


def clocks_of(case: Case, now: Instant) -> str:
    """Return the state of the promises: time runs while the desk has the word."""
    response = resolution = before = 0
    responded = done = broken = False
    here = case.ticks[0]
    for tick in [*case.ticks[1:], case.ticks[-1]._replace(at=now)]:
        runs = not done and here.status not in ("pending", "on_hold")
        passed = tick.at - here.at if runs else 0
        resolution += passed
        response += 0 if responded else passed
        answer, solution = TARGETS[tick.priority]
        allowance = max(solution - before, solution // 4)
        ends = tick.status in incidents.DONE
        if not responded and (tick.replied or ends):
            responded, broken = True, broken or response > answer
        if ends and not done:
            broken = broken or resolution > allowance
        if done and not ends:
            before, resolution = before + resolution, 0
        here, done = tick, ends
    answer, solution = TARGETS[here.priority]
    allowance = max(solution - before, solution // 4)
    used = [(resolution, allowance)] + ([] if responded else [(response, answer)])
    if broken or (not done and any(spent > target for spent, target in used)):
        return "breached"
    if done:
        return "met"
    if here.status in ("pending", "on_hold"):
        return "paused"
    return "at_risk" if any(target - spent <= target // 4 for spent, target in used) else "ok"


# Lists -----------------------------------------------------------------------------------------------------------


async def the_lists_agree(replay: Replay) -> None:
    cases = list(replay.cases.values())
    for some in incidents.batches(list(questions(replay))):
        await asyncio.gather(*(the_list_agrees(replay.operator, cases, *question) for question in some))
    await the_orders_agree(replay, cases)


Wanted = Callable[[Case], bool]


def questions(replay: Replay) -> Iterable[tuple[str, Wanted]]:
    """Yield everything that the log lets a list be asked for, and who should be in it."""
    cases, now = list(replay.cases.values()), replay.desk.clock.now
    standing = {case.number: clocks_of(case, now) for case in cases}
    yield "", lambda c: True
    for status in ("new", "open", *STATUSES):
        yield f"status={status}", lambda c, s=status: c.status == s
    for priority in TARGETS:
        yield f"priority={priority}", lambda c, p=priority: c.priority == p
    for state in ("ok", "at_risk", "breached", "paused", "met", "none"):
        yield f"sla={state}", lambda c, s=state: standing[c.number] == s
    for category in {case.category for case in cases} - {None}:
        yield f"category={category}", lambda c, k=category: c.category == k
    for name, team in replay.teams.items():
        yield f"team={team}", lambda c, t=name: c.team == t
    yield "team=none", lambda c: c.team is None
    for name, agent in replay.agents.items():
        yield f"assigned_to={agent.id}", lambda c, a=name: c.agent == a
    yield "assigned_to=none", lambda c: c.agent is None
    yield "assigned_to=me", lambda c: c.agent == "Operator"
    for caller in sorted({case.requester for case in cases})[::25]:
        yield f"requester={email_of(caller)}", lambda c, r=caller: c.requester == r
    for moment in (now - 7 * DAY, now - DAY, now - HOUR):
        yield f"created_after={iso(moment)}", lambda c, m=moment: c.created_at >= m
        yield f"created_before={iso(moment)}", lambda c, m=moment: c.created_at < m
        yield f"updated_after={iso(moment)}", lambda c, m=moment: c.updated_at >= m
        yield f"updated_before={iso(moment)}", lambda c, m=moment: c.updated_at < m
    yield "escalated=false", lambda c: True
    yield "escalated=true", lambda c: False
    yield (
        "status=new,in_progress&priority=medium,high&assigned_to=none",
        lambda c: c.status in ("new", "in_progress") and c.priority in ("medium", "high") and c.agent is None,
    )
    yield (
        f"status=pending,resolved&sla=met,paused&updated_after={iso(now - 3 * DAY)}",
        lambda c: (
            c.status in ("pending", "resolved")
            and standing[c.number] in ("met", "paused")
            and c.updated_at >= now - 3 * DAY
        ),
    )
    for case in cases[::40]:
        yield f"q={case.number}", lambda c, n=case.number: c.number == n
    yield "q=Subcategory elephants", lambda c: False
    yield "q=Subcategory tell", lambda c: c.messages > 0 and c.title.startswith("Subcategory")


async def the_list_agrees(who: Client, cases: list[Case], query: str, wanted: Wanted) -> None:
    path = f"/api/tickets/?{query}{'&' if query else ''}"
    expected = {case.id: case for case in cases if wanted(case)}

    listed = await who.all(f"{path}limit=37")
    counted = ok(await who.get(f"{path}limit=1&count=true"))

    assert sorted(ticket["id"] for ticket in listed) == sorted(expected), query
    assert counted["total"] == len(expected), query
    for ticket in listed:
        assert_is_as_accounted(ticket, expected[ticket["id"]])


async def the_orders_agree(replay: Replay, cases: list[Case]) -> None:
    keys: dict[str, Callable[[Case], Any]] = {
        "created_at": lambda c: (c.created_at, c.id),
        "updated_at": lambda c: (c.updated_at, c.id),
        "priority": lambda c: (list(TARGETS).index(c.priority), c.id),
        "id": lambda c: c.id,
    }
    for name, key in keys.items():
        up = [case.id for case in sorted(cases, key=key)]
        for sort, expected in ((name, up), (f"-{name}", up[::-1])):
            listed = await replay.operator.all(f"/api/tickets/?sort={sort}&limit=50")
            assert [ticket["id"] for ticket in listed] == expected, sort


async def customers_see_their_own(replay: Replay) -> None:
    """The ten who called most often look at their tickets, with a password that the admin gave them."""
    cases = list(replay.cases.values())
    for caller, number in Counter(case.requester for case in cases).most_common(10):
        query = f"/api/users/?q={email_of(caller)}"
        known = [u for u in await replay.admin.all(query) if u["email"] == email_of(caller)]
        ok(await replay.admin.patch(f"/api/users/{known[0]['id']}", {"password": incidents.PASSWORD}))
        customer = await replay.log_in(caller)
        own = [case for case in cases if case.requester == caller]

        await the_list_agrees(customer, own, "", lambda c: True)
        await the_list_agrees(customer, own, "status=closed", lambda c: c.status == "closed")
        assert (await customer.get("/api/tickets/stats")).status == 403
        assert len(own) == number
        told = await customer.all(f"/api/tickets/{own[0].id}/history")
        assert [told_of(row) for row in told] == [as_told(past) for past in own[0].history]
        assert {row["reason"] for row in told} == {None}
