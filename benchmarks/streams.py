"""``python -m benchmarks.streams``: many slow streams at once through one process (Linux).

Each stream's numbers must come whole and in order, the ledger must have each request as completed,
and ``/health`` is asked all the while.  Exits with 1 when a stream was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import socket
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple
from urllib.request import urlopen

from benchmarks.dripping import EVENTS
from benchmarks.servers import Server, router, upstream

FILES_EACH = 2
HEALTH_EVERY_S = 0.02
OPENING_S = 6.0
PATIENCE_S = 300.0


async def _stream(port: int) -> str:
    """What became of one stream: ``whole``, or what was wrong with it."""
    body = json.dumps(
        {"model": "lab/slow", "stream": True, "messages": [{"role": "user", "content": "Count."}]}
    )
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    numbers: list[str] = []
    is_done = False
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write((head + body).encode())
        status = (await reader.readline()).split()[1].decode()
        if status != "200":
            return f"status {status}"
        async for line in reader:
            if line.startswith(b"data: {"):
                event = json.loads(line[6:])
                numbers += [c["delta"].get("content", "") for c in event.get("choices", ())]
            is_done = is_done or line.startswith(b"data: [DONE]")
        writer.close()
    except OSError as error:
        return type(error).__name__
    in_order = "".join(numbers) == "".join(f"{n} " for n in range(EVENTS))
    return "whole" if in_order and is_done else f"broken after {len(numbers)} events"


class Answer(NamedTuple):
    """One of ``/health``: when it was asked for, how long it took, and how long the router was at
    work meanwhile, which is what an idle machine would have taken at most."""

    at_s: float
    took_s: float
    worked_s: float


def _ask_health(ours: Server, answers: Connection) -> None:
    """A process that asks until it is told to stop, each time on a connection of its own."""
    port = ours.port
    request = f"GET /health HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n"
    seen: list[Answer] = []
    while not answers.poll(HEALTH_EVERY_S):
        begun_s, worked_s = time.monotonic(), ours.worked_s
        with socket.create_connection(("127.0.0.1", port)) as asking:
            asking.sendall(request.encode())
            while asking.recv(4096):
                pass
        seen.append(Answer(begun_s, time.monotonic() - begun_s, ours.worked_s - worked_s))
    answers.send(seen)


async def _measure(ours: Server, streams: int, ledger: Path) -> bool:
    """Prints what was seen; whether nothing was lost."""
    idle_mb, cpu_s, begun = ours.resident_mb, ours.cpu_s, time.monotonic()
    here, there = Pipe()
    health = Process(target=_ask_health, args=(ours, there))
    health.start()
    tasks = [asyncio.create_task(_stream(ours.port)) for _ in range(streams)]
    await asyncio.sleep(EVENTS / 2)
    held_mb = ours.resident_mb
    async with asyncio.timeout(PATIENCE_S):
        ended = await asyncio.gather(*tasks)
    here.send("stop")
    answers: list[Answer] = here.recv()
    health.join()
    whole = ended.count("whole")
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
        asked = "SELECT count(*) FROM request WHERE ending = 'completed'"
        completed = int(connection.execute(asked).fetchone()[0])
    print(f"streams          {streams}, whole and in order {whole}, in the ledger {completed}")
    for what in sorted(set(ended) - {"whole"}):
        print(f"                 {ended.count(what)}: {what}")
    print(f"took             {time.monotonic() - begun:.1f} s, {ours.cpu_s - cpu_s:.1f} s of CPU")
    print(f"memory           {idle_mb:.0f} MB before, {held_mb:.0f} MB with all of them open")
    for what, is_opening in (("while they open", True), ("while they run", False)):
        then = [a for a in answers if (a.at_s - begun < OPENING_S) == is_opening]
        worked = _spread([1000 * answer.worked_s for answer in then])
        print(f"/health          {what}: {_spread([1000 * a.took_s for a in then])}")
        print(f"                 the router was at work meanwhile: {worked}")
    return whole == completed == streams


def _spread(delays_ms: list[float]) -> str:
    if not delays_ms:
        return "not asked"
    if len(delays_ms) < 2:
        return f"{delays_ms[0]:.0f} ms"
    late_ms = quantiles(delays_ms, n=100, method="inclusive")[98]
    return (
        f"median {median(delays_ms):.1f} ms, p99 {late_ms:.0f} ms, worst {max(delays_ms):.0f} ms "
        f"of {len(delays_ms)}"
    )


def main() -> None:
    """Runs it, and says how it went."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streams")
    parser.add_argument("--streams", type=int, default=2000)
    streams: int = parser.parse_args().streams
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < FILES_EACH * streams + 100:
        sys.exit(f"{streams} streams need more files than the {hard} that this machine allows")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.environ["LLMROUTER_MAX_REQUESTS"] = str(streams + 10)
    with (
        tempfile.TemporaryDirectory() as name,
        upstream("benchmarks.dripping") as provider,
        router(provider, Path(name)) as ours,
    ):
        ours.wait()
        urlopen(f"http://127.0.0.1:{ours.port}/health").close()  # it listens before it has begun
        is_whole = asyncio.run(_measure(ours, streams, Path(name) / "llmrouter.db"))
    sys.exit(0 if is_whole else 1)


if __name__ == "__main__":
    main()
