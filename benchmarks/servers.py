"""The processes that are measured, and what they cost."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_S = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """A process of ours that listens."""

    process: subprocess.Popen[bytes]
    port: int

    def wait(self) -> None:
        """Until it listens."""
        _wait_for(self.port)

    @property
    def cpu_s(self) -> float:
        """Processor time so far, the kernel's for it included."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def resident_mb(self) -> float:
        """Memory in use."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def upstream(module: str = "benchmarks.upstream") -> Iterator[Server]:
    """The provider."""
    port = _free_port()
    with _running([sys.executable, "-m", module, str(port)], dict(os.environ)) as p:
        _wait_for(port)
        yield Server(p, port)


@contextmanager
def router(
    provider: Server, folder: Path, combos: Mapping[str, Sequence[str]] | None = None
) -> Iterator[Server]:
    """The router with everything on, its ledger in ``folder``; not necessarily listening yet.

    ``combos`` are chains of models; beside ``lab``, the provider, there is ``gone``, where nobody
    listens.
    """
    port = _free_port()
    config = folder / "config.json"
    ports = {"lab": provider.port, "gone": _free_port()}
    document = {
        "routing": {"mode": "keywords"},
        "providers": {n: {"base_url": f"http://127.0.0.1:{p}/v1"} for n, p in ports.items()},
        "combos": {name: {"models": list(models)} for name, models in (combos or {}).items()},
    }
    config.write_text(json.dumps(document))
    ours = {"LLMROUTER_DATA_DIR": str(folder), "LLMROUTER_PORT": str(port)}
    # What stands in the environment may change how the router is built, not where it writes.
    environment = {**os.environ, "LLMROUTER_LOG_LEVEL": "error", **ours}
    command = [sys.executable, "-m", "llmrouter", "serve", "--config", str(config)]
    with _running(command, environment) as process:
        yield Server(process, port)


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise TimeoutError(f"nothing listens on port {port}")


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
