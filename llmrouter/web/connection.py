"""One request's end of a connection, kept usable whatever is answered.

A server that answers before it has read the body, and closes, resets the connection, and the
reset may overtake the answer.  So a short body is read first, and of a long one what still comes
is thrown away for a while, behind the answer and before the connection closes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from llmrouter.web.asgi import LINE, Line, Message, Receive, Scope, Send, header_mapping

SHORT_BODY_BYTES = 2**20
SHORT_BODY_S = 1.0
DISCARD_S = 5.0
"""How long a client may go on sending what nobody will read."""


def is_framed_twice(headers: Mapping[str, str]) -> bool:
    """Whether a proxy in front may see the body end elsewhere, and a further request behind it."""
    return "content-length" in headers and "transfer-encoding" in headers


class Connection:
    """Passes messages on, and knows how much of the request has been read.

    Each reply carries an ``x-request-id``: its own, or a new one.
    """

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, *, new_id: Callable[[], str]
    ) -> None:
        self.headers = header_mapping(scope)
        self.line: Line | None = scope.get("extensions", {}).get(LINE)
        self._receive = receive
        self._send = send
        self._new_id = new_id
        self._granted: list[tuple[bytes, bytes]] = []
        self._all_read = asyncio.Event()
        self._is_framed_twice = is_framed_twice(self.headers)
        if not self._announces_body():
            self._all_read.set()

    def grant(self, headers: Mapping[str, str]) -> None:
        """Adds headers to the reply."""
        self._granted += [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]

    async def receive(self) -> Message:
        """The next message from the client."""
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._all_read.set()
        return message

    async def send(self, message: Message) -> None:
        """A message to the client."""
        if message["type"] == "http.response.start":
            await self._send({**message, "headers": await self._headers(message)})
        elif self._all_read.is_set() or message.get("more_body", False):
            await self._send(message)
        else:
            await self._send({**message, "more_body": True})
            await self._discard(DISCARD_S)
            await self._send({**message, "body": b""})

    async def _headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        headers = [*message["headers"], *self._granted]
        if not any(name == b"x-request-id" for name, _ in headers):
            headers.append((b"x-request-id", self._new_id().encode()))
        if not self._all_read.is_set() and self._is_short():
            await self._discard(SHORT_BODY_S)
        if not self._all_read.is_set() or self._is_framed_twice:
            headers.append((b"connection", b"close"))
        return headers

    def _announces_body(self) -> bool:
        return self.headers.get("content-length", "0") != "0" or (
            "transfer-encoding" in self.headers
        )

    def _is_short(self) -> bool:
        length = self.headers.get("content-length", "")
        return length.isdigit() and int(length) <= SHORT_BODY_BYTES

    async def _discard(self, within_s: float) -> None:
        """Reads on; who else reads may see the end first."""
        reading = asyncio.create_task(self._read_on())
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._all_read.wait()
        reading.cancel()
        await asyncio.wait([reading])

    async def _read_on(self) -> None:
        while not self._all_read.is_set():
            await self.receive()
