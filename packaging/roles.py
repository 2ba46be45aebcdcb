"""Write docs/roles.md, the table of who may call what: ``make roles``.

Each row of the route table is asked for each role with the very function that every door asks, once for a thing of the
caller's own and once for somebody else's. With ``--check`` nothing is written; the exit status is 1 when the file is not
up to date.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from servicedesk.domain.access import Notification, Owned, Private, may
from servicedesk.domain.calendars import StoredCalendar
from servicedesk.domain.escalation import EscalationPolicy
from servicedesk.domain.macros import Macro
from servicedesk.domain.people import Availability, Requester, Role, Team, User
from servicedesk.domain.saved_views import SavedView
from servicedesk.domain.sessions import Session
from servicedesk.domain.sla import StoredPolicy
from servicedesk.domain.tickets import Ticket
from servicedesk.web import files, resumable, routes
from servicedesk.web.api import Kind, Loader, Row

TARGET = Path(__file__).resolve().parent.parent / "docs" / "roles.md"
STRANGER, LINK = "stranger", "link"
PEOPLE: tuple[str, ...] = (
    STRANGER,
    LINK,
    *(str(role) for role in (Role.CUSTOMER, Role.AGENT, Role.SUPERVISOR, Role.ADMIN)),
)
ME, OTHER, HERE = 1, 2, 7
HEAD = """\
# Who may call what

This table is made from the code (`make roles`), and a test asks every cell of a running desk
(`tests/web/test_roles.py`). *Yes* is whatever they ask it of. *Own* is only what is theirs: a ticket that they wrote,
what hangs on it without being internal, their own sessions, notifications, uploads, macros and views, themselves. *–* is
refused. What may be changed about a person or a macro narrows further by field: `desk/people.py`.

| Column | Who |
|---|---|
| stranger | nobody is logged in. Refused: 401 from the API and the websocket, to the log-in page from a page |
| link | shows nothing but the private link of one ticket. The link is in the address: on all others they are strangers |
| customer, agent, supervisor, admin | with a session or an API token. Refused: 404 for what they may not see, else 403 |

How somebody shows who they are:

| Shows | API | Pages | Websocket |
|---|---|---|---|
| API token or session in `Authorization: Bearer` | yes | yes | yes |
| session cookie, from our own page with its form's token | yes | yes | yes, with our `Origin` |
| session cookie, without the form's token or from elsewhere | reads; changes are 403 `csrf` | the same | no |
| session of somebody whose role needs a second step and who has none | 403 `second_step_needed` | to the page that sets it up | no |
| websocket ticket | no | no | once, for 30 s |
| private link | no | its own pages | no |
| anything that ended, was made up, or stands in the query | no | no | no |

`/metrics` also answers whoever asks from the machine itself. `/setup` is open under its one-time link, while nobody has
an account, and `/styleguide` is there in development alone. Rows marked ° are open before the second step that a role needs is set up.
"""


def mine(kind: type[Any], **fields: Any) -> Any:
    """Return a thing of that kind, of which access looks at few fields."""
    return kind(**dict.fromkeys(kind.__struct_fields__) | fields)


def person(role: Role, id_: int = ME, only_ticket: int | None = None) -> User:
    return mine(
        User, id=id_, role=role, is_active=True, availability=Availability.AVAILABLE, only_ticket=only_ticket
    )


def shared(kind: type[Any], owner: int) -> Any:
    content = mine(kind.__annotations__["content"], is_shared=owner == OTHER)
    return mine(kind, id=1, owner_id=owner, content=content)


THINGS: dict[Loader, Any] = {
    routes.TICKET: lambda owner: mine(Ticket, id=HERE, requester=Requester(owner, "", "")),
    routes.NOTIFICATION: lambda owner: Notification(1, owner),
    routes.USER: lambda owner: person(Role.AGENT, owner),
    routes.ESCALATION_POLICY: lambda owner: mine(EscalationPolicy),
    routes.CALENDAR: lambda owner: mine(StoredCalendar),
    routes.POLICY: lambda owner: mine(StoredPolicy),
    routes.SESSION: lambda owner: mine(Session, user_id=owner),
    routes.MACRO: lambda owner: shared(Macro, owner),
    routes.VIEW: lambda owner: shared(SavedView, owner),
    routes.TEAM: lambda owner: mine(Team),
    files.load: lambda owner: Owned(ticket_id=HERE, requester_id=owner, is_internal=False, owner_id=owner),
    resumable.load: lambda owner: Private(user_id=owner),
}
"""What each loader of the route table loads: somebody's own, or another's."""


DOORS: dict[str, tuple[str, ...]] = {
    "/ws": tuple(str(role) for role in Role),
    "/metrics": (str(Role.ADMIN),),
}
"""Who comes in where the handler itself looks, because more than a role decides."""
OWN_ALONE = {"/api/auth/tokens/{id}", "/settings/tokens/{id}/delete", "/notifications/{id}"}
"""Where the handler asks for what is the caller's, and for nothing else."""


def cell(row: Row, who: str) -> str:
    """Return whether they may call it."""
    if row.path in DOORS:
        return "yes" if who in DOORS[row.path] else "–"
    if row.who is None:
        return "yes"
    if who == STRANGER or (who == LINK) != (row.kind is Kind.LINK):
        return "–"
    if who == LINK:
        guest = person(Role.CUSTOMER, only_ticket=HERE)
        return "own" if row.on and may(guest, row.who, THINGS[row.on](ME)) else "–"
    actor = person(Role(who))
    if row.path in OWN_ALONE:
        return "own" if may(actor, row.who) else "–"
    if row.on is None:
        return "yes" if may(actor, row.who) else "–"
    own, others = (may(actor, row.who, THINGS[row.on](owner)) for owner in (ME, OTHER))
    return "yes" if others else "own" if own else "–"


def lines() -> Iterator[str]:
    yield HEAD
    for title, kinds in (
        ("The API", (Kind.API, Kind.SOCKET)),
        ("Pages and their forms", (Kind.PAGE,)),
        ("Under a private link", (Kind.LINK,)),
    ):
        yield f"## {title}\n"
        yield f"| Address | {' | '.join(PEOPLE)} |"
        yield f"|---|{'---|' * len(PEOPLE)}"
        for row in routes.ROWS:
            if row.kind in kinds:
                mark = "°" if row.before_second_step else ""
                cells = " | ".join(cell(row, who) for who in PEOPLE)
                yield f"| `{row.method} {row.path}`{mark} | {cells} |"
        yield ""


def main() -> int:
    text = "\n".join(lines())
    if "--check" not in sys.argv:
        TARGET.write_text(text, "utf-8")
        return 0
    if TARGET.is_file() and TARGET.read_text("utf-8") == text:
        return 0
    sys.stderr.write("docs/roles.md is not up to date: make roles\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
