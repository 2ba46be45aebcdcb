"""What the desk refuses, in words for the person who reads them. Nothing here knows HTTP."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One bad field: where it is (a JSON pointer), what is wrong for a program, and for a person."""

    pointer: str
    code: str
    message: str


class Refused(Exception):
    """The desk will not do this. ``extras`` are further members of the answer."""

    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "Refused"

    def __init__(self, detail: str, **extras: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extras: Mapping[str, Any] = extras


class Unauthenticated(Refused):
    code = "unauthenticated"
    title = "Log in first"

    def __init__(self, detail: str = "This needs a valid session or token.") -> None:
        super().__init__(detail)


class BadCredentials(Unauthenticated):
    code = "bad_credentials"
    title = "Wrong e-mail or password"

    def __init__(self) -> None:
        super().__init__("The e-mail address or the password is wrong.")


class WrongPassword(Refused):
    """The present password, asked for again, was wrong: the session itself is fine."""

    code = "bad_credentials"
    title = "Wrong password"

    def __init__(self) -> None:
        super().__init__("The present password is wrong.")


class NotFound(Refused):
    """It does not exist, or this person may not know that it does."""

    code = "not_found"
    title = "Not found"

    def __init__(self, detail: str = "There is nothing here.") -> None:
        super().__init__(detail)


class Forbidden(Refused):
    code = "forbidden"
    title = "Not allowed"

    def __init__(self, detail: str = "Your role may not do this.") -> None:
        super().__init__(detail)


class ForbiddenField(Forbidden):
    code = "forbidden_field"

    def __init__(self, fields: Iterable[str]) -> None:
        named = ", ".join(sorted(fields))
        super().__init__(f"Only staff may set: {named}.")


class CsrfRefused(Forbidden):
    code = "csrf"
    title = "Request from elsewhere"

    def __init__(
        self, detail: str = "This request did not come from our own page. Reload and try again."
    ) -> None:
        super().__init__(detail)


class Invalid(Refused):
    """Fields of the body are missing, unknown, of the wrong type or out of bounds; every one is named."""

    code = "invalid"
    title = "Invalid fields"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        named = "; ".join(f"{e.pointer or '/'}: {e.message}" for e in errors)
        super().__init__(named, errors=[msgspec.to_builtins(e, enc_hook=str) for e in errors])
        self.errors = tuple(errors)


def invalid(pointer: str, message: str, code: str = "invalid") -> Invalid:
    """Return the refusal of one field."""
    return Invalid([FieldError(pointer, code, message)])


class BadJson(Refused):
    code = "bad_json"
    title = "Not JSON"


class BadParameter(Refused):
    code = "bad_parameter"
    title = "Bad query parameter"

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail, parameter=name)


class BadRequest(Refused):
    code = "bad_request"
    title = "Bad request"


class UnsupportedMedia(Refused):
    code = "unsupported_media_type"
    title = "Unsupported media type"


class TooLarge(Refused):
    code = "too_large"
    title = "Too large"


class TooSlow(Refused):
    code = "too_slow"
    title = "Too slow"

    def __init__(self) -> None:
        super().__init__("The request came too slowly and was given up.")


class Stale(Refused):
    """Somebody changed the thing since the caller read it. ``current`` is how it stands."""

    code = "stale"
    title = "Changed meanwhile"

    def __init__(self, current: object, what: str = "ticket") -> None:
        super().__init__(f"The {what} has changed since you read it.", current=current)


class Conflict(Refused):
    """The request is fine; the present state of things does not admit it."""

    code = "conflict"
    title = "Conflict"


class IllegalTransition(Conflict):
    """The workflow has no such move from the ticket's present status."""

    code = "illegal_transition"
    title = "No such move"

    def __init__(self, here: str, there: str, allowed: Sequence[str]) -> None:
        super().__init__(f"A ticket cannot go from {here} to {there}.", allowed=list(allowed))


class Reason(msgspec.Struct, frozen=True):
    """Why a rule refuses a move."""

    code: str
    message: str


class TransitionRefused(Conflict):
    """The table has the move, but a rule stands against it now."""

    code = "transition_refused"
    title = "Move refused"

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__(
            " ".join(r.message for r in reasons),
            reasons=[msgspec.to_builtins(r, enc_hook=str) for r in reasons],
        )


class ReopenWindowOver(Conflict):
    code = "reopen_window_over"
    title = "Too late to reopen"

    def __init__(self, days: int) -> None:
        super().__init__(f"A closed ticket can be reopened for {days} days; please open a new one.")


class AlreadyAtTop(Conflict):
    code = "already_at_top"
    title = "Already at the top"

    def __init__(self, level: int) -> None:
        super().__init__(f"The ticket is already at escalation level {level}, the highest.")


class NothingToAcknowledge(Conflict):
    code = "nothing_to_acknowledge"
    title = "Nothing to acknowledge"

    def __init__(self) -> None:
        super().__init__("No escalation of this ticket waits for somebody to acknowledge it.")


class NotOpen(Conflict):
    code = "not_open"
    title = "Ticket is not open"

    def __init__(self, status: str) -> None:
        super().__init__(f"The ticket is {status}; reopen it first.")


class TicketClosed(Conflict):
    code = "ticket_closed"
    title = "Ticket is closed"

    def __init__(self) -> None:
        super().__init__("The ticket is closed: only internal notes can be added.")


class LastAdmin(Conflict):
    code = "last_admin"
    title = "Last admin"

    def __init__(self) -> None:
        super().__init__("This is the last active admin; make another one first.")


class AlreadySetUp(Conflict):
    code = "already_set_up"
    title = "Already set up"


class TooMany(Conflict):
    """There is no place for one more of them."""

    code = "too_many"
    title = "Too many"

    def __init__(self, what: str, most: int) -> None:
        super().__init__(f"There are {most} {what} already; delete one first.")


class InUse(Conflict):
    """Something leans on it, so it cannot go."""

    code = "in_use"
    title = "In use"

    def __init__(self, what: str) -> None:
        super().__init__(f"The {what} is in use; give what uses it another one first.")


class IdempotencyConflict(Refused):
    code = "idempotency_conflict"
    title = "Key used before"

    def __init__(self) -> None:
        super().__init__("This key was used before with another request.")


class InProgress(Conflict):
    code = "in_progress"
    title = "Still running"

    def __init__(self) -> None:
        super().__init__("The first request with this key is still running.")


class RateLimited(Refused):
    """Too often. ``retry_after_ms`` is how long to wait."""

    code = "rate_limited"
    title = "Too many requests"

    def __init__(self, detail: str, retry_after_ms: int) -> None:
        super().__init__(detail, retry_after_ms=retry_after_ms)
        self.retry_after_ms = retry_after_ms


class Unavailable(Refused):
    """The desk cannot do this right now; later it can."""

    code = "unavailable"
    title = "Not available now"


class Busy(Unavailable):
    """So much waits already that this would come too late."""

    code = "busy"
    title = "Busy"

    def __init__(self) -> None:
        super().__init__("The desk has too much to do just now; try again in a few seconds.")


class StorageFull(Unavailable):
    code = "storage_full"
    title = "Storage is full"

    def __init__(self) -> None:
        super().__init__("The desk's disk is full: reading goes on, writing comes back when there is room.")


class UploadStorageFull(StorageFull):
    """A file did not fit on the disk; smaller writes may still go on."""

    def __init__(self) -> None:
        Unavailable.__init__(self, "There is no room for files at the moment. Messages can still be written.")


class NotInstalled(Refused):
    """It needs an optional library that is not here."""

    code = "not_installed"
    title = "Not installed"

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra “{extra}”: pip install 'servicedesk[{extra}]'.")


class SearchTooSlow(Unavailable):
    code = "search_too_slow"
    title = "Search took too long"

    def __init__(self) -> None:
        super().__init__("This search takes too long; add a filter or a rarer word.")
