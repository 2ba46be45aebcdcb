"""Numbers over HTTP."""

from servicedesk.desk import setup
from servicedesk.domain.numbers import Numbers, NumbersQuery, period_of, teams_of
from servicedesk.store import numbers as stored
from servicedesk.store.db import Connection
from servicedesk.web.api import Call


async def stats(call: Call, query: NumbersQuery) -> Numbers:
    """Return what is open now, and what happened in a period."""
    teams = teams_of(query)

    def count(conn: Connection) -> Numbers:
        days = period_of(query, setup.time_zone(conn), call.now)
        return stored.numbers(conn, teams, days, call.now)

    return await call.read(count)
