"""A person is forgotten: their name, their address and what they wrote as a requester; the desk's own work stays."""

import re
from hashlib import sha256
from typing import Final

import msgspec

from servicedesk.desk import audit
from servicedesk.desk.tickets import CLOSED_BY_ITSELF
from servicedesk.domain.audit import Action, Noun, Subject
from servicedesk.domain.errors import Conflict
from servicedesk.domain.people import User, fold
from servicedesk.domain.times import Instant, iso
from servicedesk.domain.words import say
from servicedesk.store import epoch, erasure, meta, people
from servicedesk.store.db import Connection, Tx

PENDING: Final = "erasing"
"""Where it stands that an erasure is not finished: its rows are gone, what they left on the disk may not be."""
TITLE: Final = "Erased"
BODY: Final = "(erased)"


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. The hash is of the folded address: whoever knows it can tell that it was this one."""

    person: int
    called: str
    """What the desk calls them from now on."""
    email_sha256: str
    erased_at: str
    kept_messages: bool
    tickets: int
    messages: int
    files: int
    sessions: int
    notifications: int
    private_links: int
    answers: int
    events: int
    audit_row: int
    """The row of the audit list that holds this receipt."""
    audit_rows_that_name_them: int
    """That list is only added to, and outlives what it tells of."""


class Pending(msgspec.Struct, frozen=True):
    receipt: Receipt
    contents: tuple[str, ...]
    uploads: tuple[str, ...]


def pending(conn: Connection) -> Pending | None:
    """Return the erasure that was not brought to its end."""
    raw = meta.get(conn, PENDING)
    return msgspec.json.decode(raw, type=Pending) if raw else None


def hash_of(email: str) -> str:
    return sha256(fold(email).encode()).hexdigest()


def erase(tx: Tx, user: User, *, keep_messages: bool, at: Instant) -> Pending:
    """Forget the person in all rows, in one transaction. Raises Conflict for active staff."""
    if user.is_staff and user.is_active:
        raise Conflict(
            say(
                "{name} is of the staff; deactivate them first, so that somebody else has their tickets.",
                name=user.name,
            )
        )
    called = f"Erased person {user.id}"
    names = re.compile("|".join(rf"(?<!\w){re.escape(text)}(?!\w)" for text in (user.email, user.name)), re.I)
    written = {
        form for text in (user.email, user.name) for form in (text, msgspec.json.encode(text).decode()[1:-1])
    }
    speaks_of = re.compile("|".join(map(re.escape, sorted(written))), re.I).search
    ticket_ids = erasure.tickets_of(tx, user.id)
    uploads = erasure.uploads_of(tx, user.id)
    messages, contents, links = 0, list[str](), 0
    for ticket_id in ticket_ids:
        if not keep_messages:
            erasure.blank_ticket(tx, ticket_id, TITLE)
            messages += erasure.blank_messages(tx, ticket_id, user.id, BODY)
            erasure.blank_history(tx, ticket_id, user.id, but=str(CLOSED_BY_ITSELF))
            contents += erasure.drop_files(tx, ticket_id, user.id)
        erasure.empty_notifications(tx, ticket_id)
        links += erasure.drop_links(tx, ticket_id)
        erasure.clean_ticket(tx, ticket_id, lambda text: names.sub(called, text))
    address = re.compile(re.escape(user.email), re.I)
    elsewhere = erasure.clean_elsewhere(tx, user.email, lambda text: address.sub(called, text))
    for ticket_id in sorted({*ticket_ids, *elsewhere}):
        erasure.index_anew(tx, ticket_id)
    gone = erasure.drop_own(tx, user.id)
    answers = erasure.drop_answers(tx, user.id, ticket_ids, lambda text: speaks_of(text) is not None)
    events = erasure.forget_events(tx, user.id, ticket_ids, lambda text: speaks_of(text) is not None)
    erasure.rename(tx, user.id, name=called, email=f"erased-{user.id}@erased.invalid")
    epoch.end(tx)
    receipt = Receipt(
        person=user.id,
        called=called,
        email_sha256=hash_of(user.email),
        erased_at=iso(at),
        kept_messages=keep_messages,
        tickets=len(ticket_ids),
        messages=messages,
        files=len(contents),
        sessions=gone["sessions"],
        notifications=gone["notifications"],
        private_links=links,
        answers=answers,
        events=events,
        audit_row=erasure.next_audited(tx),
        audit_rows_that_name_them=erasure.count_audited(tx, user.id),
    )
    audit.record(tx, Action.ERASED, Subject(Noun.PERSON, user.id, called), msgspec.structs.asdict(receipt))
    left = Pending(receipt, tuple(sorted(set(contents))), tuple(uploads))
    meta.put(tx, PENDING, msgspec.json.encode(left).decode())
    return left


def find(conn: Connection, email: str) -> User | None:
    return people.by_email(conn, email)


def finished(tx: Tx) -> None:
    """Note that nothing of it is left to do."""
    meta.put(tx, PENDING, "")
