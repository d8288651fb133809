"""``python -m benchmarks.soak``: breaks the router at random, and counts what its ledger kept.

Mixed traffic and mixed faults; kill -9 and restarts in order at random moments; at the end the
clients leave, the router is started once more, and every promise is counted.  Exits with 1 when one
was broken.  Linux.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.soak.clients import Clients
from benchmarks.soak.ledger import Count, attempts, counts
from benchmarks.soak.processes import Provider, Router, provider

RESTARTS = 0.1
"""The share of ends that are in order."""

SETTLE_S = 60.0
"""For connections to providers to grow old (55 s) after all clients left."""

SLACK_FILES = 20
"""The connections that read the ledger stay open, five at most: on SQLite of three files each."""
MEASURED_AT = (1_000, 10_000, 25_000, 50_000, 75_000, 100_000)


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
        pause_s = self.options.minutes * 60 / (self.options.kills + 1)
        due = began + 2 * pause_s * self.chance.random()
        while not self._is_over(began):
            await asyncio.sleep(0.02)
            self._measure()
            if self.kills < self.options.kills and time.monotonic() >= due:
                await self._break()
                due = time.monotonic() + 2 * pause_s * self.chance.random()
        await self.clients.end()
        left = await self._left_open(files)
        await asyncio.to_thread(self.router.stop)
        return left

    def _is_over(self, began: float) -> bool:
        enough = self.clients.told.asked >= self.options.requests
        late = time.monotonic() - began > self.options.minutes * 60
        return enough and late and self.kills >= self.options.kills

    async def _break(self) -> None:
        self.kills += 1
        if self.chance.random() < RESTARTS:
            self.restarts += 1
            await asyncio.to_thread(self.router.stop)
            await asyncio.to_thread(self.router.start)
        else:
            await asyncio.to_thread(self.router.kill, self.chance)

    def _measure(self) -> None:
        asked = self.clients.told.asked
        for count in MEASURED_AT:
            if count <= asked and count not in self.memory_mb:
                self.memory_mb[count] = self.router.resident_mb
                print(f"{asked:>8} requests, {self.router.resident_mb:.0f} MB", flush=True)

    async def _left_open(self, files: int) -> list[Count]:
        """What is still open when all clients have gone."""
        deadline = time.monotonic() + SETTLE_S
        while self._more_files(files) > 0 and time.monotonic() < deadline:  # noqa: ASYNC110 -- another process's
            await asyncio.sleep(0.5)
        in_flight = await asyncio.to_thread(lambda: self.router.in_flight)
        return [
            Count(
                "files and connections left open", max(0, self._more_files(files)), promised=True
            ),
            Count("requests left in flight", in_flight, promised=True),
        ]

    def _more_files(self, files: int) -> int:
        return self.router.open_files - files - SLACK_FILES * self.options.workers


async def soak(options: argparse.Namespace, folder: Path, failing: Provider) -> bool:
    """Whether every promise was kept; prints what was counted."""
    url = options.database_url or f"sqlite:///{folder}/llmrouter.db"
    router = Router(folder, _free_port(), failing.port, url, options.workers)
    clients = Clients(router.port, options.clients, options.seed)
    course = Course(options, router, clients, random.Random(options.seed))
    try:
        left = await course.run()
        await asyncio.to_thread(router.start)  # closes what the last kill left open
        await asyncio.to_thread(router.stop)
    finally:
        router.end()
    told = clients.told
    found = [
        Count("requests sent", told.asked),
        *(Count(f"answered with {status}", n) for status, n in sorted(told.statuses.items())),
        Count("clients that left early", told.left),
        Count("connections that a kill or a fault cut", told.cut),
        Count("kills", course.kills - course.restarts),
        Count("restarts in order", course.restarts),
        *counts(url, told.whole),
        Count(
            "calls that were sent, and not yet in the ledger at a kill",
            failing.calls - attempts(url),
        ),
        *left,
    ]
    for count in found:
        print(f"{count.number:>8} {count.what}{'   <-- BROKEN' if count.broken else ''}")
    return not any(count.broken for count in found)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long, at least [5]")
    parser.add_argument("--kills", type=int, default=20, help="ends at random moments [20]")
    parser.add_argument("--requests", type=int, default=0, help="how many, at least [0]")
    parser.add_argument("--clients", type=int, default=16, help="how many ask at once [16]")
    parser.add_argument("--workers", type=int, default=1, help="processes; PostgreSQL only [1]")
    parser.add_argument("--database-url", help="an empty database [an SQLite file of its own]")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    parser.add_argument("--keep", type=Path, help="the folder for the ledger, to be kept")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory(prefix="soak") as name:
        folder = options.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        with provider(_free_port(), options.seed) as failing:
            kept = asyncio.run(soak(options, folder, failing))
    print("every promise was kept" if kept else "a promise was broken")
    sys.exit(0 if kept else 1)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


if __name__ == "__main__":
    main()
