"""``python -m benchmarks``: measures the router on this machine, in less than two minutes.

Prints a table; with ``--write FILE`` it also goes into that file, between its two marks.  Linux.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import re
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.load import Address, Line, Result, closed_loop, open_loop
from benchmarks.servers import START_S, Server, router, upstream
from benchmarks.upstream import CHUNKS

STAGE_S = 4.0
RATE_PER_S = 100
MANY = 20_000
MANY_S = 60.0
MARKS = re.compile(r"(<!-- measured -->\n).*(<!-- /measured -->)", re.DOTALL)

Row = tuple[str, str]


async def measure(provider: Server, ours: Server, begun: float) -> list[Row]:
    """The table's rows."""
    plain = Address(ours.port, "lab/plain")
    rows = [("start to first answer", f"{await _first_answer(plain, begun):.2f} s")]
    await closed_loop(plain, connections=1, until=_after_count(100))
    idle_mb = ours.resident_mb
    rows.append(("memory, idle", f"{idle_mb:.0f} MB"))
    for connections in (1, 16, 64, 256):
        before = ours.cpu_s
        result = await closed_loop(plain, connections=connections, until=_after(STAGE_S))
        rows.append((f"{connections} connections", _cost(result, ours.cpu_s - before)))
    rows.extend(await _added_delay(Address(provider.port, "plain"), plain))
    before = ours.cpu_s
    streams = Address(ours.port, "lab/burst", stream=True)
    result = await closed_loop(streams, connections=16, until=_after(STAGE_S))
    relayed = result.count * CHUNKS / (ours.cpu_s - before)
    rows.append(("chunks relayed", f"{relayed:,.0f} per CPU second{_failures(result)}"))
    begun = time.monotonic()
    result = await closed_loop(
        plain,
        connections=16,
        until=lambda count: count >= MANY or time.monotonic() - begun > MANY_S,
    )
    grown = f"{ours.resident_mb:.0f} MB{_failures(result)}"
    rows.append((f"memory after {result.count:,} more requests", grown))
    return rows


async def _first_answer(address: Address, begun: float) -> float:
    """Seconds since the process was started."""
    while time.monotonic() - begun < START_S:
        try:
            if await Line(address).ask():
                return time.monotonic() - begun
        except OSError:
            await asyncio.sleep(0.01)
    raise TimeoutError("the router did not answer")


async def _added_delay(direct: Address, routed: Address) -> list[Row]:
    there = await open_loop(direct, per_s=RATE_PER_S, seconds=STAGE_S)
    ours = await open_loop(routed, per_s=RATE_PER_S, seconds=STAGE_S)
    added = [(ours.percentile_us(p) - there.percentile_us(p)) / 1000 for p in (50, 99)]
    shown = f"p50 {added[0]:.1f} ms, p99 {added[1]:.1f} ms{_failures(ours)}"
    return [(f"added delay at {RATE_PER_S} requests/s", shown)]


def _cost(result: Result, cpu_s: float) -> str:
    per_request_us = cpu_s / max(result.count, 1) * 1e6
    rate = result.count / result.seconds
    return f"{rate:,.0f} requests/s, {per_request_us:,.0f} µs CPU each{_failures(result)}"


def _failures(result: Result) -> str:
    return f" ({result.failures} failed)" if result.failures else ""


def _after(seconds: float) -> Callable[[int], bool]:
    end = time.monotonic() + seconds
    return lambda _: time.monotonic() > end


def _after_count(wanted: int) -> Callable[[int], bool]:
    return lambda count: count >= wanted


def _machine() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    processor = found[1] if found else platform.machine()
    load = os.getloadavg()[0]
    chosen = [f"{name}={value}" for name, value in os.environ.items() if name in _CHOICES]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {processor}, {os.cpu_count()} processors (load {load:.1f} "
        f"before), {platform.system()} {platform.release()}, Python {platform.python_version()}"
        + "".join(f", {choice}" for choice in sorted(chosen))
    )


_CHOICES = ("LLMROUTER_HTTP_CLIENT", "LLMROUTER_HTTP_SERVER", "LLMROUTER_EVENT_LOOP")


def main() -> None:
    """Measures and shows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table there, too")
    file: Path | None = parser.parse_args().write
    machine = _machine()
    with tempfile.TemporaryDirectory() as folder, upstream() as provider:
        begun = time.monotonic()
        with router(provider, Path(folder)) as ours:
            rows = asyncio.run(measure(provider, ours, begun))
    lines = [f"{machine}.", "", "| what | measured |", "|---|---|"]
    table = "\n".join([*lines, *(f"| {what} | {measured} |" for what, measured in rows)])
    print(table)
    if file is not None:
        text = file.read_text("utf-8")
        file.write_text(MARKS.sub(lambda m: f"{m[1]}{table}\n{m[2]}", text), "utf-8")


if __name__ == "__main__":
    main()
