"""``servicedesk user reset-second-step``: the door for the last admin, whom nobody else can help."""

import asyncio
import time
from pathlib import Path

from servicedesk.desk import second_steps
from servicedesk.domain.audit import COMMAND_LINE, Occasion
from servicedesk.domain.errors import NotFound
from servicedesk.store import people
from servicedesk.store.db import Database, Tx
from servicedesk.store.migrate import Unusable


def take_second_step_away(database: Path, email: str) -> str:
    """Turn the second step of whoever has the address off; return their name. Raises Refused, Unusable."""
    if not database.is_file():
        raise Unusable(f"There is no desk in the folder {database.parent}.")

    def take(tx: Tx) -> str:
        tx.occasion = Occasion(at=time.time_ns() // 1_000_000, name=COMMAND_LINE)
        user = people.by_email(tx, email)
        if user is None:
            raise NotFound(f"Nobody here has the address {email}.")
        second_steps.take_away(tx, user.id)
        return user.name

    async def run() -> str:
        async with await Database.open(database) as db:
            return await db.write(take)

    return asyncio.run(run())
