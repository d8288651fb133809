"""``python -m benchmarks``: measures the router on this machine, and beside its peers.

Prints tables; with ``--write FILE`` they also go into that file, each between its marks.
``--quick`` takes some two minutes and leaves the peers out.  Linux.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import uvloop

from benchmarks import alone
from benchmarks.comparison import compare
from benchmarks.machine import is_busy, machine
from benchmarks.own import FULL, QUICK, Extent, Own
from benchmarks.servers import allow_files, one_processor_left, router, upstream
from benchmarks.tables import Row, table, write

ALONE_REQUESTS = 20_000
ALONE_REQUESTS_QUICK = 2_000
BUSY = " **Others used the machine meanwhile**: read processor times, ratios and memory only."


def measure_own(extent: Extent) -> list[Row]:
    """The router, from its start to its memory at the end."""
    with (
        tempfile.TemporaryDirectory() as folder,
        one_processor_left() as processor,
        upstream() as provider,
        router(provider, Path(folder), processor=processor) as ours,
    ):
        return uvloop.run(_all(Own(ours, provider, extent).rows()))


def measure_parts(requests: int) -> list[Row]:
    """What works without a server."""
    return asyncio.run(_all(alone.rows(requests)))


def measure_peers(extent: Extent) -> list[Row]:
    """The router beside LiteLLM and Portkey."""
    with one_processor_left() as processor, upstream() as provider:
        return compare(provider, processor, extent.rounds, extent.stage_s)


async def _all(rows: AsyncIterator[Row]) -> list[Row]:
    found = []
    async for row in rows:
        print("  " + ": ".join(row), flush=True)
        found.append(row)
    return found


def main() -> None:
    """Measures and shows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--quick", action="store_true", help="some two minutes, without peers")
    parser.add_argument("--only", choices=("own", "alone", "peers"), help="one of the tables")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables there, too")
    wanted = parser.parse_args()
    extent = QUICK if wanted.quick else FULL
    requests = ALONE_REQUESTS_QUICK if wanted.quick else ALONE_REQUESTS
    places: dict[str, Callable[[], list[Row]]] = {
        "own": lambda: measure_own(extent),
        "alone": lambda: measure_parts(requests),
        "peers": lambda: measure_peers(extent),
    }
    if wanted.quick and wanted.only is None:
        del places["peers"]
    allow_files()
    for place, measure in places.items():
        if wanted.only not in (None, place):
            continue
        said = f"{machine()}.{BUSY if is_busy() else ''}"
        print(f"\n{said}")
        shown = table(measure())
        print(f"\n{shown}")
        if wanted.write is not None:
            write(wanted.write, place, f"{said}\n\n{shown}")


if __name__ == "__main__":
    main()
