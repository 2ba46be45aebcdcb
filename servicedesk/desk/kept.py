"""What people keep for themselves or share with all staff: who may write it, and how much of it there may be."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec

from servicedesk.desk import audit
from servicedesk.domain.access import Verb, require
from servicedesk.domain.audit import Action, Noun, Subject, changed
from servicedesk.domain.errors import Stale, TooMany
from servicedesk.domain.macros import Macro
from servicedesk.domain.people import User
from servicedesk.domain.saved_views import SavedView
from servicedesk.domain.times import Instant
from servicedesk.domain.words import say
from servicedesk.store.db import Connection, Tx
from servicedesk.store.kept import Content, Shelf

T = TypeVar("T", bound=Macro | SavedView)
C = TypeVar("C", bound=Content)
Versions = frozenset[int] | None
_MANY: Final = {Macro.noun: say("macros"), SavedView.noun: say("views")}


class Keeping(Generic[T, C]):
    """One kind of such things: on which shelf, who may write on it, and how many may be shared, or one person's own.

    ``sound`` returns the content as it is kept, and raises Invalid; ``shown`` is what a late writer is told.
    """

    def __init__(
        self,
        shelf: Shelf[T, C],
        verb: Verb,
        most: int,
        *,
        sound: Callable[[Connection, C], C],
        shown: Callable[[T], object],
    ) -> None:
        self._shelf: Final = shelf
        self._verb: Final = verb
        self._most: Final = most
        self._sound: Final = sound
        self._shown: Final = shown

    def create(self, tx: Tx, content: C, *, by: User, at: Instant) -> T:
        """Keep it: for oneself, or as a supervisor for everybody."""
        require(by, self._verb, self._shelf.draft(content, by.id))
        content = self._sound(tx, content)
        self._require_place(tx, content, by.id)
        made = self._shelf.insert(tx, content, owner_id=by.id, at=at)
        if made.is_shared:
            audit.record(tx, Action.MADE, self._subject(made))
        return made

    def edit(
        self, tx: Tx, thing_id: int, content: C, *, by: User, at: Instant, versions: Versions = None
    ) -> T:
        """Change it; the same again changes nothing. What is shared no more is its owner's alone."""
        before = self._writable(tx, thing_id, by)
        if content.is_shared:
            require(by, self._verb, msgspec.structs.replace(before, content=content))
        content = self._sound(tx, content)
        self._require_version(before, versions)
        if content == before.content:
            return before
        if content.is_shared != before.is_shared:
            self._require_place(tx, content, before.owner_id)
        after = self._shelf.update(tx, thing_id, content, at=at)
        if before.is_shared or after.is_shared:
            audit.record(
                tx, Action.CHANGED, self._subject(after), {"fields": changed(before.content, after.content)}
            )
        return after

    def delete(self, tx: Tx, thing_id: int, *, by: User, versions: Versions = None) -> None:
        """Throw it away."""
        before = self._writable(tx, thing_id, by)
        self._require_version(before, versions)
        self._shelf.delete(tx, thing_id)
        if before.is_shared:
            audit.record(tx, Action.DELETED, self._subject(before))

    @staticmethod
    def _subject(thing: T) -> Subject:
        noun = Noun.MACRO if isinstance(thing, Macro) else Noun.VIEW
        return Subject(noun, thing.id, thing.content.name)

    def _writable(self, tx: Tx, thing_id: int, by: User) -> T:
        thing = self._shelf.get(tx, thing_id)
        require(by, self._verb, thing)
        return thing

    def _require_version(self, thing: T, versions: Versions) -> None:
        if versions is not None and thing.version not in versions:
            raise Stale(self._shown(thing), thing.noun)

    def _require_place(self, conn: Connection, content: C, owner_id: int) -> None:
        if self._shelf.kept(conn, None if content.is_shared else owner_id) >= self._most:
            raise TooMany(_MANY[self._shelf.noun], self._most)
