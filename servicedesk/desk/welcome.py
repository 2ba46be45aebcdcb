"""The first ticket of a new desk: a short tour, which whoever set the desk up can answer and close."""

from typing import Final

import msgspec

from servicedesk.desk import tickets
from servicedesk.domain.people import User
from servicedesk.domain.tickets import Priority
from servicedesk.domain.times import Instant
from servicedesk.domain.words import Text, say
from servicedesk.store import meta
from servicedesk.store.db import Connection, Tx

TICKET: Final = "welcome_ticket"
ADDRESS: Final = "welcome@servicedesk.invalid"
"""Where nobody gets mail (RFC 2606): the desk itself, as far as it asks for something."""

TITLE: Final = say("Welcome to your desk")
PARAGRAPHS: Final[tuple[Text, ...]] = (
    say(
        "This is a ticket: somebody asks for something, and here you answer. It is yours, so try everything on it,"
        " and close it when you are done."
    ),
    say(
        "**What you see.** From left to right: the views with their counts, the list of tickets, the conversation,"
        " and what is known of the ticket. Whatever can be changed changes where it stands."
    ),
    say(
        "**By keyboard.** `J` and `K` go through the list and `Enter` opens a ticket. `R` writes a reply, `N` a note"
        " that only staff see. `Ctrl`+`K` finds every action, ticket and person, and `?` shows all keys."
    ),
    say("**Files.** Drop one anywhere on the conversation, or paste a picture."),
    say("**What to do next:**"),
)
STEPS: Final[tuple[Text, ...]] = (
    say("[Invite people and make teams](/people)"),
    say("[Say when you work: business hours and holidays](/settings/calendars)"),
    say("[Say what you promise, and what happens when it is late](/settings/sla)"),
    say("[Let people write without an account: switch on the public form](/settings)"),
)


class Welcome(msgspec.Struct, frozen=True):
    """The words of the ticket, in the language of whoever reads it, and who says them."""

    title: str
    description: str
    name: str


def greet(tx: Tx, welcome: Welcome, admin: User, *, at: Instant) -> int:
    """Open the ticket, from the desk to its first admin; return its id."""
    draft = tickets.Draft(
        title=welcome.title,
        description=welcome.description,
        priority=Priority.LOW,
        requester=tickets.NewRequester(ADDRESS, welcome.name),
        assigned_to=admin.id,
    )
    ticket_id = tickets.create(tx, draft, by=admin, at=at).id
    meta.put(tx, TICKET, str(ticket_id))
    return ticket_id


def ticket_id(conn: Connection) -> int:
    """Return which ticket is the tour, 0 without one."""
    return int(meta.get(conn, TICKET, "0"))
