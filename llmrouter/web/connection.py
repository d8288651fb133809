"""One request's end of a connection, kept usable whatever is answered.

A server that answers before it has read the body, and closes, resets the connection, and the
reset may overtake the answer.  So a short body is read first, and of a long one what still comes
is thrown away for a while, behind the answer and before the connection closes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from llmrouter.web.asgi import Headers, Message, Receive, Send

SHORT_BODY_BYTES = 2**20
SHORT_BODY_S = 1.0
DISCARD_S = 5.0
"""How long a client may go on sending what nobody will read."""


def is_framed_twice(headers: Mapping[str, str]) -> bool:
    """Whether a proxy in front may see the body end elsewhere, and a further request behind it."""
    return "transfer-encoding" in headers and "content-length" in headers


class Connection:
    """Passes messages on, and knows how much of the request has been read.

    Each reply carries an ``x-request-id``: its own, or a new one.
    """

    __slots__ = (
        "_end",
        "_granted",
        "_has_ended",
        "_new_id",
        "_receive",
        "_send",
        "headers",
    )

    def __init__(
        self,
        headers: Mapping[str, str],
        receive: Receive,
        send: Send,
        *,
        new_id: Callable[[], str],
        is_read: bool = False,
    ) -> None:
        """``headers`` as `header_mapping` gives them; ``is_read``: nothing is still to come."""
        self.headers = headers
        self._receive = receive
        self._send = send
        self._new_id = new_id
        self._granted: Mapping[str, str] = {}
        self._has_ended = is_read
        self._end: asyncio.Event | None = None

    @property
    def is_read(self) -> bool:
        """Whether nothing of the request is still to come."""
        return self._has_ended or not self._announces_body()

    def grant(self, headers: Mapping[str, str]) -> None:
        """Adds headers to the reply."""
        self._granted = headers

    async def receive(self) -> Message:
        """The next message from the client."""
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._has_ended = True
            if self._end is not None:
                self._end.set()
        return message

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Settles a reply's status and headers, whose names are in lower case."""
        if not self.is_read:
            await self._read_what_is_short()
        headers = {**headers, **self._added(is_identified="x-request-id" in headers)}
        start = {"type": "http.response.start", "status": status, "headers": _raw(headers)}
        await self._send(start)

    async def send(self, message: Message) -> None:
        """A message to the client."""
        if message["type"] == "http.response.start":
            own: Headers = [*message["headers"]]
            if not self.is_read:
                await self._read_what_is_short()
            added = self._added(is_identified=any(name == b"x-request-id" for name, _ in own))
            await self._send({**message, "headers": own + _raw(added)})
        elif message.get("more_body", False) or self.is_read:
            await self._send(message)
        else:
            await self._send({**message, "more_body": True})
            await self._discard(DISCARD_S)
            await self._send({**message, "body": b""})

    def _added(self, *, is_identified: bool) -> Mapping[str, str]:
        """The headers that a reply carries beside its own."""
        added = self._granted
        if not is_identified:
            added = {**added, "x-request-id": self._new_id()}
        if not self.is_read or is_framed_twice(self.headers):
            added = {**added, "connection": "close"}
        return added

    def _announces_body(self) -> bool:
        return self.headers.get("content-length", "0") != "0" or (
            "transfer-encoding" in self.headers
        )

    async def _read_what_is_short(self) -> None:
        length = self.headers.get("content-length", "")
        if length.isdigit() and int(length) <= SHORT_BODY_BYTES:
            await self._discard(SHORT_BODY_S)

    async def _discard(self, within_s: float) -> None:
        """Reads on; who else reads may see the end first."""
        self._end = asyncio.Event()
        reading = asyncio.create_task(self._read_on())
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._end.wait()
        reading.cancel()
        await asyncio.wait([reading])

    async def _read_on(self) -> None:
        while not self._has_ended:
            await self.receive()


def _raw(headers: Mapping[str, str]) -> Headers:
    return [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]
