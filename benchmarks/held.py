"""Many streams at once, each with twenty events in a second: how late they come, and what is lost.

Every event carries the moment at which the provider sent it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import quantiles

from benchmarks.load import Address
from benchmarks.upstream import HELD_CHUNKS, HELD_EVERY_S

HELD_S = HELD_CHUNKS * HELD_EVERY_S
RAMP_PER_S = 400
PATIENCE_S = 300.0


@dataclass(slots=True)
class Held:
    """What arrived of so many streams.  ``at_most_mb`` is the router's memory while all ran."""

    streams: int
    late_ms: list[float] = field(default_factory=list)
    finished: int = 0
    at_most_mb: float = float("nan")

    @property
    def lost(self) -> int:
        """Events that never came."""
        return self.streams * HELD_CHUNKS - len(self.late_ms)

    def late_percentile_ms(self, percent: int) -> float:
        """Between sending and arrival."""
        late = self.late_ms
        return quantiles(late, n=100)[percent - 1] if len(late) > 1 else float("nan")


class _Listener(asyncio.Protocol):
    """One stream's client."""

    def __init__(self, request: bytes, held: Held, over: Callable[[], None]) -> None:
        self._request, self._held, self._over = request, held, over
        self._rest = b""
        self._is_answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # TCP's is one
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._is_answered:
            self._is_answered = True
            if b" 200 " not in data[:16]:
                self._transport.close()  # turned away: all that it would have been sent is lost
                return
        now, text = time.time(), self._rest + data
        *read, rest = text.split(b"@")
        # Between two marks stands a moment; what follows the last one may be cut off.
        self._held.late_ms += [(now - float(moment)) * 1000 for moment in read[1::2]]
        self._rest = rest if len(read) % 2 == 0 else b"@" + rest
        if b"[DONE]" in rest:
            self._held.finished += 1
            self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        self._over()


async def hold(address: Address, streams: int, memory_mb: Callable[[], float]) -> Held:
    """Holds so many streams, begun one after the other, until the last has ended."""
    held, loop = Held(streams), asyncio.get_running_loop()
    over = asyncio.Semaphore(0)
    request = address.request
    begun = time.monotonic()
    transports = []
    for number in range(streams):
        await asyncio.sleep(max(0.0, begun + number / RAMP_PER_S - time.monotonic()))
        transport, _ = await loop.create_connection(
            lambda: _Listener(request, held, over.release), "127.0.0.1", address.port
        )
        transports.append(transport)
    held.at_most_mb = memory_mb()

    async def all_over() -> None:
        for _ in range(streams):
            await over.acquire()

    with contextlib.suppress(TimeoutError):  # what is missing then counts as lost
        await asyncio.wait_for(all_over(), HELD_S + PATIENCE_S)
    for transport in transports:
        transport.abort()  # so that what follows has the router for itself
    return held
