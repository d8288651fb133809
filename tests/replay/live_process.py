"""A live replay in a process of its own, to be killed; run by `test_live`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from llmrouter.cli.live_replay import LiveOrder, replay_live
from llmrouter.core.replay import ReplayWindow
from llmrouter.documents import read_configuration
from llmrouter.policy.table import compile_table
from llmrouter.replay.candidate import Candidate
from llmrouter.replay.live import LiveOptions
from llmrouter.settings import Keyring, read_settings
from tests.running import KEYS


async def main(url: str, folder: Path, document: dict[str, object]) -> None:
    os.environ.clear()
    settings = read_settings(env_file=None, data_dir=str(folder), database_url=url)
    config = read_configuration(document, "test", settings=settings, keyring=Keyring(KEYS))
    candidate = Candidate(compile_table(1, document, config), document, "test", 1)
    order = LiveOrder(ReplayWindow(), LiveOptions(max_nusd=10**9, concurrency=2))
    await replay_live(settings, Keyring(KEYS), candidate, order)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])))
