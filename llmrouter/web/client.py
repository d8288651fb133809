"""The client at the other end of an ASGI connection."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from llmrouter.core.errors import BodyTooLarge, RequestTimeout
from llmrouter.pipeline.exchange import Exchange
from llmrouter.pipeline.ports import ClientGone
from llmrouter.pipeline.tasks import Tasks
from llmrouter.web.asgi import Message
from llmrouter.web.connection import Connection

BODY_TIMEOUT_S = 60.0
"""For the whole body; Quart's own default."""

STALL_TIMEOUT_S = 60.0
"""A client that takes nothing for this long is cut (fault catalogue, slow reader)."""


class AsgiClient:
    """Reads the body once, sends the reply, and watches for the client's leaving."""

    def __init__(self, connection: Connection) -> None:
        self.started = False
        self._connection = connection
        self._body_read = asyncio.Event()

    async def body(self, limit_bytes: int) -> bytes:
        """The whole body; refuses by its declared length before reading any of it."""
        declared = self._connection.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit_bytes:
            raise _too_large(limit_bytes)
        line = self._connection.line
        if line is not None and line.is_read:
            return await self._read(limit_bytes)
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body = await self._read(limit_bytes)
        except TimeoutError:
            raise RequestTimeout(
                f"the request body did not arrive within {BODY_TIMEOUT_S:.0f} s"
            ) from None
        self._body_read.set()
        return body

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

    @contextmanager
    def watched(self, exchange: Exchange, tasks: Tasks) -> Iterator[None]:
        """Cuts the exchange when the client leaves."""
        if self._connection.line is not None:
            self._connection.line.on_gone(partial(exchange.cut, "disconnected"))
            yield
            return
        watcher = tasks.spawn(self._watch(exchange), name="watch client")
        try:
            yield
        finally:
            watcher.cancel()

    async def _watch(self, exchange: Exchange) -> None:
        """Runs beside the exchange, and waits for the body to be read first."""
        await self._body_read.wait()
        while (await self._connection.receive())["type"] != "http.disconnect":
            pass
        exchange.cut("disconnected")

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started = True
        await self._connection.send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()],
            }
        )

    async def send(self, data: bytes) -> None:
        await self._pass_on({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        await self._pass_on({"type": "http.response.body", "body": data, "more_body": False})

    async def _pass_on(self, message: Message) -> None:
        line = self._connection.line
        if line is not None and not line.is_full:
            await self._connection.send(message)
            return
        try:
            async with asyncio.timeout(STALL_TIMEOUT_S):
                await self._connection.send(message)
        except TimeoutError:
            raise ClientGone from None


def _too_large(limit_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"the request body is larger than {limit_bytes} bytes; "
        "raise limits.request_body_bytes or send less"
    )
