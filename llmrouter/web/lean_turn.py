"""One request and its reply on a lean connection, as ASGI tells them to the application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import unquote

from llmrouter.web.asgi import Message, Scope
from llmrouter.web.lean_reply import OutgoingReply, whole_reply
from llmrouter.web.lean_request import RequestHead, raw_headers

KNOWN_TARGETS: Final = 64
"""As many are taken apart once; clients ask for the same few again and again."""


class Wire(Protocol):
    """The connection, as far as a turn is concerned."""

    is_full: bool
    """The client takes less than it is sent."""

    is_held_back: bool
    """It has sent more than was taken, and has to wait."""

    def write(self, *parts: bytes) -> None:
        """Sends bytes, in this order."""

    async def drained(self) -> None:
        """Waits until the client has taken enough; returns when it has gone, too."""

    def taken(self) -> None:
        """Nothing of the body waits to be taken any more."""

    reply_lines: Callable[[], bytes]
    """The server's own headers, as lines."""

    def replied(self) -> None:
        """The reply is sent."""


class Turn:
    """Gives the body to the application as it comes, and sends its reply.

    ``is_read``: the whole request has arrived.  ``waiting_bytes`` of its body wait.
    ``keeps_alive``: the connection may carry another request behind the reply.
    """

    __slots__ = (
        "_address",
        "_line",
        "_parts",
        "_reply",
        "_request",
        "_tell_gone",
        "_waiters",
        "headers",
        "is_gone",
        "is_over",
        "is_read",
        "keeps_alive",
        "method",
        "path",
        "query_string",
        "waiting_bytes",
    )

    def __init__(self, line: Wire, request: RequestHead, *, keeps_alive: bool) -> None:
        address = self._address = _address_of(request.target)
        self.path = address.path
        self.query_string = address.query_string
        self.method = request.method
        self.headers = request.headers
        self.keeps_alive = keeps_alive
        self.is_read = False
        self.is_gone = False
        self.is_over = False
        self.waiting_bytes = 0
        self._line = line
        self._request = request
        self._reply: OutgoingReply | None = None
        self._parts: list[bytes] = []
        self._tell_gone: Callable[[], None] | None = None
        self._waiters: list[asyncio.Future[None]] = []

    # What the connection tells

    def feed(self, data: bytes, is_last: bool) -> None:
        """More of the body, and whether that is all."""
        self._parts.append(data)
        self.waiting_bytes += len(data)
        self.is_read = is_last
        if self._waiters:
            self._wake()

    def gone(self) -> None:
        """The client has left."""
        self.is_gone = True
        self._wake()
        if self._tell_gone is not None:
            self._tell_gone()

    @property
    def is_started(self) -> bool:
        """Whether some of the reply may have been sent."""
        return self.is_over or self._reply is not None

    # What the application asks

    @property
    def is_free(self) -> bool:
        return not (self.is_gone or self._line.is_full)

    def on_gone(self, tell: Callable[[], None]) -> None:
        self._tell_gone = tell

    def body(self) -> bytes:
        parts = self._parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self.waiting_bytes = 0
        if self._line.is_held_back:
            self._line.taken()
        return data

    def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        line = self._line
        line.write(
            *whole_reply(status, headers, body, line.reply_lines(), keeps_alive=self.keeps_alive)
        )
        self._end()

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        self._start(status, headers.items())

    def write(self, data: bytes, *, is_last: bool) -> None:
        self._line.write(*self._begun().body(data, is_last=is_last))
        if is_last:
            self._end()

    def pour(self, data: bytes) -> bool:
        reply = self._reply
        if reply is None or self.is_gone or self._line.is_full:
            return False
        self._line.write(*reply.body(data, is_last=False))
        return True

    # The same in ASGI's messages

    async def receive(self) -> Message:
        """The body as it comes; then, when there is one, the end of the conversation."""
        while not self._parts:
            if self.is_gone or self.is_over:
                return {"type": "http.disconnect"}
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        return {"type": "http.request", "body": self.body(), "more_body": not self.is_read}

    async def send(self, message: Message) -> None:
        """The reply.  What is sent to a client that has left goes nowhere.

        Raises ``ValueError`` for a reply that HTTP cannot carry.
        """
        if self.is_gone:
            await asyncio.sleep(0)  # so that an application which only sends hears of it
            return
        is_begun = self._reply is not None and not self.is_over
        if message["type"] == "http.response.start" and not self.is_started:
            self._start(
                message["status"],
                [
                    (name.decode("latin-1").lower(), value.decode("latin-1"))
                    for name, value in message.get("headers", ())
                ],
            )
        elif message["type"] == "http.response.body" and is_begun:
            if self._line.is_full:
                await self._line.drained()
            self.write(message.get("body", b""), is_last=not message.get("more_body", False))
        else:
            raise ValueError(f"`{message['type']}` cannot be sent now")

    def scope(self, common: Mapping[str, Any]) -> Scope:
        """The request in ASGI's words; ``common`` is what they say of each on its connection."""
        request, address = self._request, self._address
        return {
            **common,
            "http_version": request.version,
            "method": request.method,
            "path": address.path,
            "raw_path": address.raw_path,
            "query_string": address.query_string,
            "headers": raw_headers(request.headers),
            "extensions": {},
        }

    def _start(self, status: int, headers: Collection[tuple[str, str]]) -> None:
        self._reply = OutgoingReply(
            self._request,
            status,
            headers,
            self._line.reply_lines(),
            keeps_alive=self.keeps_alive,
        )
        self.keeps_alive = self._reply.keeps_alive

    def _begun(self) -> OutgoingReply:
        if self._reply is None:
            raise ValueError("a body cannot be sent before its status")
        return self._reply

    def _end(self) -> None:
        self.is_over = True
        if self._waiters:
            self._wake()
        self._line.replied()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class _Address(NamedTuple):
    """A request's target, taken apart."""

    path: str
    raw_path: bytes
    query_string: bytes


@lru_cache(maxsize=KNOWN_TARGETS)
def _address_of(target: bytes) -> _Address:
    path, _, query = target.partition(b"?")
    return _Address(unquote(path.decode("ascii")), path, query)
