"""Files that come in over several requests: begun here, and here they become files."""

from servicedesk.desk import files
from servicedesk.domain.errors import TooMany
from servicedesk.domain.files import NewFile
from servicedesk.domain.people import User
from servicedesk.domain.resumable import UNFINISHED_MAX, Upload
from servicedesk.domain.times import Instant
from servicedesk.domain.views import FileBody
from servicedesk.domain.words import say
from servicedesk.store import resumable
from servicedesk.store.db import Connection, Tx


def require_place(conn: Connection, upload: Upload, *, by: User) -> None:
    """Refuse an upload whose file may not, or no longer, hang where it is to hang."""
    files.require_place(conn, upload.ticket_id, upload.message_id, is_internal=upload.is_internal, by=by)


def begin(tx: Tx, upload: Upload, *, by: User, at: Instant) -> None:
    """Await the bytes of a file. Raises TooMany."""
    require_place(tx, upload, by=by)
    if resumable.count_unfinished(tx, by.id, at) >= UNFINISHED_MAX:
        raise TooMany(say("unfinished uploads"), UNFINISHED_MAX)
    resumable.insert(tx, upload)


def finish(tx: Tx, new: NewFile, *, upload_id: str, by: User, at: Instant) -> FileBody:
    """Make the file known, and the upload what it came from."""
    body = files.add(tx, new, by=by, at=at)
    resumable.finish(tx, upload_id, body.id)
    return body
