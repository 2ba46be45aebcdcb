"""Numbers over HTTP."""

from aiohttp import web

from servicedesk.desk import setup
from servicedesk.domain.listing import Format
from servicedesk.domain.numbers import Numbers, NumbersQuery, period_of, teams_of
from servicedesk.store import numbers as stored
from servicedesk.store.db import Connection
from servicedesk.web import tables
from servicedesk.web.api import Call


async def stats(call: Call, query: NumbersQuery) -> Numbers | web.Response:
    """Return what is open now, and what happened in a period; with ``format=csv`` as a table."""
    teams = teams_of(query)

    def count(conn: Connection) -> Numbers:
        days = period_of(query, setup.time_zone(conn), call.now)
        return stored.numbers(conn, teams, days, call.now)

    found = await call.read(count)
    if query.format is Format.JSON:
        return found
    name = f"numbers-{found.daily[0].date}-{found.daily[-1].date}"
    await tables.record(call, name)
    return tables.numbers(call, found, name)
