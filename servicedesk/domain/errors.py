"""What the desk refuses, in words for the person who reads them. Nothing here knows HTTP."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, Self

import msgspec
from msgspec.structs import asdict

from servicedesk.domain.words import joined, say

STATES: Final = {
    "new": say("new"),
    "open": say("open"),
    "in_progress": say("in_progress"),
    "pending": say("pending"),
    "on_hold": say("on_hold"),
    "resolved": say("resolved"),
    "closed": say("closed"),
}
"""Statuses as a refusal names them: in English as programs spell them."""


class FieldError(msgspec.Struct, frozen=True):
    """One bad field: where it is (a JSON pointer), what is wrong for a program, and for a person."""

    pointer: str
    code: str
    message: str


class Refused(Exception):
    """The desk will not do this. ``extras`` are further members of the answer."""

    code: ClassVar[str] = "refused"
    title: ClassVar[str] = say("Refused")

    def __init__(self, detail: str, **extras: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extras: Mapping[str, Any] = extras


class Unauthenticated(Refused):
    code = "unauthenticated"
    title = say("Log in first")

    def __init__(self, detail: str = say("This needs a valid session or token.")) -> None:
        super().__init__(detail)


class BadCredentials(Unauthenticated):
    code = "bad_credentials"
    title = say("Wrong e-mail or password")

    def __init__(self) -> None:
        super().__init__(say("The e-mail address or the password is wrong."))


class CodeNeeded(Unauthenticated):
    """The password was right, and this person has a second step."""

    code = "code_needed"
    title = say("One more step")

    def __init__(self) -> None:
        super().__init__(say("This person logs in with a code as well: send it along as “code”."))


class WrongCode(Unauthenticated):
    """The password was right; the code was not, or it was used already."""

    code = "wrong_code"
    title = say("Wrong code")

    def __init__(self) -> None:
        super().__init__(say("This code is wrong or was used already. Wait for the next one, and try that."))


class WrongPassword(Refused):
    """The present password, asked for again, was wrong: the session itself is fine."""

    code = "bad_credentials"
    title = say("Wrong password")

    def __init__(self) -> None:
        super().__init__(say("The present password is wrong."))


class NotFound(Refused):
    """It does not exist, or this person may not know that it does."""

    code = "not_found"
    title = say("Not found")

    def __init__(self, detail: str = say("There is nothing here.")) -> None:
        super().__init__(detail)


class Forbidden(Refused):
    code = "forbidden"
    title = say("Not allowed")

    def __init__(self, detail: str = say("Your role may not do this.")) -> None:
        super().__init__(detail)


class SecondStepNeeded(Forbidden):
    """The desk wants a second step of everybody with this role, and this person has none yet."""

    code = "second_step_needed"
    title = say("Set up your second step")

    def __init__(self) -> None:
        super().__init__(say("Set up a second step first, on your settings page: your role needs one here."))


class ForbiddenField(Forbidden):
    code = "forbidden_field"

    def __init__(self, fields: Iterable[str]) -> None:
        named = ", ".join(sorted(fields))
        super().__init__(say("Only staff may set: {named}.", named=named))


class CsrfRefused(Forbidden):
    code = "csrf"
    title = say("Request from elsewhere")

    def __init__(
        self, detail: str = say("This request did not come from our own page. Reload and try again.")
    ) -> None:
        super().__init__(detail)


class Invalid(Refused):
    """Fields of the body are missing, unknown, of the wrong type or out of bounds; every one is named."""

    code = "invalid"
    title = say("Invalid fields")

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = tuple(errors)
        named = [joined(": ", (e.pointer or "/", e.message)) for e in errors]
        super().__init__(joined("; ", named), errors=[asdict(e) for e in self.errors])


def invalid(pointer: str, message: str, code: str = "invalid") -> Invalid:
    """Return the refusal of one field."""
    return Invalid([FieldError(pointer, code, message)])


class BadJson(Refused):
    code = "bad_json"
    title = say("Not JSON")


class BadParameter(Refused):
    code = "bad_parameter"
    title = say("Bad query parameter")

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail, parameter=name)
        self.said = detail
        """What is wrong, for a page on which it is clear of what."""

    @classmethod
    def of(cls, name: str, said: str) -> Self:
        """Return the refusal of what a parameter holds; its detail begins with the parameter's name."""
        refusal = cls(name, joined(": ", (name, said)))
        refusal.said = said
        return refusal


class BadRequest(Refused):
    code = "bad_request"
    title = say("Bad request")


class UnsupportedMedia(Refused):
    code = "unsupported_media_type"
    title = say("Unsupported media type")


class TooLarge(Refused):
    code = "too_large"
    title = say("Too large")


class TooSlow(Refused):
    code = "too_slow"
    title = say("Too slow")

    def __init__(self) -> None:
        super().__init__(say("The request came too slowly and was given up."))


class Stale(Refused):
    """Somebody changed the thing since the caller read it. ``current`` is how it stands."""

    code = "stale"
    title = say("Changed meanwhile")

    def __init__(self, current: object, what: str = say("ticket")) -> None:
        super().__init__(say("The {what} has changed since you read it.", what=what), current=current)


class Conflict(Refused):
    """The request is fine; the present state of things does not admit it."""

    code = "conflict"
    title = say("Conflict")


class IllegalTransition(Conflict):
    """The workflow has no such move from the ticket's present status."""

    code = "illegal_transition"
    title = say("No such move")

    def __init__(self, here: str, there: str, allowed: Sequence[str]) -> None:
        super().__init__(
            say("A ticket cannot go from {here} to {there}.", here=STATES[here], there=STATES[there]),
            allowed=list(allowed),
        )


class Reason(msgspec.Struct, frozen=True):
    """Why a rule refuses a move."""

    code: str
    message: str


class TransitionRefused(Conflict):
    """The table has the move, but a rule stands against it now."""

    code = "transition_refused"
    title = say("Move refused")

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__(joined(" ", [r.message for r in reasons]), reasons=[asdict(r) for r in reasons])


class ReopenWindowOver(Conflict):
    code = "reopen_window_over"
    title = say("Too late to reopen")

    def __init__(self, days: int) -> None:
        super().__init__(
            say("A closed ticket can be reopened for {days} days; please open a new one.", days=days)
        )


class AlreadyAtTop(Conflict):
    code = "already_at_top"
    title = say("Already at the top")

    def __init__(self, level: int) -> None:
        super().__init__(say("The ticket is already at escalation level {level}, the highest.", level=level))


class NothingToAcknowledge(Conflict):
    code = "nothing_to_acknowledge"
    title = say("Nothing to acknowledge")

    def __init__(self) -> None:
        super().__init__(say("No escalation of this ticket waits for somebody to acknowledge it."))


class NotOpen(Conflict):
    code = "not_open"
    title = say("Ticket is not open")

    def __init__(self, status: str) -> None:
        super().__init__(say("The ticket is {status}; reopen it first.", status=STATES[status]))


class TicketClosed(Conflict):
    code = "ticket_closed"
    title = say("Ticket is closed")

    def __init__(self) -> None:
        super().__init__(say("The ticket is closed: only internal notes can be added."))


class LastAdmin(Conflict):
    code = "last_admin"
    title = say("Last admin")

    def __init__(self) -> None:
        super().__init__(say("This is the last active admin; make another one first."))


class AlreadySetUp(Conflict):
    code = "already_set_up"
    title = say("Already set up")


class TooMany(Conflict):
    """There is no place for one more of them."""

    code = "too_many"
    title = say("Too many")

    def __init__(self, what: str, most: int) -> None:
        super().__init__(say("There are {most} {what} already; delete one first.", most=most, what=what))


class InUse(Conflict):
    """Something leans on it, so it cannot go."""

    code = "in_use"
    title = say("In use")

    def __init__(self, what: str) -> None:
        super().__init__(say("The {what} is in use; give what uses it another one first.", what=what))


class IdempotencyConflict(Refused):
    code = "idempotency_conflict"
    title = say("Key used before")

    def __init__(self) -> None:
        super().__init__(say("This key was used before with another request."))


class InProgress(Conflict):
    code = "in_progress"
    title = say("Still running")

    def __init__(self) -> None:
        super().__init__(say("The first request with this key is still running."))


class RateLimited(Refused):
    """Too often. ``retry_after_ms`` is how long to wait."""

    code = "rate_limited"
    title = say("Too many requests")

    def __init__(self, detail: str, retry_after_ms: int) -> None:
        super().__init__(detail, retry_after_ms=retry_after_ms)
        self.retry_after_ms = retry_after_ms


class Unavailable(Refused):
    """The desk cannot do this right now; later it can."""

    code = "unavailable"
    title = say("Not available now")


class Busy(Unavailable):
    """So much waits already that this would come too late."""

    code = "busy"
    title = say("Busy")

    def __init__(self) -> None:
        super().__init__(say("The desk has too much to do just now; try again in a few seconds."))


class StorageFull(Unavailable):
    code = "storage_full"
    title = say("Storage is full")

    def __init__(self) -> None:
        super().__init__(
            say("The desk's disk is full: reading goes on, writing comes back when there is room.")
        )


class UploadStorageFull(StorageFull):
    """A file did not fit on the disk; smaller writes may still go on."""

    def __init__(self) -> None:
        Unavailable.__init__(
            self, say("There is no room for files at the moment. Messages can still be written.")
        )


class NotInstalled(Refused):
    """It needs an optional library that is not here."""

    code = "not_installed"
    title = say("Not installed")

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            say(
                "{what} needs the extra “{extra}”: pip install 'servicedesk[{extra}]'.",
                what=what,
                extra=extra,
            )
        )


class SearchTooSlow(Unavailable):
    code = "search_too_slow"
    title = say("Search took too long")

    def __init__(self) -> None:
        super().__init__(say("This search takes too long; add a filter or a rarer word."))
