"""A load generator: keeps connections busy, or asks at a fixed rate."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import quantiles

from benchmarks.upstream import FIRST_TOKEN

PROMPT = "Tell me, in a few words, how things are. "
UNHEARD = b"0" * 20
"""What stands in a request for a number that no other one has."""

KILOBYTE = 900
"""Bytes of a prompt that makes a request of 1 kB, with what is around it."""

READ_LIMIT = 2**22


@dataclass(slots=True)
class Result:
    """What came back.  ``delays_us`` are those of whole replies; in a measurement of streams those
    until the first token."""

    seconds: float = 0.0
    delays_us: list[float] = field(default_factory=list)
    failures: int = 0

    @property
    def count(self) -> int:
        """Good replies."""
        return len(self.delays_us)

    @property
    def failed(self) -> str:
        """What a table says of failures: nothing when there were none."""
        return f" ({self.failures} failed)" if self.failures else ""

    def add(self, more: Result) -> None:
        """Takes in what came back of the same."""
        self.seconds += more.seconds
        self.delays_us += more.delays_us
        self.failures += more.failures

    def percentile_us(self, percent: int) -> float:
        """The delay that so many percent stay below."""
        return quantiles(self.delays_us, n=100)[percent - 1] if self.count > 1 else float("nan")


@dataclass(frozen=True, slots=True)
class Address:
    """Whom to ask, for which model, and how."""

    port: int
    model: str
    stream: bool = False
    prompt_bytes: int = KILOBYTE
    path: str = "/v1/chat/completions"
    headers: tuple[tuple[str, str], ...] = ()
    is_unheard: bool = False
    """Every message is a new one, as in real life."""

    @property
    def request(self) -> bytes:
        """The whole request, head and body."""
        begin = UNHEARD.decode() if self.is_unheard else ""
        prompt = (begin + PROMPT * (self.prompt_bytes // len(PROMPT) + 1))[: self.prompt_bytes]
        asked = {
            "model": self.model,
            "stream": self.stream,
            "max_tokens": 1_000,
            "messages": [{"role": "user", "content": prompt}],
        }
        body = json.dumps(asked)
        headers = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        return (
            f"POST {self.path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\n{headers}"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
        ).encode()

    @property
    def ending(self) -> bytes:
        """What a whole reply has."""
        if not self.stream:
            return b'"choices"'
        return b"message_stop" if self.path == "/v1/messages" else b"data: [DONE]"


class Line:
    """A connection that is used again and again."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._request = address.request
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.first_token_at = 0.0

    async def ask(self) -> bool:
        """Whether the reply was a good one, whole."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                "127.0.0.1", self._address.port, limit=READ_LIMIT
            )
        reader, writer = self._streams
        writer.write(self._asked())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        is_good = b" 200 " in head[:16]
        if is_good and self._address.stream:
            await reader.readuntil(FIRST_TOKEN)
            self.first_token_at = time.perf_counter()
        if length:
            body = await reader.readexactly(int(length))
        else:
            body = await reader.readuntil(b"\r\n0\r\n\r\n")
        if b"\r\nconnection: close" in head:  # as Hypercorn does after a thousand requests
            self.close()
        return is_good and self._address.ending in body

    def _asked(self) -> bytes:
        if not self._address.is_unheard:
            return self._request
        return self._request.replace(UNHEARD, b"%020d" % time.perf_counter_ns())

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
        while not until(result.count + result.failures):
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


def after_s(seconds: float) -> Callable[[int], bool]:
    """Ends a closed loop after some time."""
    end = time.monotonic() + seconds
    return lambda _: time.monotonic() > end


def after_count(wanted: int, limit_s: float = float("inf")) -> Callable[[int], bool]:
    """Ends a closed loop after so many replies, or after some time."""
    end = time.monotonic() + limit_s
    return lambda count: count >= wanted or time.monotonic() > end


async def _ask(line: Line, result: Result, since: float) -> None:
    try:
        is_good = await line.ask()
    except (OSError, asyncio.IncompleteReadError):
        line.close()
        is_good = False
    if not is_good:
        result.failures += 1
        return
    answered = line.first_token_at or time.perf_counter()
    result.delays_us.append((answered - since) * 1e6)
