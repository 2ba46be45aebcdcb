"""What goes into the audit list: written in the transaction that does it, so that it is there whenever that is."""

from collections.abc import Mapping
from typing import Any

import msgspec

from servicedesk.domain.audit import Action, Subject
from servicedesk.domain.people import User
from servicedesk.store import audit
from servicedesk.store.db import Tx


def record(
    tx: Tx,
    action: Action,
    subject: Subject,
    details: Mapping[str, Any] | None = None,
    *,
    by: User | None = None,
) -> None:
    """Write down what is being done; ``by`` is who does it, where that is not who asked.

    What the desk does by itself, and what fills a desk for a demonstration, nobody asked for: it is not written down.
    """
    occasion = tx.occasion
    if occasion is None:
        return
    if by is not None:
        occasion = msgspec.structs.replace(occasion, by=by)
    audit.append(tx, action, subject, details or {}, occasion)
