"""The gate to the wire: of many sockets that have something to send, a few do so in each turn of the loop."""

import asyncio
from collections import deque
from typing import Final

AT_ONCE: Final = 32
"""For them to send takes two milliseconds, about. Who waits meanwhile sends the more in one go."""


class Gate:
    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()

    def queue(self, waiting: "asyncio.Future[None]") -> None:
        """Let whoever awaits this go on when it is their turn."""
        if not self._waiting:
            waiting.get_loop().call_soon(self._let_in)
        self._waiting.append(waiting)

    def _let_in(self) -> None:
        for _ in range(min(AT_ONCE, len(self._waiting))):
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._let_in)
