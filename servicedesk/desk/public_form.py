"""What somebody without an account writes to the desk: a ticket, its files and its private link in one act."""

from collections.abc import Sequence

import msgspec

from servicedesk.desk import files, private_links, tickets
from servicedesk.domain.files import NewFile
from servicedesk.domain.people import Role, User
from servicedesk.domain.times import Instant
from servicedesk.store import people
from servicedesk.store import private_links as stored
from servicedesk.store import tickets as stored_tickets
from servicedesk.store.db import Connection, Tx

ELSEWHERE = "public-form.invalid"
"""Where nobody gets mail (RFC 2606): the addresses of people who gave one that is not theirs to give."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    email: str
    title: str
    description: str = ""


def write(tx: Tx, letter: Letter, new: Sequence[NewFile], *, hashed: bytes, at: Instant) -> int:
    """Open a ticket that is followed under the link of this hash; return its id."""
    requester = _requester(tx, letter, hashed, at)
    draft = tickets.Draft(title=letter.title, description=letter.description)
    ticket_id = tickets.create(tx, draft, by=requester, at=at).id
    for file in new:
        files.add(tx, msgspec.structs.replace(file, ticket_id=ticket_id), by=requester, at=at)
    private_links.give(tx, ticket_id, hashed, name=letter.name, email=letter.email, at=at)
    return ticket_id


def is_the_same(conn: Connection, letter: Letter, link: stored.PrivateLink) -> bool:
    """Return whether it is this letter that the link was given out for."""
    ticket = stored_tickets.get(conn, link.ticket_id)
    return (link.given_name, link.given_email, ticket.title, ticket.description) == (
        letter.name.strip(),
        letter.email.strip(),
        letter.title.strip(),
        letter.description,
    )


def _requester(tx: Tx, letter: Letter, hashed: bytes, at: Instant) -> User:
    """Return the customer who has the address, else a new one.

    Nobody checked the address. That of the staff would give a stranger's words their weight, and that of somebody
    who was shut out would let them in again: both get a new customer, and staff see what address was given.
    """
    email = letter.email.strip()
    known = people.by_email(tx, email)
    if known is not None and known.role is Role.CUSTOMER and known.is_active:
        return known
    if known is not None:
        email = f"guest-{hashed.hex()[:20]}@{ELSEWHERE}"
    return people.insert(tx, email=email, name=letter.name.strip(), role=Role.CUSTOMER, at=at)
