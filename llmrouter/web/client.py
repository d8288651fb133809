"""The client at the other end of an ASGI connection."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
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
        self._connection = connection
        self._body_read = asyncio.Event()

    @property
    def pour(self) -> Take | None:
        return None

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


class LineClient(AsgiClient):
    """The same on a lean connection: while nothing has to be waited for, there are no messages,
    tasks and clocks."""

    def __init__(self, connection: Connection, line: Line) -> None:
        self.started = False
        self._connection = connection
        self._line = line

    @property
    def pour(self) -> Take:
        return self._line.pour

    async def body(self, limit_bytes: int) -> bytes:
        if not self._line.is_read:
            return await self._arriving(limit_bytes)
        body = self._line.body()
        if len(body) > limit_bytes:
            raise _too_large(limit_bytes)
        return body

    def watch(self, exchange: Exchange, tasks: Tasks) -> None:
        self._line.on_gone(partial(exchange.cut, "disconnected"))

    async def send(self, data: bytes) -> None:
        if not self._line.pour(data):
            await super().send(data)

    async def end(self, data: bytes = b"") -> None:
        if self._line.is_free and self._line.is_read:
            self._line.write(data, is_last=True)
        else:
            await super().end(data)


def client_on(connection: Connection) -> AsgiClient:
    """The client, reached in the shortest way that its connection knows."""
    if connection.line is None:
        return AsgiClient(connection)
    return LineClient(connection, connection.line)


def _too_large(limit_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"the request body is larger than {limit_bytes} bytes; "
        "raise limits.request_body_bytes or send less"
    )
