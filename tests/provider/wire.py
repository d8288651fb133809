"""A connection from the provider's side, and what came over it."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tests.provider.documents import chunk, event


class Ending(Enum):
    """Ways in which a reply may break off."""

    STALL = "stall"
    CLOSE = "close"
    RESET = "reset"


STALL, CLOSE, RESET = Ending.STALL, Ending.CLOSE, Ending.RESET

Step = str | bytes | dict[str, Any] | asyncio.Event | Ending


@dataclass(slots=True, eq=False)
class Seen:
    """A request as it arrived; header names in lower case.

    ``connection`` numbers the provider's connections from 1, ``nth`` the requests on one of them.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int
    nth: int
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document

    @property
    def model(self) -> str:
        return str(self.json.get("model")) if self.body[:1] == b"{" else ""

    @property
    def wants_stream(self) -> bool:
        return self.json.get("stream") is True

    @property
    def wants_usage(self) -> bool:
        return bool((self.json.get("stream_options") or {}).get("include_usage"))


Script = Callable[["Wire", Seen], Awaitable[None]]


class Wire:
    """The provider's end of a connection, from a script's point of view."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._is_chunked = False
        self.is_closed = False

    async def head(
        self,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        *,
        content_type: str = "application/json",
        length: int | None = None,
    ) -> None:
        """The status line and headers; without a ``length`` the body is sent in chunks."""
        self._is_chunked = length is None
        framing = {"transfer-encoding": "chunked"} if length is None else {"content-length": length}
        lines = {"content-type": content_type, **framing, **(headers or {})}
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        await self.raw(f"HTTP/1.1 {status_code} Whatever\r\n{text}\r\n".encode())

    async def send(self, data: bytes) -> None:
        """Bytes of the body."""
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data) if self._is_chunked else data)

    async def end(self) -> None:
        """The end of the body."""
        if self._is_chunked:
            await self.raw(b"0\r\n\r\n")

    async def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        """Ends the connection in order."""
        self.is_closed = True
        self._writer.close()

    async def reset(self) -> None:
        """Breaks the connection: the client gets a reset instead of an end."""
        self.is_closed = True
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def step(self, step: Step, send: Callable[[bytes], Awaitable[None]]) -> None:
        """One step of a script."""
        match step:
            case bytes():
                await send(step)
            case str():
                await send(event(chunk({"content": step})))
            case dict():
                await send(event(step))
            case asyncio.Event():
                await step.wait()
            case Ending.STALL:
                await asyncio.Event().wait()
            case Ending.CLOSE:
                await self.close()
            case Ending.RESET:
                await self.reset()
