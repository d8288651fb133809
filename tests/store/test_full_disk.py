"""A disk that is really full: new work is refused, nothing is lost, and it heals by itself."""

from __future__ import annotations

import base64
import contextlib
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.errors import Overloaded
from llmrouter.core.records import replace
from llmrouter.store.engine import read_address
from llmrouter.store.opening import Store, StoreSettings, open_store
from llmrouter.store.spill import Spill
from tests.running import eventually
from tests.store.conftest import IMPATIENT
from tests.store.samples import answered, ask


def prompt(seed: int) -> dict[str, object]:
    """A body that fills a disk: it cannot be made much shorter, and nothing of it is known."""
    words = base64.b64encode(random.Random(seed).randbytes(300_000)).decode()
    return {"messages": [{"role": "user", "content": words}]}


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system in memory, of a size that can be changed."""

    folder: Path

    def resize(self, megabytes: int) -> None:
        """Makes room, or takes it."""
        options = f"remount,size={megabytes}m"
        subprocess.run(["mount", "-o", options, self.folder], check=True)


@contextlib.contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A disk of so many megabytes; skips the test where none can be mounted."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk, and only Linux has tmpfs")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


async def fill(store: Store) -> list[int]:
    """Hands records in until no request is admitted any more; gives what was acknowledged."""
    told: list[int] = []
    while True:
        try:
            store.ledger.admit()
        except Overloaded:
            return told
        record = answered(store.ids.next(), body=prompt(len(told)))
        await store.ledger.close(record)
        told.append(record.request.id)


async def test_a_full_disk_refuses_new_work_loses_nothing_and_heals(
    sqlite_ledger: Path, tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk", 4) as disk:
        path = disk.folder / "llmrouter.db"
        shutil.copy(sqlite_ledger, path)
        database = read_address(f"sqlite:///{path}", tmp_path)
        bounded = replace(IMPATIENT, queue_bytes=3_000_000)
        async with open_store(
            StoreSettings(database, tmp_path, ledger=bounded), FakeClock()
        ) as store:
            told = await fill(store)
            assert shutil.disk_usage(disk.folder).free < 600_000
            assert not store.ledger.healthy
            disk.resize(100)
            await eventually(lambda: store.ledger.healthy and store.ledger.queue_depth == 0)
            store.ledger.admit()
            assert store.ledger.rejected == 0
        assert [p.name for p in disk.folder.glob("*.spill*")] == []
        assert ask(database, "SELECT id FROM request ORDER BY id") == [(n,) for n in told]
        assert ask(database, "SELECT sum(requests) FROM usage_day") == [(len(told),)]
        assert ask(database, "SELECT count(*) FROM body") == [(len(told),)]


def test_what_does_not_fit_leaves_no_torn_line_behind(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 1) as disk:
        spill = Spill(disk.folder / "ledger.spill")
        spill.append([answered(1)])
        before = spill.path.read_bytes()
        with pytest.raises(OSError, match="No space left"):
            spill.append([answered(n, body=prompt(n)) for n in (2, 3, 4)])
        assert spill.path.read_bytes() == before


def test_records_that_one_folder_cannot_hold_leave_nothing_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roomy = tmp_path / "roomy"
    roomy.mkdir()
    monkeypatch.setattr("llmrouter.store.spill._IN_MEMORY", str(roomy))
    with mounted(tmp_path / "disk", 1) as disk:
        monkeypatch.setattr("tempfile.tempdir", str(disk.folder))
        records = [answered(n, body=prompt(n)) for n in (2, 3, 4)]
        rescued = Spill(tmp_path / "ledger.spill").rescue(records)
        assert [*disk.folder.iterdir()] == []
    assert [*roomy.iterdir()] == [rescued]
