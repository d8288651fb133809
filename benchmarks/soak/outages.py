"""Ways in which a database goes away for a while, really."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager

from tests.postgres import PostgresServer

Outage = Callable[[], AbstractContextManager[None]]

_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


def of_file(path: str) -> Mapping[str, Outage]:
    """Of an SQLite file: another program has it."""

    @contextlib.contextmanager
    def locked() -> Iterator[None]:
        command = [sys.executable, "-c", _LOCK, path]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
            assert program.stdin is not None
            assert program.stdout is not None
            program.stdout.readline()
            yield
            program.stdin.close()

    return {"locked by another program": locked}


def of_server(server: PostgresServer) -> Mapping[str, Outage]:
    """Of a PostgreSQL server: gone, and there but silent."""
    return {"stopped": server.stopped, "frozen": server.frozen}
