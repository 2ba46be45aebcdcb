"""Macros as rows."""

from typing import Final

from servicedesk.domain.macros import Content, Macro
from servicedesk.store.kept import Shelf

MACROS: Final[Shelf[Macro, Content]] = Shelf("macros", Macro.noun, Content, Macro)
