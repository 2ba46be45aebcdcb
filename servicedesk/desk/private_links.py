"""The address under which somebody without an account follows their ticket: given out, used, ended."""

from collections.abc import Sequence
from typing import Final

import msgspec

from servicedesk.desk import files, messages
from servicedesk.domain.access import Verb, require
from servicedesk.domain.events import Action
from servicedesk.domain.files import NewFile
from servicedesk.domain.people import User
from servicedesk.domain.tickets import FromTo
from servicedesk.domain.times import DAY, Instant
from servicedesk.store import history, tickets
from servicedesk.store import messages as stored_messages
from servicedesk.store import private_links as stored
from servicedesk.store.db import Tx
from servicedesk.store.private_links import PrivateLink

LASTS: Final = 90 * DAY
"""How long a link is good after it was opened last."""
NOTED_EVERY: Final = DAY
"""To open a page writes nothing more often than that."""


def give(tx: Tx, ticket_id: int, hashed: bytes, *, name: str, email: str, at: Instant) -> None:
    link = PrivateLink(
        ticket_id=ticket_id,
        given_name=name.strip(),
        given_email=email.strip(),
        created_at=at,
        expires_at=at + LASTS,
        used_at=None,
        ended_at=None,
    )
    stored.insert(tx, link, hashed)


def is_worth_noting(link: PrivateLink, at: Instant) -> bool:
    """Return whether it was not opened for a day."""
    return link.used_at is None or at - link.used_at >= NOTED_EVERY


def note_use(tx: Tx, ticket_id: int, at: Instant) -> None:
    """Write down that the link was opened: from now on it lasts anew."""
    stored.use(tx, ticket_id, at, at + LASTS)


def reply(
    tx: Tx,
    ticket_id: int,
    body: str,
    new: Sequence[NewFile] = (),
    *,
    client_msg_id: str | None,
    by: User,
    at: Instant,
) -> None:
    """Say something, hang files on it, or only add files: all of it or nothing, and a repeat does nothing."""
    first = stored_messages.by_client_id(tx, by.id, client_msg_id) if client_msg_id else None
    if first is not None:
        if (first.ticket_id, first.body) == (ticket_id, body):
            return
        client_msg_id = None  # the page was shown once more from memory, and this is something else
    added = [
        files.add(tx, msgspec.structs.replace(file, ticket_id=ticket_id), by=by, at=at).id for file in new
    ]
    if body.strip():
        messages.post(tx, ticket_id, body, file_ids=added, client_msg_id=client_msg_id, by=by, at=at)


def end(tx: Tx, ticket_id: int, *, by: User, at: Instant) -> None:
    """End the ticket's link, for whoever has it, at once. Ending it again does nothing."""
    require(by, Verb.EDIT_TICKET, tickets.get(tx, ticket_id))
    if stored.end(tx, ticket_id, at):
        history.append(
            tx,
            ticket_id,
            Action.UPDATED,
            {"private_link": FromTo("open", "ended")},
            actor_id=by.id,
            reason=None,
            is_internal=True,
            at=at,
        )
