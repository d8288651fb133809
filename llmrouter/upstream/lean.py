"""The lean transport: httpx over connections of our own, without httpcore's pool.

It does what `PooledTransport` does, at a small part of its cost, which is why it is the one that
is used unless ``LLMROUTER_HTTP_CLIENT`` says otherwise.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator

import httpx

from llmrouter.upstream.addresses import require_allowed, resolve
from llmrouter.upstream.lean_connection import LeanConnection
from llmrouter.upstream.lean_pool import IdlePool, Origin
from llmrouter.upstream.lean_reply import IncomingReply
from llmrouter.upstream.progress import EXTENSION, Progress
from llmrouter.upstream.racing import first_to_open
from llmrouter.upstream.transport import as_httpx_errors

_PORTS = {"http": 80, "https": 443}

_HEADER_LINES = re.compile(
    rb"(?:[-!#$%&'*+.^_`|~0-9A-Za-z]+: "
    rb"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?\r\n)*"
)
"""RFC 9110, 5.5: neither control characters nor spaces around a value."""


class LeanTransport(httpx.AsyncBaseTransport):
    """Keeps idle connections for the next request to the same provider.

    With ``max_idle_connections=0`` every request gets a connection of its own.  Requests carry
    their `Progress`; its clock is the only one.
    """

    def __init__(
        self, ssl_context: ssl.SSLContext | None, *, max_idle_connections: int, idle_s: float
    ) -> None:
        self._ssl_context = ssl_context
        if ssl_context is not None:
            ssl_context.set_alpn_protocols(["http/1.1"])
        self._idle: IdlePool[LeanConnection] = IdlePool(limit=max_idle_connections, idle_s=idle_s)
        self._open: set[LeanConnection] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        progress: Progress = request.extensions[EXTENSION]
        origin = self._origin(request)
        head, body = _head(request), await request.aread()
        connection = self._take(origin) or await self._connect(origin, progress)
        reply = await connection.send(head, body, progress)
        return httpx.Response(reply.status, headers=reply.headers, stream=_Body(connection, reply))

    async def aclose(self) -> None:
        self._idle.clear()
        for connection in tuple(self._open):
            connection.close()

    def released(self, connection: LeanConnection) -> None:
        """A connection is free again."""
        self._idle.put(connection, asyncio.get_running_loop().time())

    def lost(self, connection: LeanConnection) -> None:
        """A connection is closed."""
        self._idle.discard(connection)
        self._open.discard(connection)

    def _origin(self, request: httpx.Request) -> Origin:
        scheme, url = request.url.scheme, request.url
        if scheme != ("http" if self._ssl_context is None else "https"):
            raise httpx.UnsupportedProtocol(f"this transport does not speak `{scheme}`")
        return Origin(url.raw_host.decode("ascii"), url.port or _PORTS[scheme])

    def _take(self, origin: Origin) -> LeanConnection | None:
        now_s = asyncio.get_running_loop().time()
        while (connection := self._idle.take(origin, now_s)) is not None:
            if connection.is_usable:
                return connection
        return None

    async def _connect(self, origin: Origin, progress: Progress) -> LeanConnection:
        progress.resolving()
        with as_httpx_errors():
            addresses = await resolve(origin.host, origin.port)
            progress.connecting()
            require_allowed(addresses)
            try:
                sock = await first_to_open(
                    addresses, lambda address: _connected(address, origin.port), _close
                )
                if self._ssl_context is not None:
                    progress.securing()
                return await self._carried_by(sock, origin)
            except OSError as error:  # `ssl.SSLError` is one
                raise httpx.ConnectError(str(error)) from error

    async def _carried_by(self, sock: socket.socket, origin: Origin) -> LeanConnection:
        """A connection over the socket, which is from here on the event loop's."""
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: LeanConnection(origin, self),
            sock=sock,
            ssl=self._ssl_context,
            server_hostname=origin.host if self._ssl_context is not None else None,
        )
        self._open.add(connection)
        return connection


class _Body(httpx.AsyncByteStream):
    """A response's bytes as they arrive."""

    def __init__(self, connection: LeanConnection, reply: IncomingReply) -> None:
        self._connection = connection
        self._reply = reply
        self._is_over = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while data := await self._connection.take(self._reply):
            yield data

    async def aclose(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._connection.release()


def _head(request: httpx.Request) -> bytes:
    """The request's head.  Raises `httpx.LocalProtocolError` when it cannot be sent as it is."""
    headers = request.headers.raw
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    # The count finds a value that pretends to be two lines.
    if not _HEADER_LINES.fullmatch(lines) or lines.count(b"\n") != len(headers):
        raise httpx.LocalProtocolError("a header that can't be sent")
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (request.method.encode(), request.url.raw_path, lines)


async def _connected(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock


async def _close(sock: socket.socket) -> None:
    sock.close()
