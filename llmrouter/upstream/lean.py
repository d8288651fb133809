"""The lean carrier: calls over connections of our own, without httpx's objects and pool.

It does what `PlainCarrier` over `PooledTransport` does, at a small part of its cost, which is why
it is the one that is used unless ``LLMROUTER_HTTP_CLIENT`` says otherwise.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable
from typing import NamedTuple

from llmrouter.core.upstream import UpstreamCall
from llmrouter.upstream.addresses import require_allowed, resolve
from llmrouter.upstream.carrier import OWN_HEADERS
from llmrouter.upstream.destination import destination
from llmrouter.upstream.faults import NoConnection, NotSendable
from llmrouter.upstream.lean_connection import LeanConnection
from llmrouter.upstream.lean_pool import IdlePool, Origin
from llmrouter.upstream.lean_reply import IncomingReply
from llmrouter.upstream.progress import Progress
from llmrouter.upstream.racing import first_to_open

KNOWN_URLS = 1024
KNOWN_HEADERS = 1024

TIDIED_AFTER_S = 0.1
"""Idle connections are closed so soon behind their time, also when nobody asks any more."""

_HEADER_LINES = re.compile(
    rb"(?:[-!#$%&'*+.^_`|~0-9A-Za-z]+: "
    rb"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?\r\n)*"
)
"""RFC 9110, 5.5: neither control characters nor spaces around a value."""


class _Address(NamedTuple):
    """A URL, taken apart.  ``request_line`` is what follows the method, and the host."""

    origin: Origin
    request_line: bytes


class LeanCarrier:
    """A `llmrouter.upstream.carrier.Carrier` that keeps idle connections for the next call to the
    same provider.

    With ``max_idle_connections=0`` every call gets a connection of its own.
    """

    def __init__(
        self, ssl_context: ssl.SSLContext | None, *, max_idle_connections: int, idle_s: float
    ) -> None:
        self._ssl_context = ssl_context
        if ssl_context is not None:
            ssl_context.set_alpn_protocols(["http/1.1"])
        self._idle: IdlePool[LeanConnection] = IdlePool(limit=max_idle_connections, idle_s=idle_s)
        self._idle_s = idle_s
        self._now_s = asyncio.get_running_loop().time
        self._tidying: asyncio.TimerHandle | None = None
        self._open: set[LeanConnection] = set()
        self._addresses: dict[str, _Address] = {}
        self._header_lines: dict[tuple[tuple[str, str], ...], bytes] = {}

    def carry(self, call: UpstreamCall, progress: Progress) -> Awaitable[IncomingReply]:
        address = self._addresses.get(call.url) or self._address(call.url)
        head = self._head(call, address.request_line)
        connection = self._take(address.origin)
        if connection is None:
            return self._carry_on_a_new_one(address.origin, head, call.body, progress)
        return connection.send(head, call.body, progress)

    async def aclose(self) -> None:
        if self._tidying is not None:
            self._tidying.cancel()
        self._idle.clear()
        for connection in tuple(self._open):
            connection.close()

    def released(self, connection: LeanConnection) -> None:
        """A connection is free again."""
        now_s = self._now_s()
        self._idle.put(connection, now_s)
        if self._tidying is None:
            self._tidy_behind(now_s + self._idle_s)

    def _tidy(self) -> None:
        young_until_s = self._idle.tidy(self._now_s())
        self._tidying = None
        if young_until_s is not None:
            self._tidy_behind(young_until_s)

    def _tidy_behind(self, young_until_s: float) -> None:
        tidy_at_s = young_until_s + TIDIED_AFTER_S
        self._tidying = asyncio.get_running_loop().call_at(tidy_at_s, self._tidy)

    def lost(self, connection: LeanConnection) -> None:
        """A connection is closed."""
        self._idle.discard(connection)
        self._open.discard(connection)

    def _address(self, text: str) -> _Address:
        """The URL taken apart once: there are as many as providers and models."""
        url = destination(text)
        if url.scheme != ("http" if self._ssl_context is None else "https"):
            raise NotSendable(f"this carrier does not speak `{url.scheme}`")
        if len(self._addresses) >= KNOWN_URLS:
            self._addresses.clear()
        address = self._addresses[text] = _Address(
            Origin(url.host, url.port),
            f" {url.target} HTTP/1.1\r\nhost: {url.netloc}\r\n".encode("ascii"),
        )
        return address

    def _head(self, call: UpstreamCall, request_line: bytes) -> bytes:
        """The request's head.

        Raises `NotSendable` when it cannot be sent as it is.
        """
        headers = tuple(call.headers.items())
        lines = self._header_lines.get(headers) or self._checked(headers)
        if not call.body and call.method != "POST":
            return b"%b%b%b\r\n" % (call.method.encode(), request_line, lines)
        return b"%b%b%bcontent-length: %d\r\n\r\n" % (
            call.method.encode(),
            request_line,
            lines,
            len(call.body),
        )

    def _checked(self, headers: tuple[tuple[str, str], ...]) -> bytes:
        """These and our own headers as lines; checked once, because a provider is sent the same
        ones again and again.  Raises `NotSendable`."""
        everything = {**OWN_HEADERS, **dict(headers)}
        text = "".join(f"{name}: {value}\r\n" for name, value in everything.items())
        lines = text.encode("ascii")
        # The count finds a value that pretends to be two lines.
        if not _HEADER_LINES.fullmatch(lines) or lines.count(b"\n") != len(everything):
            raise NotSendable("a header that can't be sent")
        if len(self._header_lines) >= KNOWN_HEADERS:
            self._header_lines.clear()
        self._header_lines[headers] = lines
        return lines

    def _take(self, origin: Origin) -> LeanConnection | None:
        now_s = self._now_s()
        while (connection := self._idle.take(origin, now_s)) is not None:
            if connection.is_usable:
                return connection
        return None

    async def _carry_on_a_new_one(
        self, origin: Origin, head: bytes, body: bytes, progress: Progress
    ) -> IncomingReply:
        connection = await progress.in_time(self._connect(origin, progress))
        return await connection.send(head, body, progress)

    async def _connect(self, origin: Origin, progress: Progress) -> LeanConnection:
        progress.resolving()
        addresses = await resolve(origin.host, origin.port)
        progress.connecting()
        require_allowed(addresses)
        try:
            sock = await first_to_open(
                addresses, lambda address: _connected(address, origin.port), _close
            )
            if self._ssl_context is not None:
                progress.securing()
            connection = await self._carried_by(sock, origin)
        except OSError as error:  # `ssl.SSLError` is one
            raise NoConnection(str(error)) from error
        progress.connected()
        return connection

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
