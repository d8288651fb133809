"""One request and its reply on a lean connection, as ASGI tells them to the application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import unquote

from llmrouter.web.asgi import LINE, Message, Scope
from llmrouter.web.lean_reply import OutgoingReply
from llmrouter.web.lean_request import RequestHead


class Wire(Protocol):
    """The connection, as far as a turn is concerned."""

    is_full: bool
    """The client takes less than it is sent."""

    def write(self, *parts: bytes) -> None:
        """Sends bytes, in this order."""

    async def drained(self) -> None:
        """Waits until the client has taken enough; returns when it has gone, too."""

    def taken(self) -> None:
        """Nothing of the body waits to be taken any more."""

    def reply_lines(self) -> bytes:
        """The server's own headers, as lines."""

    def replied(self) -> None:
        """The reply is sent."""


class Turn:
    """Gives the body to the application as it comes, and sends its reply.

    ``is_read``: the whole request has arrived.  ``waiting_bytes`` of its body wait.
    """

    __slots__ = (
        "_line",
        "_parts",
        "_tell_gone",
        "_waiters",
        "is_gone",
        "is_read",
        "reply",
        "request",
        "waiting_bytes",
    )

    def __init__(self, line: Wire, request: RequestHead, *, keeps_alive: bool) -> None:
        self.request = request
        self.reply = OutgoingReply(request, keeps_alive=keeps_alive)
        self.is_read = False
        self.is_gone = False
        self.waiting_bytes = 0
        self._line = line
        self._parts: list[bytes] = []
        self._tell_gone: Callable[[], None] | None = None
        self._waiters: list[asyncio.Future[None]] = []

    # What the connection tells

    def feed(self, data: bytes, is_last: bool) -> None:
        """More of the body, and whether that is all."""
        self._parts.append(data)
        self.waiting_bytes += len(data)
        self.is_read = is_last
        self._wake()

    def gone(self) -> None:
        """The client has left."""
        self.is_gone = True
        self._wake()
        if self._tell_gone is not None:
            self._tell_gone()

    # What the application asks

    @property
    def headers(self) -> Mapping[str, str]:
        return self.request.named

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
        self._line.taken()
        return data

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        self.reply.start(status, headers, headers.items(), self._line.reply_lines())

    def write(self, data: bytes, *, is_last: bool) -> None:
        self._line.write(*self.reply.body(data, is_last=is_last))
        if is_last:
            self._wake()
            self._line.replied()

    def pour(self, data: bytes) -> bool:
        if self.is_gone or self._line.is_full:
            return False
        self._line.write(*self.reply.body(data, is_last=False))
        return True

    # The same in ASGI's messages

    async def receive(self) -> Message:
        """The body as it comes; then, when there is one, the end of the conversation."""
        while not self._parts:
            if self.is_gone or self.reply.is_over:
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
        reply = self.reply
        if message["type"] == "http.response.start" and not reply.is_started:
            headers = [
                (name.decode("latin-1").lower(), value.decode("latin-1"))
                for name, value in message.get("headers", ())
            ]
            reply.start(message["status"], dict(headers), headers, self._line.reply_lines())
        elif message["type"] == "http.response.body" and reply.is_started and not reply.is_over:
            if self._line.is_full:
                await self._line.drained()
            self.write(message.get("body", b""), is_last=not message.get("more_body", False))
        else:
            raise ValueError(f"`{message['type']}` cannot be sent now")

    def scope(self, common: Mapping[str, Any]) -> Scope:
        """The request in ASGI's words; ``common`` is what they say of each on its connection."""
        request = self.request
        path, _, query = request.target.partition(b"?")
        return {
            **common,
            "http_version": request.version,
            "method": request.method,
            "path": unquote(path.decode("ascii")),
            "raw_path": path,
            "query_string": query,
            "headers": request.headers,
            "extensions": {LINE: self},
        }

    def _wake(self) -> None:
        if not self._waiters:
            return
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
