"""``python -m benchmarks.failover``: what going on to the next model takes.

Requests one after the other, in turns: to a model that answers, and to routes whose first model
fails at once, by a 500 or by refusing the connection.  Each failing model is asked twice only, so
that no breaker spares the router the work.  Shown is what a failing one costs more.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from benchmarks.load import Address, Line
from benchmarks.servers import Server, router, upstream

TARGETS = 150
ROUNDS = 2
"""A breaker opens at the third failure."""

FIRST: Mapping[str, str] = {"a 500": "lab/broken", "a refused connection": "gone/model"}


def combos() -> dict[str, list[str]]:
    """A route for each failing model, with one behind it that answers."""
    return {
        f"{fault}-{n}".replace(" ", "-"): [f"{first}-{n}", "lab/plain"]
        for fault, first in FIRST.items()
        for n in range(TARGETS)
    }


async def waits_ms(ours: Server, fault: str | None) -> tuple[list[float], float]:
    """How long each reply took, and the router's processor time for one."""
    waits: list[float] = []
    before_s = ours.cpu_s
    for n in range(TARGETS):
        model = "lab/plain" if fault is None else f"{fault}-{n}".replace(" ", "-")
        line = Line(Address(ours.port, model))
        if not await line.ask():  # opens the connection, and warms the route
            raise RuntimeError(f"{model} did not answer; nothing can be said")
        begun = time.perf_counter()
        if not await line.ask():
            raise RuntimeError(f"{model} did not answer; nothing can be said")
        waits.append((time.perf_counter() - begun) * 1000)
        line.close()
    return waits, (ours.cpu_s - before_s) * 1000 / TARGETS / ROUNDS


async def measure(ours: Server) -> None:
    """Prints a line for each kind of failure."""
    await waits_ms(ours, None)  # warms up
    plain, plain_cpu_ms = await waits_ms(ours, None)
    print(f"no failure: best {min(plain):.2f} ms, median {median(plain):.2f} ms")
    for fault in FIRST:
        waits, cpu_ms = await waits_ms(ours, fault)
        print(
            f"{fault}: {min(waits) - min(plain):+.2f} ms at best, "
            f"{median(waits) - median(plain):+.2f} ms by the median, "
            f"{cpu_ms - plain_cpu_ms:+.2f} ms of processor time"
        )


def main() -> None:
    """Measures and shows."""
    with (
        tempfile.TemporaryDirectory() as folder,
        upstream() as provider,
        router(provider, Path(folder), combos()) as ours,
    ):
        ours.wait()
        asyncio.run(measure(ours))


if __name__ == "__main__":
    main()
