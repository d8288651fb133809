"""Several processes that serve one port, and the supervisor that keeps them running.

Each worker has a listening socket of its own on the same port (SO_REUSEPORT), among which the
kernel spreads connections evenly; with one socket for all, whoever wakes first would take what
there is.  The supervisor keeps the sockets open: connections that a dead worker had not accepted
wait for the one that comes after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from llmrouter.web.serve import listen

STEADY_S: Final = 10.0
"""A worker that lived for so long is started again at once."""

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
KILL_AFTER_S: Final = 10.0
"""After the second signal."""


class Launch(NamedTuple):
    """How a worker is started.

    It writes one line to its standard output once it takes requests, drains when it is told to by
    SIGTERM or when its standard input ends, and ends at once when it is told so again.
    """

    command: Sequence[str]
    environment: Mapping[str, str]


Prepare = Callable[[int, int], Launch]
"""By a worker's number (from 0) and the descriptor of its socket."""

_log = logging.getLogger(__name__)


class Port:
    """Listening sockets on one port, as many as one likes."""

    def __init__(self, host: str, port: int) -> None:
        """Raises `PortUnavailable`, also when others share the port already."""
        with listen(host, port) as alone:
            self.number: int = alone.getsockname()[1]
        self._host = host

    def listen(self) -> socket.socket:
        """One more socket.  Raises `PortUnavailable`."""
        return listen(self._host, self.number, shared=True)


def can_share_ports() -> bool:
    """Whether this system spreads connections over several sockets of one port."""
    return hasattr(socket, "SO_REUSEPORT")


class Supervisor:
    """Starts workers, starts those again that die, and ends with them."""

    def __init__(
        self, port: Port, count: int, prepare: Prepare, tell: Callable[[str], None]
    ) -> None:
        self._port = port
        self._count = count
        self._prepare = prepare
        self._tell = tell
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._signals: asyncio.Queue[int] = asyncio.Queue()
        self._stopping = asyncio.Event()
        self._were_ready: set[int] = set()
        self._all_ready = asyncio.Event()
        self._failed = False

    async def run(self, ready: Callable[[], None]) -> bool:
        """Runs until SIGTERM or SIGINT, which every worker is told, and a second one, too.

        ``ready`` is called once all workers take requests.  Whether everything ended in order:
        not so when a worker could not even start, which ends the others.
        """
        with self._hearing_signals():
            keeping = [asyncio.create_task(self._keep(n)) for n in range(self._count)]
            greeting = asyncio.create_task(self._greet(ready))
            stopping = asyncio.create_task(self._stop_when_told())
            await asyncio.gather(*keeping)
            greeting.cancel()
            stopping.cancel()
        return not self._failed

    async def _greet(self, ready: Callable[[], None]) -> None:
        await self._all_ready.wait()
        ready()

    async def _keep(self, number: int) -> None:
        pause_s = 0.0
        sock = self._port.listen()
        while not self._stopping.is_set():
            begun_s = time.monotonic()
            process = await self._start(number, sock)
            status = await self._attend(number, process)
            if self._stopping.is_set():
                # One that has not begun to listen for signals, or no longer does, ends by them.
                self._failed |= status not in (0, -signal.SIGTERM)
                break
            if number not in self._were_ready:
                self._give_up(number, status)
                break
            lived_s = time.monotonic() - begun_s
            pause_s = _next_pause_s(pause_s, lived_s)
            _log.error(
                "worker %d (process %d) %s after %.0f s; it is started again in %.1f s",
                number,
                process.pid,
                _how_it_ended(status),
                lived_s,
                pause_s,
            )
            if pause_s:
                sock.close()  # nobody is to wait for so long
                await self._pause(pause_s)
                sock = self._port.listen()
        sock.close()

    async def _start(self, number: int, sock: socket.socket) -> asyncio.subprocess.Process:
        launch = self._prepare(number, sock.fileno())
        process = await asyncio.create_subprocess_exec(
            *launch.command,
            env=launch.environment,
            stdin=asyncio.subprocess.PIPE,  # it ends with us, however we end
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(sock.fileno(),),
            start_new_session=True,  # Ctrl-C is for us to pass on
        )
        self._processes[number] = process
        if self._stopping.is_set():
            process.terminate()
        return process

    async def _attend(self, number: int, process: asyncio.subprocess.Process) -> int:
        """Until the worker's end; gives its status."""
        output = process.stdout
        while output is not None and (line := await output.readline()):
            self._were_ready.add(number)
            if len(self._were_ready) == self._count:
                self._all_ready.set()
            self._tell(f"worker {number} (process {process.pid}): {line.decode().rstrip()}")
        status = await process.wait()
        del self._processes[number]
        return status

    def _give_up(self, number: int, status: int) -> None:
        _log.error("worker %d %s before it was ready", number, _how_it_ended(status))
        self._failed = True
        self._stopping.set()
        self._send(signal.SIGTERM)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _stop_when_told(self) -> None:
        await self._signals.get()
        self._stopping.set()
        self._send(signal.SIGTERM)
        await self._signals.get()
        self._send(signal.SIGTERM)
        await asyncio.sleep(KILL_AFTER_S)
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        for process in list(self._processes.values()):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    @contextlib.contextmanager
    def _hearing_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        handled = (signal.SIGTERM, signal.SIGINT)
        for number in handled:
            loop.add_signal_handler(number, self._signals.put_nowait, number)
        try:
            yield
        finally:
            for number in handled:
                loop.remove_signal_handler(number)


def _next_pause_s(last_s: float, lived_s: float) -> float:
    """Before the next start: none, unless the worker does not stay alive."""
    if lived_s >= STEADY_S:
        return 0.0
    return min(max(2 * last_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)


def _how_it_ended(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
