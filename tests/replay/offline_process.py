"""An offline replay in a process of its own, to be killed; run by `test_resuming`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from llmrouter.core.clock import SystemClock
from llmrouter.replay import offline
from llmrouter.store.engine import read_address
from llmrouter.store.opening import StoreSettings, open_store
from tests.replay.test_offline import replays_of

LAST_BATCH = 6


async def main(url: str, folder: Path, number: int) -> None:
    """Says after each batch that it is kept; should nobody kill it, it waits for that."""
    offline.BATCH = 20  # type: ignore[misc]
    batches = 0

    def progress(done: int, of: int) -> None:
        nonlocal batches
        batches += 1
        sys.stdout.write(f"{done}\n")
        sys.stdout.flush()
        if batches == LAST_BATCH:
            sys.stdin.read()

    async with open_store(StoreSettings(read_address(url, folder), folder), SystemClock()) as store:
        replays = replays_of(store)
        row = await replays.log.get(number)
        assert row is not None
        await replays.run(row, store.replays, progress)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
