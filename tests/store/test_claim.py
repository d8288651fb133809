"""Who may write: one process per SQLite file, one per node of a PostgreSQL database."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.store import node_claim
from llmrouter.store.claim import claim
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.errors import DatabaseInUse
from llmrouter.store.node_claim import NodeClaim
from llmrouter.store.opening import StoreSettings, open_store
from tests.store.samples import ask

HOLD = """
import sys, time
from pathlib import Path
from llmrouter.store import node_claim
from llmrouter.store.claim import claim
from llmrouter.store.engine import read_address
held = claim(read_address(sys.argv[1], Path()), 0, Path(sys.argv[2]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_process_is_refused_until_the_first_is_dead(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    url = database.url.render_as_string(hide_password=False)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", HOLD, url, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DatabaseInUse, match=rf"in use by .*{holder.pid}.*Stop that process"):
            claim(database, 0, tmp_path)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        # A server sees the death a little later; the one who comes back is waited for.
        after = claim(database, data_dir=tmp_path)
        assert after.node == 0
        after.release()


async def test_a_second_server_is_refused_before_it_touches_anything(
    sqlite_database: DatabaseAddress, tmp_path: Path
) -> None:
    settings = StoreSettings(sqlite_database, tmp_path)
    async with open_store(settings, FakeClock()):
        with pytest.raises(DatabaseInUse, match=str(os.getpid())):
            async with open_store(settings, FakeClock()):
                pass
    async with open_store(settings, FakeClock()) as store:
        assert store.node == 0


def test_nodes_of_one_postgresql_database_get_numbers_of_their_own(
    postgres_database: DatabaseAddress, tmp_path: Path
) -> None:
    first = claim(postgres_database, data_dir=tmp_path / "here")
    second = claim(postgres_database, data_dir=tmp_path / "elsewhere")
    third = claim(postgres_database, data_dir=tmp_path / "here")
    assert (first.node, second.node, third.node) == (0, 1, 2)
    first.release()
    third.release()
    third = claim(postgres_database, data_dir=tmp_path / "here")
    assert third.node == 0
    third.release()
    second.release()


CUT_CLAIMS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name LIKE 'llmrouter process%'"
)


def test_a_node_whose_connection_broke_is_taken_again(
    postgres_database: DatabaseAddress, tmp_path: Path
) -> None:
    held = NodeClaim(postgres_database, data_dir=tmp_path)
    ask(postgres_database, CUT_CLAIMS)
    looks = [held.look()]
    while looks[-1] == "unknown":  # the server has not yet seen the end of the old connection
        looks.append(held.look())
    assert looks[-1] == "held"
    with pytest.raises(DatabaseInUse):
        claim(postgres_database, node=held.node)
    held.release()


def test_a_node_that_another_process_took_meanwhile_is_lost(
    postgres_database: DatabaseAddress, tmp_path: Path
) -> None:
    held = NodeClaim(postgres_database, data_dir=tmp_path / "here")
    ask(postgres_database, CUT_CLAIMS)
    other = claim(postgres_database, data_dir=tmp_path / "elsewhere")
    assert other.node == held.node
    assert held.look() == "lost"
    other.release()
    held.release()


async def test_a_store_says_when_its_node_is_lost(
    postgres_database: DatabaseAddress, tmp_path: Path
) -> None:
    async with open_store(
        StoreSettings(postgres_database, tmp_path / "here"), FakeClock()
    ) as store:
        assert not store.lost.is_set()
        ask(postgres_database, CUT_CLAIMS)
        other = claim(postgres_database, 0, tmp_path / "elsewhere")
        async with asyncio.timeout(5):
            await store.lost.wait()
        other.release()


def test_a_dead_process_s_node_is_waited_for_when_the_server_is_slow_to_see_its_end(
    postgres_database: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_claim, "AFTER_DEATH_S", 0.1)
    url = postgres_database.url.render_as_string(hide_password=False)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", HOLD, url, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        [(backend,)] = ask(
            postgres_database,
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'llmrouter process%'",
        )
        os.kill(backend, signal.SIGSTOP)
        waking = threading.Timer(0.5, os.kill, (backend, signal.SIGCONT))
        waking.start()
        holder.kill()
        holder.wait()
        after = claim(postgres_database, data_dir=tmp_path)
        assert after.node == 0
        after.release()
        waking.join()
