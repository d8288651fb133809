"""Law 1 and 2: a SIGKILL loses nothing that was acknowledged, and leaves nothing open."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from llmrouter.core.clock import SystemClock
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.opening import StoreSettings, open_store
from tests.store.samples import ask

KILLS = 2


def acknowledged_until_killed(database: DatabaseAddress, data_dir: Path) -> list[int]:
    """What a writing process had acknowledged at some random moment."""
    url = database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.store.crash_writer", url, str(data_dir)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(random.randint(1, 400))]
        process.kill()
        lines += process.stdout.readlines()
    return [int(line) for line in lines if line.endswith(b"\n")]


async def test_a_killed_process_loses_nothing_acknowledged_and_leaves_nothing_open(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    acknowledged: list[int] = []
    for _ in range(KILLS):
        told = acknowledged_until_killed(database, tmp_path)
        assert told, "the writer died by itself"
        acknowledged += told
    async with open_store(StoreSettings(database, tmp_path), SystemClock()) as store:
        kept = [number for (number,) in ask(database, "SELECT id FROM request")]
        assert set(acknowledged) <= set(kept)
        assert len(kept) == len(set(kept))
        endings = dict(ask(database, "SELECT ending, count(*) FROM request GROUP BY ending"))
        assert endings.keys() <= {"completed", "abandoned"}
        assert store.recovered <= endings.get("abandoned", 0)
        assert await store.reader.body(acknowledged[-1]) is not None

    received = "SELECT request_id FROM event WHERE kind = 'request.received'"
    assert {number for (number,) in ask(database, received)} == set(kept)
    started = "SELECT count(*) FROM event WHERE kind = 'attempt.started'"
    assert ask(database, started) == ask(database, "SELECT count(*) FROM attempt")
    totals = "SELECT sum(requests), sum(attempts), sum(unknown_costs) FROM usage_day"
    unknown = "count(*) - count(cost_nusd)"
    rows = f"SELECT count(*), sum(attempts), {unknown} FROM request"
    assert ask(database, totals) == ask(database, rows)
