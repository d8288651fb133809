"""A live replay in a process of its own, to be killed; run by `test_live`."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from llmrouter.cli.live_replaying import carried_out
from llmrouter.cli.output import run
from llmrouter.core.replay import ReplayAsked, ReplayWindow
from llmrouter.replay.live_options import LiveOptions, LiveOrder
from llmrouter.settings import read_settings
from tests.replay.live_runs import live_replays


async def main(url: str, folder: Path, document: dict[str, object]) -> None:
    os.environ.clear()
    settings = read_settings(env_file=None, data_dir=str(folder), database_url=url)
    order = LiveOrder(ReplayWindow(), LiveOptions(max_nusd=10**9, concurrency=2))
    async with live_replays(settings) as live:
        row = await live.begin(ReplayAsked(order.window, document=document), order.options)
        await carried_out(live, row, order, lambda done, of: None)


if __name__ == "__main__":
    # A shell that starts the tests in its background leaves it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run(main(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])))
