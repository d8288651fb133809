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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

START_S = 60.0
STOP_S = 60.0
GREETING = b"llmrouter listens on"
"""Said once it takes requests, with all its workers."""
WORKER_GREETING = b"takes requests"

CONFIGURATION = {
    "routing": {"mode": "keywords"},
    "combos": {"mixed": {"models": ["lab/flaky", "lab/steady"]}},
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

    def start(self) -> None:
        """Starts it, and waits until it takes requests."""
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
            said = log.tell()
            self._process = subprocess.Popen(
                command, env={**os.environ, **ours}, stdout=log, stderr=log
            )
        self._await(GREETING, said)

    def kill(self, chance: random.Random) -> None:
        """Kills it, or one of its workers, which its supervisor starts again."""
        if self.workers == 1:
            self._process.kill()
            self._process.wait()
            self.start()
            return
        said = self._log.stat().st_size
        os.kill(chance.choice(self._workers()), signal.SIGKILL)
        self._await(WORKER_GREETING, said)

    @property
    def _log(self) -> Path:
        return self.folder / "router.log"

    def _await(self, words: bytes, said: int) -> None:
        """Waits for words in the log, behind what was said before."""
        deadline = time.monotonic() + START_S
        while words not in self._log.read_bytes()[said:]:
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
    def open_files(self) -> int:
        """Descriptors, connections included, all workers together."""
        return sum(len(list(Path(f"/proc/{p}/fd").iterdir())) for p in self._serving())

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
