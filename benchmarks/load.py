"""A load generator: keeps connections busy, or asks at a fixed rate."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import quantiles

PROMPT = "Tell me, in a few words, how things are. " * 22  # with the rest, 1 kB


@dataclass(slots=True)
class Result:
    """What came back.  ``delays_us`` are those of whole replies."""

    seconds: float = 0.0
    delays_us: list[float] = field(default_factory=list)
    failures: int = 0

    @property
    def count(self) -> int:
        """Good replies."""
        return len(self.delays_us)

    def percentile_us(self, percent: int) -> float:
        """The delay that so many percent stay below."""
        return quantiles(self.delays_us, n=100)[percent - 1] if self.count > 1 else float("nan")


@dataclass(frozen=True, slots=True)
class Address:
    """Whom to ask, and for which model."""

    port: int
    model: str
    stream: bool = False

    @property
    def request(self) -> bytes:
        """The whole request, head and body."""
        messages = [{"role": "user", "content": PROMPT}]
        body = json.dumps({"model": self.model, "stream": self.stream, "messages": messages})
        return (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
        ).encode()


class Line:
    """A connection that is used again and again."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._request = address.request
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> bool:
        """Whether the reply was a good one, whole."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                "127.0.0.1", self._address.port, limit=2**22
            )
        reader, writer = self._streams
        writer.write(self._request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        if length:
            body = await reader.readexactly(int(length))
        else:
            body = await reader.readuntil(b"\r\n0\r\n\r\n")
        if b"\r\nconnection: close" in head:  # as Hypercorn does after a thousand requests
            self.close()
        wanted = b"data: [DONE]" if self._address.stream else b'"choices"'
        return b" 200 " in head[:16] and wanted in body

    def close(self) -> None:
        """Leaves."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def closed_loop(
    address: Address, *, connections: int, until: Callable[[int], bool]
) -> Result:
    """So many connections, each asking again as soon as it has its reply, until told to stop."""
    result = Result()

    async def keep_asking() -> None:
        line = Line(address)
        while not until(result.count):
            await _ask(line, result, time.perf_counter())
        line.close()

    begun = time.perf_counter()
    await asyncio.gather(*(keep_asking() for _ in range(connections)))
    result.seconds = time.perf_counter() - begun
    return result


async def open_loop(address: Address, *, per_s: int, seconds: float) -> Result:
    """Asks at fixed times, whether the earlier replies have come or not; delays count from then."""
    result = Result(seconds=seconds)
    free: list[Line] = []

    async def ask_at(due: float) -> None:
        line = free.pop() if free else Line(address)
        await _ask(line, result, due)
        free.append(line)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as asking:
        for n in range(round(per_s * seconds)):
            due = begun + n / per_s
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            asking.create_task(ask_at(due))
    for line in free:
        line.close()
    return result


async def _ask(line: Line, result: Result, since: float) -> None:
    if await line.ask():
        result.delays_us.append((time.perf_counter() - since) * 1e6)
    else:
        result.failures += 1
