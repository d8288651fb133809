"""``python -m benchmarks.history --requests 1000000 --out FILE``: a ledger with a past.

Makes a new SQLite ledger as a month of traffic would have left it, without bodies: the requests
are made up (`benchmarks.traffic`), but folded from their events and written by the router's own
writer, so that the file is what a server would have written.  A million take some minutes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks.traffic import Traffic
from llmrouter.core.ledger import RequestRecord
from llmrouter.policy.fold import fold_request
from llmrouter.store import migrate
from llmrouter.store.engine import open_for_writing, read_address
from llmrouter.store.packing import BodyPolicy
from llmrouter.store.records import Opening
from llmrouter.store.scribe import Scribe

DAYS: Final = 30
AT_ONCE: Final = 2_000
"""Requests in one transaction: nobody waits for these."""


def write_history(path: Path, requests: int, days: int, seed: int) -> None:
    """Makes the file.  Raises ``FileExistsError``."""
    if path.exists():
        raise FileExistsError(f"{path} exists already; a history goes into a new file")
    address = read_address(f"sqlite:///{path.absolute()}", path.parent)
    migrate.upgrade(address)
    scribe = Scribe(open_for_writing(address), 0, BodyPolicy(0.0))
    scribe.start()
    records = _records(Traffic(requests, days, seed))
    begun, written = time.monotonic(), 0
    while batch := list(islice(records, AT_ONCE)):
        # As in a server: what is known before the call is written first.
        scribe.write([Opening(r.request.id, r.events[: r.opened]) for r in batch])
        scribe.write(batch)
        written += len(batch)
        _say(written, requests, time.monotonic() - begun)
    scribe.stop()


def _records(traffic: Traffic) -> Iterator[RequestRecord]:
    for request_id, events, opened in traffic:
        row, attempts = fold_request(request_id, events)
        yield RequestRecord(row, attempts, events, opened=opened)


def _say(written: int, requests: int, seconds: float) -> None:
    if written % 50_000 < AT_ONCE or written == requests:
        print(f"{written:,} of {requests:,} requests, {seconds:.0f} s", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="the file to make")
    wanted = parser.parse_args()
    write_history(wanted.out, wanted.requests, wanted.days, wanted.seed)
    size = wanted.out.stat().st_size
    print(f"{wanted.out}: {size:,} bytes, {size / wanted.requests:,.0f} per request")


if __name__ == "__main__":
    main()
