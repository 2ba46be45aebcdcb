"""What the application carries, by typed key."""

from collections.abc import Callable, Mapping

from aiohttp import web

from servicedesk.domain.times import Instant
from servicedesk.settings import Settings
from servicedesk.store.db import Database

DB = web.AppKey("db", Database)
SETTINGS = web.AppKey("settings", Settings)
CLOCK = web.AppKey[Callable[[], Instant]]("clock", object)  # type: ignore[arg-type]
RUNNING = web.AppKey("running", set[tuple[int, str, str, str]])
"""The idempotency keys whose first request has not ended."""
SOURCES = web.AppKey[Mapping[str, str]]("sources", object)  # type: ignore[arg-type]
"""Where the value of each setting came from; empty where a program set them."""
REQUEST_ID = web.RequestKey("request_id", str)
