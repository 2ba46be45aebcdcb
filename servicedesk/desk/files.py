"""What people do with files."""

from collections.abc import Sequence
from typing import Final

from servicedesk.domain.access import Owned, Verb, may
from servicedesk.domain.errors import FieldError, Invalid, NotFound
from servicedesk.domain.files import StoredFile
from servicedesk.domain.people import User
from servicedesk.domain.times import iso
from servicedesk.domain.views import FileBody
from servicedesk.store import files
from servicedesk.store.db import Connection, Tx

A_MESSAGE: Final = 10
"""Files on one message."""


def owned(file: StoredFile) -> Owned:
    """Return the file as access sees it."""
    return Owned(requester_id=file.requester_id, is_internal=file.is_internal, owner_id=file.uploaded_by.id)


def bind(
    tx: Tx, ticket_id: int, message_id: int, file_ids: Sequence[str], *, is_internal: bool, by: User
) -> None:
    """Hang the author's own waiting files of this ticket on a message of the same kind; any other is refused."""
    for number, file_id in enumerate(dict.fromkeys(file_ids)):
        if not _is_waiting(tx, file_id, ticket_id, is_internal, by):
            detail = "is not a file of yours that waits on this ticket"
            raise Invalid([FieldError(f"/file_ids/{number}", "unknown", detail)])
        files.bind(tx, file_id, message_id)


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
        content_type=file.content_type,
        category=file.category,
        sha256=file.sha256,
        is_internal=file.is_internal,
        uploaded_by=file.uploaded_by,
        created_at=iso(file.created_at),
        width=file.width,
        height=file.height,
        download_url=f"{address}/download",
        preview_url=f"{address}/preview",
        thumbnail_url=f"{address}/thumbnail" if file.has_thumbnail else None,
    )


def _is_waiting(tx: Tx, file_id: str, ticket_id: int, is_internal: bool, by: User) -> bool:
    try:
        file = files.get(tx, file_id)
    except NotFound:
        return False
    same = file.ticket_id == ticket_id and file.is_internal == is_internal and file.message_id is None
    return same and file.uploaded_by.id == by.id and may(by, Verb.SEE, owned(file))
