"""The server under the application: deadlines for slow heads, and refusals that no handler sees."""

import asyncio
import logging
import os
import secrets
import socket
import ssl
from typing import Any, Final, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from servicedesk.web import descriptors, middleware, problems, turns

log = logging.getLogger(__name__)

IDLE: Final = 50.0
"""Seconds that a connection may be silent, or its request's head incomplete."""
TAKEN: Final = 1 << 16
"""Bytes that are taken from a connection in one go: asyncio's own 256 KiB are held by each of many uploads."""
HANDSHAKE: Final = 20.0
"""Seconds that a client has to agree on how to speak TLS."""
GOODBYE: Final = 2.0
"""Seconds to end that again."""
BACKLOG: Final = 4096
"""Connections that the system keeps for us until we take them."""


class _Protocol(RequestHandler):
    """A connection; what cannot be read as a request at all is refused in the contract's form as well."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if isinstance(self._manager, _Server):
            self._manager.make_room()
        transport.max_size = TAKEN  # type: ignore[attr-defined]

    @property
    def is_idle(self) -> bool:
        """True between two requests; until an answer is sent to its end, its request runs."""
        return not self._request_in_progress

    @property
    def is_spare(self) -> bool:
        """True for one that asks for nothing and was not let go of yet."""
        return self.is_idle and self.transport is not None and not self.transport.is_closing()

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        request_id = secrets.token_hex(8)
        if status == 500 and not isinstance(exc, ConnectionError):
            log.error("request %s failed", request_id, exc_info=exc)
        detail = (
            "The request cannot be read." if status == 400 else "Something went wrong here; it was logged."
        )
        response = problems.plain(status, detail, request_id)
        middleware.make_safe(response.headers, request_id)
        response.force_close()
        return response


class _Server(web.Server):
    most = descriptors.room_for_connections(1024)

    def make_room(self) -> None:
        """When there are too many connections, let go of the one that has been there longest and asks for nothing.

        What the system lets the process open is kept for files and for those who are being answered.
        """
        if len(self._connections) <= self.most:
            return
        spare = next((each for each in self._connections if cast(_Protocol, each).is_spare), None)
        if spare is not None and spare.transport is not None:
            spare.transport.abort()

    def __call__(self) -> RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs the application behind our own connections."""

    def __init__(self, app: web.Application, **options: Any) -> None:
        # A body that claims to be compressed is refused; it need not be unpacked for that.
        super().__init__(
            app,
            access_log=None,
            keepalive_timeout=IDLE,
            auto_decompress=False,
            read_bufsize=TAKEN // 2,
            **options,
        )

    @property
    def is_idle(self) -> bool:
        return all(connection.is_idle for connection in self._connections())

    def close_idle(self) -> None:
        """Close connections between two requests; the others may go on receiving and sending.

        aiohttp's own way out also closes busy ones for what is still to come, which no upload survives.
        """
        for connection in self._connections():
            if connection.is_idle:
                connection.close()

    def _connections(self) -> list[_Protocol]:
        return cast(list[_Protocol], self.server.connections) if self.server is not None else []

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = _Server
        cast(_Server, server).most = descriptors.room_for_connections(descriptors.limit())
        server.request_handler = middleware.outermost(server.request_handler)
        return server


class Site(web.TCPSite):
    """An address where many may knock, of whom a few are let in in each turn of the loop."""

    def __init__(
        self, runner: Runner, host: str, port: int, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        # The loop takes as many connections at once as it lets wait.
        super().__init__(runner, host, port, ssl_context=ssl_context, backlog=turns.AT_ONCE)

    async def start(self) -> None:
        await super(web.TCPSite, self).start()
        assert self._runner.server is not None
        is_tls = self._ssl_context is not None
        self._server = await asyncio.get_running_loop().create_server(
            self._runner.server,
            self._host,
            self._port,
            ssl=self._ssl_context,
            backlog=self._backlog,
            ssl_handshake_timeout=HANDSHAKE if is_tls else None,
            ssl_shutdown_timeout=GOODBYE if is_tls else None,
        )
        assert isinstance(self._server, asyncio.Server)
        self._bound_port = self._server.sockets[0].getsockname()[1]
        for listening in self._server.sockets:
            with socket.socket(fileno=os.dup(listening.fileno())) as same:
                same.listen(BACKLOG)
