"""``python -m benchmarks.workers``: what several workers answer, and what one does.

Both in turns, on a PostgreSQL server of the benchmark's own (of the development tools).  Load,
provider and database have the same processors as the workers: with two of these, two workers can't
be twice as fast as one, and the processor time for each request tells whether they hinder each
other.  Linux.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median

import uvloop

from benchmarks.load import Address, Result, after_s, closed_loop
from benchmarks.servers import Server, router, upstream
from tests.postgres import FAST, postgres

CONNECTIONS = 32
ROUNDS = 3
WARM_S = 2.0
MEASURED_S = 6.0


async def _throughput(ours: Server) -> tuple[float, float]:
    """Requests in a second, and the processor time of all workers for one, in microseconds."""
    address = Address(ours.port, "lab/plain")
    await closed_loop(address, connections=CONNECTIONS, until=after_s(WARM_S))
    before_s = ours.cpu_s
    result: Result = await closed_loop(address, connections=CONNECTIONS, until=after_s(MEASURED_S))
    if result.failures:
        raise RuntimeError(f"{result.failures} requests failed; nothing can be said")
    return result.count / result.seconds, (ours.cpu_s - before_s) / result.count * 1e6


def _round(workers: int, provider: Server, database_url: str) -> tuple[float, float]:
    settings = {"LLMROUTER_DATABASE_URL": database_url, "LLMROUTER_WORKERS": str(workers)}
    with (
        tempfile.TemporaryDirectory() as folder,
        router(provider, Path(folder), settings=settings) as ours,
    ):
        ours.wait()
        per_s, cpu_us = uvloop.run(_throughput(ours))
    print(f"{workers} worker(s): {per_s:,.0f} requests/s, {cpu_us:,.0f} µs CPU each", flush=True)
    return per_s, cpu_us


def main() -> None:
    """Measures and shows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers")
    parser.add_argument("--workers", type=int, default=2, help="how many, beside one [2]")
    wanted = parser.parse_args()
    if wanted.workers < 2:
        parser.error("--workers is compared with one; say 2 or more")
    with postgres(f"{FAST} -c shared_buffers=64MB") as server, upstream() as provider:
        url = server.url.render_as_string(hide_password=False)
        one, many = zip(
            *(
                [_round(workers, provider, url) for workers in (1, wanted.workers)]
                for _ in range(ROUNDS)
            ),
            strict=True,
        )
    faster = median(m[0] / o[0] for o, m in zip(one, many, strict=True))
    dearer = median(m[1] / o[1] for o, m in zip(one, many, strict=True))
    print(
        f"{wanted.workers} workers answer {faster:.2f} times as many as one, "
        f"at {dearer:.2f} times the processor time for each"
    )


if __name__ == "__main__":
    main()
