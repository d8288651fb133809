"""The client at the other end of an ASGI connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from llmrouter.core.errors import BodyTooLarge, RequestTimeout
from llmrouter.core.upstream import Take
from llmrouter.pipeline.exchange import Exchange
from llmrouter.pipeline.ports import ClientGone
from llmrouter.pipeline.tasks import Tasks
from llmrouter.web.asgi import Line, Message
from llmrouter.web.connection import Connection

BODY_TIMEOUT_S = 60.0
"""For the whole body; Quart's own default."""

STALL_TIMEOUT_S = 60.0
"""A client that takes nothing for this long is cut (fault catalogue, slow reader)."""


class AsgiClient:
    """Reads the body once, sends the reply, and watches for the client's leaving; in messages,
    which any server understands."""

    def __init__(self, connection: Connection) -> None:
        self.started = False
        self.headers = connection.headers
        self._connection = connection
        self._body_read = asyncio.Event()

    @property
    def pour(self) -> Take | None:
        return None

    def grant(self, headers: Mapping[str, str]) -> None:
        """Adds headers to the reply."""
        self._connection.grant(headers)

    async def body(self, limit_bytes: int) -> bytes:
        """The whole body, within its limit and its time."""
        body = await self._arriving(limit_bytes)
        self._body_read.set()
        return body

    async def _arriving(self, limit_bytes: int) -> bytes:
        """The body as it comes; refuses by its declared length before reading any of it."""
        declared = self._connection.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit_bytes:
            raise _too_large(limit_bytes)
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return await self._read(limit_bytes)
        except TimeoutError:
            raise RequestTimeout(
                f"the request body did not arrive within {BODY_TIMEOUT_S:.0f} s"
            ) from None

    async def _read(self, limit_bytes: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._connection.receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part = message.get("body", b"")
            size += len(part)
            if size > limit_bytes:
                raise _too_large(limit_bytes)
            parts.append(part)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def watch(self, exchange: Exchange, tasks: Tasks) -> asyncio.Task[None] | None:
        """Cuts the exchange when the client leaves; gives what has to be stopped afterwards."""
        return tasks.spawn(self._watch(exchange), name="watch client")

    async def _watch(self, exchange: Exchange) -> None:
        """Runs beside the exchange, and waits for the body to be read first."""
        await self._body_read.wait()
        while (await self._connection.receive())["type"] != "http.disconnect":
            pass
        exchange.cut("disconnected")

    async def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        await self.start(status, {**headers, "content-length": str(len(body))})
        await self.end(body)

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started = True
        await self._connection.start(status, headers)

    async def send(self, data: bytes) -> None:
        await self._pass_on({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        await self._pass_on({"type": "http.response.body", "body": data, "more_body": False})

    async def _pass_on(self, message: Message) -> None:
        try:
            async with asyncio.timeout(STALL_TIMEOUT_S):
                await self._connection.send(message)
        except TimeoutError:
            raise ClientGone from None


class LineClient:
    """The same on a lean connection: while nothing has to be waited for, there are no messages,
    tasks and clocks.  Where something has, it goes on as an `AsgiClient`."""

    started = False
    _granted: Mapping[str, str] | None = None
    _waiting: AsgiClient | None = None

    def __init__(self, line: Line, new_id: Callable[[], str]) -> None:
        self.headers = line.headers
        self.pour: Take = line.pour
        self._line = line
        self._new_id = new_id

    def grant(self, headers: Mapping[str, str]) -> None:
        """Adds headers to the reply."""
        self._granted = headers

    async def body(self, limit_bytes: int) -> bytes:
        """The whole body, within its limit and its time."""
        if not self._line.is_read:
            return await self._in_messages().body(limit_bytes)
        body = self._line.body()
        if len(body) > limit_bytes:
            raise _too_large(limit_bytes)
        return body

    def watch(self, exchange: Exchange, tasks: Tasks) -> None:
        """Cuts the exchange when the client leaves."""
        self._line.on_gone(partial(exchange.cut, "disconnected"))

    async def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        line = self._line
        if line.is_read and line.is_free:
            line.reply(status, self._completed(headers), body)
        else:
            await self._in_messages().reply(status, headers, body)

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started = True
        line = self._line
        if line.is_read and line.is_free:
            line.start(status, self._completed(headers))
        else:
            await self._in_messages().start(status, headers)

    async def send(self, data: bytes) -> None:
        if not self.pour(data):
            await self._in_messages().send(data)

    async def end(self, data: bytes = b"") -> None:
        line = self._line
        if line.is_read and line.is_free:
            line.write(data, is_last=True)
        else:
            await self._in_messages().end(data)

    def _completed(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """With what every reply carries beside its own headers."""
        if "x-request-id" not in headers:
            headers = {**headers, "x-request-id": self._new_id()}
        return headers if self._granted is None else {**headers, **self._granted}

    def _in_messages(self) -> AsgiClient:
        if self._waiting is None:
            line = self._line
            connection = Connection(
                line.headers, line.receive, line.send, new_id=self._new_id, is_read=line.is_read
            )
            self._waiting = AsgiClient(connection)
            if self._granted is not None:
                self._waiting.grant(self._granted)
        return self._waiting


def _too_large(limit_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"the request body is larger than {limit_bytes} bytes; "
        "raise limits.request_body_bytes or send less"
    )
