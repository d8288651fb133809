"""What the router costs by itself: each measurement gives rows of the table."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from benchmarks.comparison import first_answer_s
from benchmarks.held import hold
from benchmarks.load import Address, Result, after_count, after_s, closed_loop, open_loop
from benchmarks.servers import Server
from benchmarks.tables import Row
from benchmarks.upstream import CHUNKS

RATE_PER_S: Final = 100
BURSTS: Final = 16
VERSIONS_ASKED: Final = 7
BODIES: Final = (("100 kB", 100_000), ("1 MB", 1_000_000))
GROWTH_FROM: Final = 10_000
GROWTH_CONNECTIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Extent:
    """How long and how much is measured.

    ``requests`` are those after which memory is looked at, fewer where ``requests_s`` is over
    before.
    """

    stage_s: float
    rounds: int
    held: tuple[int, ...]
    requests: int
    requests_s: float


FULL: Final = Extent(5.0, 3, (500, 2_000), 100_000, 180.0)
QUICK: Final = Extent(1.0, 1, (100,), 15_000, 30.0)


class Own:
    """The router, the provider behind it, and what is asked of both."""

    def __init__(self, ours: Server, provider: Server, extent: Extent) -> None:
        self._ours, self._extent = ours, extent
        self._plain = Address(ours.port, "lab/plain")
        self._direct = Address(provider.port, "plain")

    async def rows(self) -> AsyncIterator[Row]:
        """Every measurement, those of memory first: what was large for a moment stays large."""
        yield "what", "measured"
        yield "`llmrouter --version`", f"{version_s():.2f} s"
        yield "start to first answer", f"{await first_answer_s(self._ours, self._plain):.2f} s"
        await closed_loop(self._plain, connections=1, until=after_count(100))
        yield "memory, idle", f"{self._ours.resident_mb:.0f} MB"
        yield "memory growth", await self._growth()
        for streams in self._extent.held:
            yield f"{streams:,} held streams", await self._held(streams)
        for connections in (1, 16, 64, 256):
            yield f"{connections} connections", await self._throughput(self._plain, connections)
        unheard = replace(self._plain, is_unheard=True)
        yield "64 connections, a new message each", await self._throughput(unheard, 64)
        yield f"added delay at {RATE_PER_S} requests/s", await self._added_delay()
        yield "added time to first token", await self._added_first_token()
        yield "chunks relayed, same dialect", await self._relayed(self._stream("burst"))
        translated = replace(self._stream("burst"), path="/v1/messages")
        yield "chunks relayed, translated", await self._relayed(translated)
        for name, prompt_bytes in BODIES:
            large = replace(self._plain, prompt_bytes=prompt_bytes)
            yield f"requests of {name}, 16 connections", await self._throughput(large, 16)

    def _stream(self, model: str) -> Address:
        return replace(self._plain, model=f"lab/{model}", stream=True)

    async def _throughput(self, address: Address, connections: int) -> str:
        result, cpu_s = await self._asked(address, connections)
        cpu_us = cpu_s / max(result.count, 1) * 1e6
        per_s = result.count / result.seconds
        return f"{per_s:,.0f} requests/s, {cpu_us:,.0f} µs CPU each{result.failed}"

    async def _relayed(self, address: Address) -> str:
        result, cpu_s = await self._asked(address, BURSTS)
        return f"{result.count * CHUNKS / max(cpu_s, 0.01):,.0f} per CPU second{result.failed}"

    async def _asked(self, address: Address, connections: int) -> tuple[Result, float]:
        """What came back, and the router's processor time."""
        before_s = self._ours.cpu_s
        until = after_s(self._extent.stage_s)
        result = await closed_loop(address, connections=connections, until=until)
        return result, self._ours.cpu_s - before_s

    async def _added_delay(self) -> str:
        """Router and provider take turns, so that both meet the same moods of the machine."""

        async def ask(address: Address) -> Result:
            return await open_loop(address, per_s=RATE_PER_S, seconds=self._extent.stage_s)

        there, ours = await self._in_turns(ask, self._direct, self._plain)
        return _added(there, ours)

    async def _added_first_token(self) -> str:
        """Of one stream after the other."""

        async def ask(address: Address) -> Result:
            until = after_s(self._extent.stage_s / 2)
            return await closed_loop(address, connections=1, until=until)

        direct = replace(self._direct, model="brief", stream=True)
        there, ours = await self._in_turns(ask, direct, self._stream("brief"))
        return _added(there, ours)

    async def _in_turns(
        self, ask: Callable[[Address], Awaitable[Result]], direct: Address, routed: Address
    ) -> tuple[Result, Result]:
        there, ours = Result(), Result()
        for _ in range(self._extent.rounds):
            there.add(await ask(direct))
            ours.add(await ask(routed))
        return there, ours

    async def _held(self, streams: int) -> str:
        direct = replace(self._direct, model="held", stream=True)
        there = await hold(direct, streams, lambda: 0.0)
        before_mb, before_s, begun = self._ours.resident_mb, self._ours.cpu_s, time.monotonic()
        ours = await hold(self._stream("held"), streams, lambda: self._ours.resident_mb)
        share = (self._ours.cpu_s - before_s) / (time.monotonic() - begun)
        each_kb = (ours.at_most_mb - before_mb) / streams * 1000
        return (
            f"{ours.lost:,} events lost, {streams - ours.finished:,} streams cut; late p50 "
            f"{ours.late_percentile_ms(50):.1f} ms, p99 {ours.late_percentile_ms(99):.0f} ms "
            f"(provider asked directly: {there.late_percentile_ms(99):.0f} ms); "
            f"{share:.0%} of a processor; {each_kb:.0f} kB each"
        )

    async def _growth(self) -> str:
        """Between the first 10,000 requests, by which everything that is kept is there, and all."""
        extent, begun = self._extent, time.monotonic()
        until = after_count(GROWTH_FROM, extent.requests_s / 2)
        first = await closed_loop(self._plain, connections=GROWTH_CONNECTIONS, until=until)
        first_mb = self._ours.resident_mb
        left_s = begun + extent.requests_s - time.monotonic()
        until = after_count(extent.requests - GROWTH_FROM, left_s)
        more = await closed_loop(self._plain, connections=GROWTH_CONNECTIONS, until=until)
        return (
            f"{first_mb:.0f} MB after {first.count:,} more requests, "
            f"{self._ours.resident_mb:.0f} MB after {first.count + more.count:,}{more.failed}"
        )


def version_s() -> float:
    """What ``llmrouter --version`` takes, the median of some."""
    took = []
    for _ in range(VERSIONS_ASKED):
        begun = time.perf_counter()
        command = [sys.executable, "-m", "llmrouter", "--version"]
        subprocess.run(command, check=True, capture_output=True)
        took.append(time.perf_counter() - begun)
    return median(took)


def _added(there: Result, ours: Result) -> str:
    p50, p99 = ((ours.percentile_us(p) - there.percentile_us(p)) / 1000 for p in (50, 99))
    return f"p50 {p50:.2f} ms, p99 {p99:.1f} ms{ours.failed}"
