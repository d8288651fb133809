"""The processes that are measured, and what they cost."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_S = 30.0
STOP_S = 20.0
MAX_REQUESTS = 5_000
FILES_EACH = 2
"""What a request in flight has open in the router: the client's connection and the provider's."""


@dataclass(frozen=True, slots=True)
class Server:
    """A process that listens, and when it was started (of the monotonic clock)."""

    process: subprocess.Popen[bytes]
    port: int
    begun: float

    def wait(self) -> None:
        """Until it listens."""
        _wait_for(self.port)

    @property
    def cpu_s(self) -> float:
        """Processor time so far, the kernel's for it included, and that of its processes."""
        return sum(map(_cpu_s, _family(self.process.pid)))

    @property
    def worked_s(self) -> float:
        """The same by the kernel's clock of that process, to the microsecond."""
        return time.clock_gettime(~self.process.pid << 3 | 2)  # how Linux numbers such clocks

    @property
    def resident_mb(self) -> float:
        """Memory in use."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def upstream(module: str = "benchmarks.upstream") -> Iterator[Server]:
    """The provider."""
    port = free_port()
    command = [sys.executable, "-m", module, str(port)]
    with running(command, port, os.environ) as provider:
        provider.wait()
        yield provider


@contextmanager
def router(
    provider: Server,
    folder: Path,
    combos: Mapping[str, Sequence[str]] | None = None,
    *,
    processor: int | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """The router with everything on, its ledger in ``folder``; not necessarily listening yet.

    ``combos`` are chains of models; beside ``lab``, the provider, there is ``gone``, where nobody
    listens.  ``settings`` are further variables of its environment.
    """
    port = free_port()
    config = folder / "config.json"
    ports = {"lab": provider.port, "gone": free_port()}
    document = {
        "routing": {"mode": "keywords"},
        "providers": {n: {"base_url": f"http://127.0.0.1:{p}/v1"} for n, p in ports.items()},
        "combos": {name: {"models": list(models)} for name, models in (combos or {}).items()},
    }
    config.write_text(json.dumps(document))
    ours = {"LLMROUTER_DATA_DIR": str(folder), "LLMROUTER_PORT": str(port)}
    usual = {"LLMROUTER_MAX_REQUESTS": str(MAX_REQUESTS), "LLMROUTER_LOG_LEVEL": "error"}
    # What stands in the environment may change how the router is built, not where it writes.
    environment = {**usual, **os.environ, **ours, **(settings or {})}
    command = [sys.executable, "-m", "llmrouter"]
    # A ledger is made once; what is measured is every start after that.
    subprocess.run([*command, "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)
    command += ["serve", "--config", str(config)]
    with running(command, port, environment, processor=processor) as server:
        yield server


@contextmanager
def running(
    command: Sequence[str],
    port: int,
    environment: Mapping[str, str],
    *,
    processor: int | None = None,
    quiet: bool = False,
) -> Iterator[Server]:
    """A process until the block ends, on one processor where one is given."""
    usual = os.sched_getaffinity(0)
    if processor is not None:
        os.sched_setaffinity(0, {processor})  # a child inherits it, with all its threads
    try:
        begun = time.monotonic()
        errors = subprocess.DEVNULL if quiet else None
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=errors
        )
    finally:
        os.sched_setaffinity(0, usual)
    try:
        yield Server(process, port, begun)
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def allow_files() -> None:
    """Lets this process, and what it starts, have as many connections as the machine allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(MAX_REQUESTS * FILES_EACH, most), most))


@contextmanager
def one_processor_left() -> Iterator[int | None]:
    """The processor for what is measured: this process, and what it starts, keep off it.

    None when there is only one.
    """
    usual = os.sched_getaffinity(0)
    measured = max(usual) if len(usual) > 1 else None
    os.sched_setaffinity(0, usual - {measured} if len(usual) > 1 else usual)
    try:
        yield measured
    finally:
        os.sched_setaffinity(0, usual)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _family(process: int) -> Iterator[int]:
    """A process and those that its main thread has started."""
    yield process
    for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
        yield from _family(int(child))


def _cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise TimeoutError(f"nothing listens on port {port}")
