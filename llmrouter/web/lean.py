"""The lean server: Hypercorn with an HTTP/1.1 connection of our own.

Hypercorn opens the sockets, does TLS, speaks HTTP/2 and stops; only what it does with a connection
of HTTP/1.1, for which it uses h11 and a handful of tasks, is replaced.  This is what is used unless
``LLMROUTER_HTTP_SERVER`` says otherwise, and everything that is tested is tested with both.
"""

from __future__ import annotations

import asyncio
import time

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio import run as hypercorn
from hypercorn.asyncio.tcp_server import MAX_RECV, TCPServer
from hypercorn.config import Config
from hypercorn.typing import Event
from hypercorn.utils import parse_socket_addr

from llmrouter.web.asgi import Line
from llmrouter.web.lean_connection import LeanConnection, Terms
from llmrouter.web.lean_reply import header_lines


class LeanConfig(Config):
    """A configuration of Hypercorn's that asks for lean connections."""

    def __init__(self) -> None:
        super().__init__()
        self._dated_s = 0
        self._lines = b""
        self._open: set[LeanConnection] = set()
        self._finishing: asyncio.Task[None] | None = None
        # Hypercorn takes the class of its connections from here, and has no setting for it.
        vars(hypercorn)["TCPServer"] = _Connection

    def reply_lines(self) -> bytes:
        """Hypercorn's own headers, made once a second."""
        now_s = int(time.time())
        if now_s != self._dated_s:
            self._dated_s = now_s
            headers = self.response_headers("h11")
            self._lines = header_lines([(k.decode(), v.decode()) for k, v in headers])
        return self._lines

    def opened(self, connection: LeanConnection, terminated: Event) -> None:
        """Will finish the connection when the server stops: one task watches for them all."""
        self._open.add(connection)
        if self._finishing is None:
            self._finishing = asyncio.create_task(self._finish(terminated))
        elif self._finishing.done():
            connection.finish()

    def closed(self, connection: LeanConnection) -> None:
        """Need not be finished any more."""
        self._open.discard(connection)

    async def _finish(self, terminated: Event) -> None:
        await terminated.wait()
        for connection in tuple(self._open):
            connection.finish()


class _Connection(TCPServer):
    """Hypercorn's connection, whose place ours takes where the configuration asks for it."""

    async def run(self) -> None:
        ssl_object = self.writer.get_extra_info("ssl_object")
        speaks_http2 = ssl_object is not None and ssl_object.selected_alpn_protocol() == "h2"
        if not isinstance(self.config, LeanConfig) or speaks_http2:
            await super().run()
            return
        transport = self.writer.transport
        stream = transport.get_protocol()
        try:
            connection = LeanConnection(self._terms(self.config, is_secure=ssl_object is not None))
        except OSError:
            transport.abort()  # gone before it could be asked for its address
            return
        transport.set_protocol(connection)
        connection.connection_made(transport)
        early = _waiting_in(self.reader)
        if early:
            connection.data_received(early)
        if self.reader.at_eof():
            transport.close()
        begun = await self._carried(connection, self.config)
        if begun:
            transport.set_protocol(stream)
            self.reader.feed_data(begun)
            await super().run()

    async def _carried(self, connection: LeanConnection, config: LeanConfig) -> bytes:
        """Waits for the connection's end; gives what belongs to another protocol."""
        config.opened(connection, self.context.terminated)
        try:
            return await connection.closed
        except asyncio.CancelledError:
            connection.cancel()
            raise
        finally:
            config.closed(connection)

    def _terms(self, config: LeanConfig, *, is_secure: bool) -> Terms:
        sock = self.writer.get_extra_info("socket")

        if not isinstance(self.app, ASGIWrapper):
            raise NotImplementedError("only ASGI is spoken here")
        app = self.app.app  # the wrapper is there to look like WSGI's
        return Terms(
            answer=getattr(app, "answer", _not_as_a_line),
            app=app,
            scope={
                "type": "http",
                "asgi": {"spec_version": "2.1", "version": "3.0"},
                "root_path": "",
                "scheme": "https" if is_secure else "http",
                "client": parse_socket_addr(sock.family, sock.getpeername()),
                "server": parse_socket_addr(sock.family, sock.getsockname()),
                "state": self.state,
            },
            reply_lines=config.reply_lines,
            head_bytes=config.h11_max_incomplete_size,
            idle_s=config.keep_alive_timeout,
            requests=config.keep_alive_max_requests,
        )


def _waiting_in(reader: asyncio.StreamReader) -> bytes:
    """All that has arrived already, without waiting for more: a step of reading gives a part."""
    waiting = bytearray()
    while True:
        reading = reader.read(MAX_RECV)
        try:
            reading.send(None)
        except StopIteration as stop:
            if not stop.value:
                return bytes(waiting)
            waiting += stop.value
        else:
            reading.close()
            return bytes(waiting)


def _not_as_a_line(_: Line) -> None:
    """For applications that ASGI alone is spoken with."""
