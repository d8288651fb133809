"""The processes of a soak: the provider that fails, and the router that is killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.soak.descriptors import open_in

START_S = 180.0
STOP_S = 120.0
GREETING = b"llmrouter listens on"
"""Said once it takes requests, with all its workers."""
WORKER_GREETING = b"takes requests"

ONE_ALONE = 0.3
"""The share of kills, of several workers, that hit a single one."""

WHILE_STARTING = 0.1
"""The share of kills after which the next start is killed, too, which is not counted."""
STARTING_S = 1.5

CONFIGURATION = {
    "routing": {"mode": "keywords"},
    "combos": {
        "mixed": {"models": ["lab/flaky", "lab/steady"]},
        "doomed": {"models": ["lab/doomed", "lab/steady"]},
    },
    "models": {"lab/doomed": {"breaker": {"recovery_timeout_s": 300}}},
    "breaker": {"recovery_timeout_s": 2},
    "timeouts": {"connect_s": 2, "headers_s": 2, "first_token_s": 2, "idle_s": 2, "total_s": 15},
}


@dataclass(slots=True)
class Router:
    """``llmrouter serve``, started again after every end."""

    folder: Path
    port: int
    provider_port: int
    database_url: str
    workers: int = 1
    _process: subprocess.Popen[bytes] = field(init=False)
    _said: int = field(init=False, default=0)

    def start(self) -> None:
        """Starts it, and waits until it takes requests."""
        self._begin()
        self._await(GREETING)

    def kill(self, chance: random.Random) -> None:
        """Kills it at some moment, and has it running again.

        Sometimes again while it starts; of several workers sometimes one alone, which its
        supervisor starts again.
        """
        if self.workers > 1 and chance.random() < ONE_ALONE:
            self.kill_one(chance)
            self.await_return()
            return
        self._kill_all()
        while chance.random() < WHILE_STARTING:
            self._begin()
            time.sleep(STARTING_S * chance.random())
            self._kill_all()
        self.start()

    def kill_one(self, chance: random.Random) -> None:
        """Kills a worker, or the only process."""
        self._said = self._log.stat().st_size
        if self.workers == 1:
            self._kill_all()
        else:
            os.kill(chance.choice(self._workers()), signal.SIGKILL)

    def await_return(self) -> None:
        """After `kill_one`: has as many processes as before, and waits until they take requests."""
        if self.workers == 1:
            self.start()
        else:
            self._await(WORKER_GREETING)

    def _begin(self) -> None:
        config = self.folder / "config.json"
        lab = {
            "base_url": f"http://127.0.0.1:{self.provider_port}/v1",
            "api_key_env": "LAB_API_KEY",
        }
        config.write_text(json.dumps({**CONFIGURATION, "providers": {"lab": lab}}))
        ours = {
            "LLMROUTER_DATA_DIR": str(self.folder),
            "LLMROUTER_DATABASE_URL": self.database_url,
            "LLMROUTER_PORT": str(self.port),
            "LLMROUTER_LOG_LEVEL": "warning",
            "LAB_API_KEY": "soak",
        }
        command = [sys.executable, "-m", "llmrouter", "serve", "--config", str(config)]
        if self.workers > 1:
            command += ["--workers", str(self.workers)]
        with self._log.open("ab") as log:
            self._said = log.tell()
            self._process = subprocess.Popen(
                command, env={**os.environ, **ours}, stdout=log, stderr=log
            )

    def _kill_all(self) -> None:
        """Every process at once, as a machine does that fails."""
        workers = self._workers() if self.workers > 1 else []
        for process in (self._process.pid, *workers):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()

    @property
    def _log(self) -> Path:
        return self.folder / "router.log"

    def _await(self, words: bytes) -> None:
        """Waits for words in the log, behind what was said before the last start or end."""
        deadline = time.monotonic() + START_S
        while words not in self._log.read_bytes()[self._said :]:
            if (status := self._process.poll()) is not None:
                raise RuntimeError(f"the router ended with status {status}; see {self._log}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"the router does not start; see {self._log}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends it in order.  Raises ``RuntimeError`` when it does not end so."""
        self._process.terminate()
        status = self._process.wait(STOP_S)
        if status != 0:
            raise RuntimeError(f"the router ended with status {status} after SIGTERM")

    def end(self) -> None:
        """Leaves nothing running, whatever happened."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    @property
    def resident_mb(self) -> float:
        """Memory in use, all workers together."""
        page = os.sysconf("SC_PAGE_SIZE")
        pages = [int(Path(f"/proc/{p}/statm").read_text().split()[1]) for p in self._serving()]
        return sum(pages) * page / 1e6

    @property
    def open_files(self) -> Counter[str]:
        """Descriptors by kind, connections included, all workers together."""
        files: Counter[str] = Counter()
        for process in self._serving():
            files += open_in(process, serves=self.port)
        return files

    def is_ledgers(self, kind: str) -> bool:
        """Whether open files of this kind are the database's."""
        if self.database_url.startswith("sqlite"):
            path = self.database_url.partition("///")[2]
            return kind.removesuffix("-wal").removesuffix("-shm") == Path(path).name
        port = urlsplit(self.database_url).port
        return kind == ("local socket" if port is None else f"connection to port {port}")

    @property
    def in_flight(self) -> int:
        """Requests under way, as the router itself counts them."""
        address = f"http://127.0.0.1:{self.port}/metrics/prometheus"
        with urllib.request.urlopen(address, timeout=30) as reply:
            for line in reply.read().decode().splitlines():
                if line.startswith("llmrouter_requests_in_flight"):
                    return int(float(line.rpartition(" ")[2]))
        raise RuntimeError("/metrics/prometheus does not say how many requests are in flight")

    def _serving(self) -> list[int]:
        return self._workers() if self.workers > 1 else [self._process.pid]

    def _workers(self) -> list[int]:
        pid = self._process.pid
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@dataclass(frozen=True, slots=True)
class Provider:
    """`benchmarks.soak.provider` as a process."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def calls(self) -> int:
        """How many it was sent."""
        self.process.send_signal(signal.SIGUSR1)
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())


@contextmanager
def provider(port: int, seed: int) -> Iterator[Provider]:
    """The provider, for as long as the block lasts."""
    command = [sys.executable, "-m", "benchmarks.soak.provider", str(port), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield Provider(process, port)
        finally:
            process.kill()
