"""Somebody who works on while others upload: a process of its own, so that no client's work counts as the desk's.

Asks again and again until its standard input ends, and then prints by the kind of question how many seconds each
answer took.
"""

import asyncio
import json
import sys
import time
from typing import Final

from aiohttp import ClientSession

PAUSE: Final = 0.03


async def main(url: str, token: str, ticket_id: int) -> None:
    took: dict[str, list[float]] = {"read": [], "write": []}
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    async with ClientSession(url, headers={"Authorization": f"Bearer {token}"}) as session:
        number = 0
        while not ended.done():
            path, body = f"/api/tickets/{ticket_id}", None
            if number % 4 == 1:
                path = "/api/tickets/?status=new"
            elif number % 4 == 3:
                path, body = f"{path}/messages", {"body": f"Still here: {number}"}
            began = time.perf_counter()
            async with session.request("POST" if body else "GET", path, json=body) as answer:
                assert answer.status < 300, await answer.text()
                await answer.read()
            took["write" if body else "read"].append(time.perf_counter() - began)
            number += 1
            await asyncio.sleep(PAUSE)
    print(json.dumps(took))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
