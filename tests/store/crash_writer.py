"""A process that writes the ledger under load until it is killed; run by `test_kill`.

Prints the id of each request once ``close`` has returned.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from llmrouter.core.clock import SystemClock
from llmrouter.store.engine import read_address
from llmrouter.store.opening import Store, StoreSettings, open_store
from tests.store.samples import BODY, answered

WORKERS = 32
OPENED = 5


async def serve(store: Store, clock: SystemClock) -> None:
    """Requests one after the other, as a client's connection would bring them."""
    while True:
        record = answered(
            store.ids.next(), started_us=clock.now_us(), opened=OPENED, body=BODY, node=store.node
        )
        store.ledger.open(record.request.id, record.events[:OPENED])
        await asyncio.sleep(0)
        await store.ledger.close(record)
        os.write(1, f"{record.request.id}\n".encode())


async def main(url: str, data_dir: Path) -> None:
    clock = SystemClock()
    async with open_store(StoreSettings(read_address(url, data_dir), data_dir), clock) as store:
        await asyncio.gather(*(serve(store, clock) for _ in range(WORKERS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
