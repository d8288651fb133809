"""``python -m benchmarks.soak``: breaks the router at random, and counts what its ledger kept.

Mixed traffic and mixed faults; kill -9 and restarts in order at random moments, and on request a
database that is away for a while; at the end the clients leave, the router is started once more,
and every promise is counted.  Exits with 1 when one was broken.  Linux.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.soak.clients import Clients
from benchmarks.soak.course import SHARED_WITHIN_S, Course
from benchmarks.soak.ledger import Count, counts, of_calls
from benchmarks.soak.outages import Outage, of_file, of_server
from benchmarks.soak.processes import Provider, Router, provider
from tests.postgres import FAST, postgres


async def soak(
    options: argparse.Namespace,
    folder: Path,
    failing: Provider,
    url: str,
    outages: Mapping[str, Outage],
) -> bool:
    """Whether every promise was kept; prints what was counted."""
    router = Router(folder, _free_port(), failing.port, url, options.workers)
    clients = Clients(router.port, options.clients, options.seed)
    course = Course(options, router, clients, random.Random(options.seed))
    shared = not url.startswith("sqlite")
    try:
        seen = await course.run()
        for name, outage in outages.items():
            seen += await course.suffer(
                name, outage, promised_s=SHARED_WITHIN_S if shared else None
            )
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
        Count("kills", course.kills),
        Count("restarts in order", course.restarts),
        *counts(url, told.whole),
        *of_calls(url, failing.calls),
        *seen,
    ]
    for count in found:
        print(f"{count.number:>8} {count.what}{'   <-- BROKEN' if count.broken else ''}")
    return not any(count.broken for count in found)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long, at least [5]")
    parser.add_argument(
        "--kills",
        type=int,
        default=20,
        help="SIGKILLs at random moments; a tenth as many restarts in order are made besides [20]",
    )
    parser.add_argument("--requests", type=int, default=0, help="how many, at least [0]")
    parser.add_argument("--clients", type=int, default=16, help="how many ask at once [16]")
    parser.add_argument("--workers", type=int, default=1, help="processes; PostgreSQL only [1]")
    parser.add_argument("--database-url", help="an empty database [an SQLite file of its own]")
    parser.add_argument(
        "--postgres",
        action="store_true",
        help="a PostgreSQL server of its own (of the development tools)",
    )
    parser.add_argument(
        "--outage",
        type=float,
        default=0.0,
        help="afterwards the database is away for so many seconds, and the router is killed "
        "meanwhile: a server of its own stopped, then frozen; an SQLite file locked [0]",
    )
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    parser.add_argument("--keep", type=Path, help="the folder for the ledger, to be kept")
    options = parser.parse_args()
    if options.outage and options.database_url:
        parser.error("--outage needs a database of the soak's own; leave out --database-url")
    print(f"seed {options.seed}")
    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory("soak")))
        folder.mkdir(parents=True, exist_ok=True)
        if options.postgres:
            # What it has confirmed, it must have after it was stopped without a word.
            server = stack.enter_context(postgres(f"{FAST} -c synchronous_commit=on"))
            url, outages = server.url.render_as_string(hide_password=False), of_server(server)
        else:
            url = options.database_url or f"sqlite:///{folder}/llmrouter.db"
            outages = of_file(f"{folder}/llmrouter.db")
        failing = stack.enter_context(provider(_free_port(), options.seed))
        suffered = outages if options.outage else {}
        kept = asyncio.run(soak(options, folder, failing, url, suffered))
    print("every promise was kept" if kept else "a promise was broken")
    sys.exit(0 if kept else 1)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


if __name__ == "__main__":
    main()
