"""What people do with files. The bytes are in their place before, and go after, what happens here."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET

from servicedesk.desk import audit, telling
from servicedesk.domain import views
from servicedesk.domain.access import Verb, may, require
from servicedesk.domain.audit import Action as Doing
from servicedesk.domain.audit import Noun, Subject
from servicedesk.domain.errors import FieldError, Invalid, NotFound, invalid
from servicedesk.domain.events import Action, Event, staff_room, ticket_room
from servicedesk.domain.files import A_MESSAGE, NewFile, Picture, Scan, StoredFile
from servicedesk.domain.people import User, ref
from servicedesk.domain.tickets import FromTo, Ticket
from servicedesk.domain.times import Instant, iso
from servicedesk.domain.views import FileBody
from servicedesk.domain.words import say
from servicedesk.store import events, files, history, messages, search, tickets
from servicedesk.store.db import Connection, Tx


def require_place(
    conn: Connection, ticket_id: int, message_id: int | None, *, is_internal: bool, by: User
) -> bool:
    """Refuse a file that may not hang where it is to hang; return whether it is internal there."""
    ticket = tickets.get(conn, ticket_id)
    require(by, Verb.UPLOAD, ticket)
    if is_internal:
        require(by, Verb.UPLOAD_INTERNAL, ticket)
    if message_id is None:
        return is_internal
    try:
        message = messages.get(conn, message_id)
    except NotFound:
        message = None
    if message is None or message.ticket_id != ticket_id or not may(by, Verb.SEE, message):
        raise invalid("/message_id", say("is no message of this ticket"), "unknown")
    if files.count_of_message(conn, message_id) >= A_MESSAGE:
        raise invalid("/message_id", say("has {n} files already", n=A_MESSAGE), "too_many")
    return is_internal or message.is_internal


def add(tx: Tx, new: NewFile, *, by: User, at: Instant) -> FileBody:
    """Make a file known, and findable by its name."""
    internal = require_place(tx, new.ticket_id, new.message_id, is_internal=new.is_internal, by=by)
    new = msgspec.structs.replace(new, is_internal=internal)
    before = tickets.get(tx, new.ticket_id)
    piece = tickets.next_piece(tx, new.ticket_id)
    files.insert(tx, new, uploaded_by=by.id, piece=piece, at=at)
    _index(tx, new.ticket_id, piece, new.filename, is_internal=internal)
    after = _count(tx, before, 1, is_internal=internal, at=at)
    body = shown(files.get(tx, new.id))
    _tell_arrived(tx, after, body, at)
    telling.tell_counts(tx, before, after, by=by, at=at)
    return body


def finish_pictures(
    tx: Tx, sha256: str, *, sides: tuple[int, int] | None, is_made: bool, at: Instant
) -> None:
    """Note what became of the small picture of these bytes, and tell whoever looks at their files."""
    for file in files.without_picture_of(tx, sha256):
        picture = Picture.MADE if is_made else Picture.FAILED
        files.set_picture(tx, file.id, picture, *(sides or (file.width, file.height)))
        tell_changed(tx, file.id, at)


def tell_changed(tx: Tx, file_id: str, at: Instant) -> None:
    """Tell the room that sees the file how it stands now."""
    file = files.get(tx, file_id)
    changes = {"files": FromTo(file_id, file_id)}
    _tell(tx, tickets.get(tx, file.ticket_id), file, Action.UPDATED, changes, by=None, at=at)


def delete(tx: Tx, file_id: str, *, by: User, at: Instant) -> None:
    """Take a file away; its bytes may go once nothing names them any more."""
    file = files.get(tx, file_id)
    require(by, Verb.DELETE_FILE, file)
    before = tickets.get(tx, file.ticket_id)
    files.delete(tx, file_id, by=by.id, at=at)
    search.drop_piece(tx, file.ticket_id, file.piece)
    history.append(
        tx,
        file.ticket_id,
        Action.FILE_DELETED,
        _gone(file_id),
        actor_id=by.id,
        reason=None,
        is_internal=file.is_internal,
        at=at,
    )
    after = _count(tx, before, -1, is_internal=file.is_internal, at=at)
    _tell_gone(tx, after, file, by, at)
    telling.tell_counts(tx, before, after, by=by, at=at)
    subject = Subject(Noun.FILE, file_id, file.filename)
    audit.record(tx, Doing.DELETED, subject, {"ticket": file.ticket_id, "sha256": file.sha256}, by=by)


def bind(
    tx: Tx,
    ticket_id: int,
    message_id: int,
    file_ids: Sequence[str],
    *,
    is_internal: bool,
    by: User,
    at: Instant,
) -> None:
    """Hang the author's own waiting files of this ticket on a message; on a note they become internal."""
    for number, file_id in enumerate(dict.fromkeys(file_ids)):
        file = _waiting(tx, file_id, ticket_id, by)
        if file is None or (file.is_internal and not is_internal):
            detail = (
                say("is an internal file")
                if file
                else say("is not a file of yours that waits on this ticket")
            )
            raise Invalid([FieldError(f"/file_ids/{number}", "unknown", detail)])
        files.bind(tx, file_id, message_id)
        if is_internal and not file.is_internal:
            _withdraw(tx, file, by, at)


def scanned(tx: Tx, sha256: str, scan: Scan, signature: str, *, limit: int, at: Instant) -> bool:
    """Write down what the virus scanner says of a content, for all files that have it; return whether some are left.

    The latest word counts, whatever was said before; that it could not say anything concerns only who waits.
    """
    found = [
        file
        for file in files.of_content(tx, sha256)
        if file.scan is not scan and (scan is not Scan.ERROR or file.scan is Scan.PENDING)
    ]
    for file in found[:limit]:
        files.set_scan(tx, [file.id], scan)
        if scan is Scan.INFECTED:
            _write_down_virus(tx, file, signature, at)
        tell_changed(tx, file.id, at)
    return len(found) > limit


def _write_down_virus(tx: Tx, file: StoredFile, signature: str, at: Instant) -> None:
    history.append(
        tx,
        file.ticket_id,
        Action.UPDATED,
        {"infected_file": FromTo(None, f"{file.filename} ({signature})")},
        actor_id=None,
        reason=None,
        is_internal=file.is_internal,
        at=at,
    )


def of_messages(conn: Connection, message_ids: Sequence[int], *, staff: bool) -> dict[int, list[FileBody]]:
    """Return the files of each message that has some."""
    found: dict[int, list[FileBody]] = {}
    for file in files.of_messages(conn, message_ids) if message_ids else []:
        if file.message_id is not None and (staff or not file.is_internal):
            found.setdefault(file.message_id, []).append(shown(file))
    return found


def of_ticket(conn: Connection, ticket_id: int, *, staff: bool) -> list[FileBody]:
    """Return the files of a ticket that this side sees, oldest first."""
    return [shown(file) for file in files.of_ticket(conn, ticket_id, internal=staff)]


def shown(file: StoredFile) -> FileBody:
    """Return the file on the wire."""
    address = f"/api/files/{file.id}"
    return FileBody(
        id=file.id,
        ticket_id=file.ticket_id,
        message_id=file.message_id,
        filename=file.filename,
        size=file.size,
        content_type=file.content_type.partition(";")[0],
        category=file.category,
        sha256=file.sha256,
        is_internal=file.is_internal,
        uploaded_by=file.uploaded_by,
        created_at=iso(file.created_at),
        width=file.width,
        height=file.height,
        download_url=f"{address}/download",
        preview_url=f"{address}/preview",
        thumbnail_url=f"{address}/thumbnail" if file.has_picture else None,
        thumbnail_pending=True if file.picture is Picture.PENDING else UNSET,
        scan=UNSET if file.scan is Scan.NONE else file.scan,
    )


def _waiting(tx: Tx, file_id: str, ticket_id: int, by: User) -> StoredFile | None:
    try:
        file = files.get(tx, file_id)
    except NotFound:
        return None
    waits = file.ticket_id == ticket_id and file.message_id is None and file.owner_id == by.id
    return file if waits and may(by, Verb.SEE, file) else None


def _withdraw(tx: Tx, file: StoredFile, by: User, at: Instant) -> None:
    """Make a public file internal: to the ticket's room it is gone, to staff it has come."""
    files.make_internal(tx, file.id)
    _index(tx, file.ticket_id, file.piece, file.filename, is_internal=True)
    before = tickets.get(tx, file.ticket_id)
    counts = {"public_files": before.public_files - 1, "internal_files": before.internal_files + 1}
    tickets.update(tx, before.id, counts)
    after = tickets.get(tx, before.id)
    _tell_gone(tx, after, file, by, at)
    _tell_arrived(tx, after, shown(files.get(tx, file.id)), at)


def _index(tx: Tx, ticket_id: int, piece: int, filename: str, *, is_internal: bool) -> None:
    if is_internal:
        search.index_piece(tx, ticket_id, piece, note=filename)
    else:
        search.index_piece(tx, ticket_id, piece, body=filename)


def _count(tx: Tx, ticket: Ticket, more: int, *, is_internal: bool, at: Instant) -> Ticket:
    """Count a file that came or went; only what everybody may see moves ``updated_at``."""
    if is_internal:
        tickets.update(tx, ticket.id, {"internal_files": ticket.internal_files + more})
    else:
        tickets.update(tx, ticket.id, {"public_files": ticket.public_files + more, "updated_at": at})
    return tickets.get(tx, ticket.id)


def _gone(file_id: str) -> telling.Changes:
    return {"files": FromTo(file_id, None)}


def _tell_arrived(tx: Tx, ticket: Ticket, file: FileBody, at: Instant) -> None:
    room = staff_room(ticket.id) if file.is_internal else ticket_room(ticket.id)
    counts = views.counts(ticket, staff=file.is_internal)
    events.append(tx, room, Event.FILE_UPLOADED, views.FileEvent(file, counts), at)


def _tell_gone(tx: Tx, ticket: Ticket, file: StoredFile, by: User, at: Instant) -> None:
    """Tell the room that heard of the file that it is gone."""
    _tell(tx, ticket, file, Action.FILE_DELETED, _gone(file.id), by=by, at=at)


def _tell(
    tx: Tx,
    ticket: Ticket,
    file: StoredFile,
    action: Action,
    changes: telling.Changes,
    *,
    by: User | None,
    at: Instant,
) -> None:
    event = views.TicketEvent(
        ticket_id=ticket.id,
        action=action,
        changes=changes,
        version=ticket.version,
        actor=ref(by) if by else None,
        ticket=views.ticket(ticket, at, staff=True) if file.is_internal else views.for_room(ticket),
        file=UNSET if action is Action.FILE_DELETED else shown(file),
    )
    room = staff_room(ticket.id) if file.is_internal else ticket_room(ticket.id)
    events.append(tx, room, Event.TICKET_UPDATED, event, at)
