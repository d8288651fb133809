"""The router beside its peers: one after the other in each round, so that all meet the same moods
of the machine; what counts are ratios within a round.

Each has one processor; the provider and the load have the others.  Ours keeps its ledger, theirs
keep none.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from benchmarks.load import Address, Line, after_count, after_s, closed_loop
from benchmarks.peers import Missing, Peer, Started, cache_folder, litellm, portkey
from benchmarks.servers import Server, router
from benchmarks.tables import Row
from benchmarks.upstream import CHUNKS

OURS = "llmrouter"
CONNECTIONS = 64
STREAMS = 16
START_S = 120.0
"""LiteLLM takes long on a busy machine."""

Start = Callable[[Path], Started]


@dataclass(frozen=True, slots=True)
class Figures:
    """What one target did in one round."""

    start_s: float
    idle_mb: float
    per_s: float
    cpu_us: float
    chunks_per_cpu_s: float


SHOWN: Sequence[tuple[str, str, Callable[[Figures], float]]] = (
    ("start to first answer, s", ".2f", lambda f: f.start_s),
    ("memory idle, MB", ".0f", lambda f: f.idle_mb),
    (f"requests/s, {CONNECTIONS} connections", ",.0f", lambda f: f.per_s),
    ("CPU per request, µs", ",.0f", lambda f: f.cpu_us),
    ("chunks relayed per CPU second", ",.0f", lambda f: f.chunks_per_cpu_s),
)


def compare(provider: Server, processor: int | None, rounds: int, stage_s: float) -> list[Row]:
    """The table's rows: a column each, then theirs in ratio to ours.  The first row is its head."""
    peers, reasons = _installed()
    starts: dict[str, Start] = {OURS: lambda run: _ours(provider, run, processor)}
    for peer in peers:
        starts[f"{peer.name} {peer.version}"] = _starter(peer, provider, processor)
    found: dict[str, list[Figures]] = {name: [] for name in starts}
    for number in range(rounds):
        for name, start in starts.items():
            print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr)
            with tempfile.TemporaryDirectory() as run, start(Path(run)) as (server, address):
                found[name].append(asyncio.run(_measure(server, address, stage_s)))
    return [*_rows(found), *(("left out", reason) for reason in reasons)]


def _installed() -> tuple[list[Peer], list[str]]:
    peers, reasons = [], []
    for install in (portkey, litellm):
        try:
            peers.append(install(cache_folder()))
        except Missing as missing:
            reasons.append(str(missing))
    return peers, reasons


@contextmanager
def _ours(provider: Server, run: Path, processor: int | None) -> Iterator[tuple[Server, Address]]:
    with router(provider, run, processor=processor) as server:
        yield server, Address(server.port, "lab/plain")


def _starter(peer: Peer, provider: Server, processor: int | None) -> Start:
    return lambda run: peer.start(provider, run, processor)


async def _measure(server: Server, address: Address, stage_s: float) -> Figures:
    start_s = await first_answer_s(server, address)
    await closed_loop(address, connections=1, until=after_count(50))
    idle_mb = server.resident_mb
    await closed_loop(address, connections=CONNECTIONS, until=after_s(stage_s / 4))  # warms up
    before_s = server.cpu_s
    plain = await closed_loop(address, connections=CONNECTIONS, until=after_s(stage_s))
    plain_cpu_s = server.cpu_s - before_s
    before_s = server.cpu_s
    burst = replace(address, model=address.model.replace("plain", "burst"), stream=True)
    streams = await closed_loop(burst, connections=STREAMS, until=after_s(stage_s))
    relayed = streams.count * CHUNKS / max(server.cpu_s - before_s, 0.01)
    return Figures(
        start_s,
        idle_mb,
        plain.count / plain.seconds,
        plain_cpu_s / max(plain.count, 1) * 1e6,
        relayed,
    )


async def first_answer_s(server: Server, address: Address) -> float:
    """From the process's start to its first good answer."""
    while time.monotonic() - server.begun < START_S:
        line = Line(address)
        try:
            if await line.ask():
                return time.monotonic() - server.begun
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            line.close()
        await asyncio.sleep(0.01)
    raise TimeoutError(f"no answer from port {server.port} in {START_S:.0f} s")


def _rows(found: dict[str, list[Figures]]) -> Iterator[Row]:
    others = [name for name in found if name != OURS]
    yield ("", *found, *(f"to {name.split()[0]}" for name in others))
    for what, shape, read in SHOWN:
        values = [format(median(map(read, figures)), shape) for figures in found.values()]
        yield (what, *values, *(f"{_ratio(found, name, read):.2f}" for name in others))


def _ratio(found: dict[str, list[Figures]], other: str, read: Callable[[Figures], float]) -> float:
    """Ours in ratio to another's: the median over the rounds."""
    pairs = zip(found[OURS], found[other], strict=True)
    return median(read(ours) / max(read(theirs), 1e-9) for ours, theirs in pairs)
