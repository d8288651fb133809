"""Serving: Hypercorn, and the drain that it does not do by itself.

Hypercorn 0.18 ignores its grace period on Python 3.12 and later (`Server.wait_closed` waits for
every connection), so live exchanges are drained and cut here before Hypercorn is told to stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from llmrouter.pipeline.traffic import Drained, Traffic
from llmrouter.settings.values import HttpServer
from llmrouter.web.client import STALL_TIMEOUT_S
from llmrouter.web.lean import LeanConfig

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

BACKLOG = 2048
ACCEPTED_PER_TURN = 16
"""uvloop takes one connection off a listening descriptor in each turn of the event loop, so in a
burst each would wait for a turn of its own; of several descriptors it takes one each."""

HEADER_BYTES = 16 * 1024
KEEP_ALIVE_S = 20.0
"""An idle connection's time, and the time that slow headers get (Hypercorn has one clock)."""

CUT_GRACE_S = 2.0
"""After the drain: for cut streams to send their error event and reach the ledger."""

STOP_GRACE_S = 1.0


class PortUnavailable(Exception):
    """The address cannot be listened on; the message says why."""


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket that listens already, so that a taken port is known before anything else starts.

    With ``shared``, others of this user may listen there, too.  Raises `PortUnavailable`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _give_up_on_stalled_readers(sock)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        sock.close()
        raise PortUnavailable(f"{host}:{port} cannot be listened on: {error}") from error
    sock.setblocking(False)
    return sock


def allow_many_files() -> None:
    """Raises the number of files that may be open to what the system allows: every request takes
    two, and many shells and service managers allow 1024."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):  # macOS allows less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _give_up_on_stalled_readers(sock: socket.socket) -> None:
    """Connections inherit it: a peer that takes nothing for so long is reset by the kernel, which
    alone can give up what is buffered for it."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        limit_ms = round(STALL_TIMEOUT_S * 1000)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit_ms)


def _nobody_asked() -> None:
    """Nobody wants to know when signals are heard."""


async def serve(
    app: Callable[..., Any],
    sock: socket.socket,
    *,
    traffic: Traffic,
    drain_s: float,
    connections: HttpServer = "lean",
    ready: Callable[[], None] = _nobody_asked,
) -> Drained:
    """Serves until SIGTERM or SIGINT, then drains; a second signal cuts at once.

    The socket is taken over: afterwards it is closed.  ``connections`` says whose carry the
    requests; ``ready`` is called once a signal would be heard.
    """
    signals = asyncio.Queue[int]()
    stop = asyncio.Event()
    server = asyncio.create_task(
        hypercorn_serve(app, hypercorn_config(sock, connections), shutdown_trigger=stop.wait),
        name="hypercorn",
    )
    with _signals_into(signals):
        ready()
        asked = asyncio.create_task(signals.get(), name="first signal")
        await asyncio.wait([asked, server], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if server.done():
            server.result()
        drained = await _drain(traffic, signals, drain_s)
        await traffic.settled(CUT_GRACE_S)
        stop.set()
        await asyncio.wait([server], timeout=STOP_GRACE_S)
        server.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await server
    return drained


async def _drain(traffic: Traffic, signals: asyncio.Queue[int], drain_s: float) -> Drained:
    drain = asyncio.create_task(traffic.drain(drain_s), name="drain")
    again = asyncio.create_task(signals.get(), name="second signal")
    await asyncio.wait([drain, again], return_when=asyncio.FIRST_COMPLETED)
    again.cancel()
    if drain.done():
        return drain.result()
    drain.cancel()
    return await traffic.drain(0)


def hypercorn_config(sock: socket.socket, connections: HttpServer = "lean") -> Config:
    """How Hypercorn serves on a socket that listens, which from here on is Hypercorn's to close."""
    config = LeanConfig() if connections == "lean" else Config()
    others = [sock.dup().detach() for _ in range(ACCEPTED_PER_TURN - 1)]
    config.bind = [f"fd://{descriptor}" for descriptor in (sock.detach(), *others)]
    config.backlog = BACKLOG
    config.h11_max_incomplete_size = HEADER_BYTES
    config.keep_alive_timeout = KEEP_ALIVE_S
    config.graceful_timeout = STOP_GRACE_S
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn")
    return config


@contextlib.contextmanager
def _signals_into(queue: asyncio.Queue[int]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    handled = (signal.SIGTERM, signal.SIGINT)
    for number in handled:
        loop.add_signal_handler(number, queue.put_nowait, number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
