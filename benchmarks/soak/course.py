"""The course of a soak: kills, restarts in order and outages, in an order that its seed decides."""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.soak.clients import Clients
from benchmarks.soak.ledger import Count
from benchmarks.soak.nodes import Nodes
from benchmarks.soak.outages import Outage
from benchmarks.soak.processes import Router

RESTARTS = 0.1
"""So many restarts in order for each kill."""

SETTLE_S = 65.0
"""For connections to providers to grow old (55 s) after all clients left."""

READERS = 5
"""Connections that read the ledger stay open once they were needed: so many that a pool keeps.  On
SQLite each has the database, its log and the log's index open; there is no other allowance."""

MEASURED_AT = (1_000, 10_000, 25_000, 50_000, 75_000, 100_000)

SHARED_WITHIN_S = 2.0
"""What one node knows, the others know."""


@dataclass(slots=True)
class Course:
    """One soak, and what was seen on the way."""

    options: argparse.Namespace
    router: Router
    clients: Clients
    chance: random.Random
    kills: int = 0
    restarts: int = 0
    memory_mb: dict[int, float] = field(default_factory=dict)

    async def run(self) -> list[Count]:
        """Runs it; gives what was counted while the router ran."""
        await asyncio.to_thread(self.router.start)
        files = self.router.open_files
        self.clients.begin()
        began = time.monotonic()
        ends = self._ends()
        pause_s = self.options.minutes * 60 / (len(ends) + 1)
        due = began + 2 * pause_s * self.chance.random()
        while ends or not self._is_over(began):
            await asyncio.sleep(0.02)
            self._measure()
            if ends and time.monotonic() >= due:
                await self._end_it(in_order=ends.pop())
                due = time.monotonic() + 2 * pause_s * self.chance.random()
        await self.clients.end()
        left = await self._left_open(files)
        await asyncio.to_thread(self.router.stop)
        return left

    async def suffer(self, name: str, outage: Outage, *, promised_s: float | None) -> list[Count]:
        """Lets the database be away for a while, amid which the router is killed, too; gives what
        was seen of it.

        ``promised_s``: within what time all nodes know what one of them learnt meanwhile.
        """
        await asyncio.to_thread(self.router.start)
        self.clients.begin()
        nodes = Nodes(self.router.port)
        await asyncio.sleep(2.0)
        before = dict(self.clients.told.statuses)
        away = outage()
        await asyncio.to_thread(away.__enter__)
        await asyncio.sleep(self.options.outage / 3)
        await asyncio.to_thread(nodes.open_a_breaker)
        await asyncio.sleep(self.options.outage / 3)
        after = dict(self.clients.told.statuses)
        self.kills += 1
        await asyncio.to_thread(self.router.kill_one, self.chance)
        await asyncio.sleep(self.options.outage / 3)
        await asyncio.to_thread(away.__exit__, None, None, None)
        await asyncio.to_thread(self.router.await_return)
        ready_s = await asyncio.to_thread(nodes.s_until_ready)
        known_s = await asyncio.to_thread(nodes.s_until_breaker_known)
        configured_s = await asyncio.to_thread(nodes.s_until_configured)
        await asyncio.sleep(2.0)
        await self.clients.end()
        await asyncio.to_thread(self.router.stop)
        answered = {n: after[n] - before.get(n, 0) for n in sorted(after)}
        return [
            *(Count(f"{name}: answered with {n} before the kill", answered[n]) for n in answered),
            *_timed(f"{name}: ms until all were ready", ready_s, None),
            *_timed(f"{name}: ms until all knew a breaker", known_s, promised_s),
            *_timed(f"{name}: ms until all ran a new configuration", configured_s, promised_s),
        ]

    def _ends(self) -> list[bool]:
        """Of each end, whether it is in order."""
        kills = self.options.kills
        ends = [False] * kills + [True] * round(RESTARTS * kills)
        self.chance.shuffle(ends)
        return ends

    def _is_over(self, began: float) -> bool:
        enough = self.clients.told.asked >= self.options.requests
        return enough and time.monotonic() - began > self.options.minutes * 60

    async def _end_it(self, *, in_order: bool) -> None:
        if in_order:
            self.restarts += 1
            await asyncio.to_thread(self.router.stop)
            await asyncio.to_thread(self.router.start)
        else:
            self.kills += 1
            await asyncio.to_thread(self.router.kill, self.chance)

    def _measure(self) -> None:
        asked = self.clients.told.asked
        for count in MEASURED_AT:
            if count <= asked and count not in self.memory_mb:
                self.memory_mb[count] = self.router.resident_mb
                print(f"{asked:>8} requests, {self.router.resident_mb:.0f} MB", flush=True)

    async def _left_open(self, files: Counter[str]) -> list[Count]:
        """What is still open when all clients have gone."""
        deadline = time.monotonic() + SETTLE_S
        while self._more_files(files) and time.monotonic() < deadline:  # noqa: ASYNC110 -- another process's
            await asyncio.sleep(0.5)
        now, left = self.router.open_files, self._more_files(files)
        for kind in sorted(now | files):
            if now[kind] != files[kind]:
                print(f"{kind}: {files[kind]} open at the start, {now[kind]} at the end")
        in_flight = await asyncio.to_thread(lambda: self.router.in_flight)
        return [
            *(Count(f"left open: {kind}", number, promised=True) for kind, number in left.items()),
            Count("files and connections left open", left.total(), promised=True),
            Count("requests left in flight", in_flight, promised=True),
        ]

    def _more_files(self, files: Counter[str]) -> Counter[str]:
        """By kind, what is open beyond what was at the start, and what the ledger is read with."""
        more = self.router.open_files - files
        readers = READERS * self.options.workers
        return more - Counter({kind: readers for kind in more if self.router.is_ledgers(kind)})


def _timed(what: str, took_s: float, promised_s: float | None) -> list[Count]:
    took = Count(what, round(took_s * 1000))
    if promised_s is None:
        return [took]
    late_ms = max(0, round((took_s - promised_s) * 1000))
    return [took, Count(f"{what}, beyond what is promised", late_ms, promised=True)]
