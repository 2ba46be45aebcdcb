"""Lines that a rule must find. Nobody runs this."""

import asyncio


async def tell(ws, frame):
    await asyncio.wait_for(ws.send_bytes(frame), 5)  # finds: a-send-is-never-timed-out
    async with asyncio.timeout(5):  # finds: a-send-is-never-timed-out
        await ws.send_str(frame)
    await ws.send_str(frame)
