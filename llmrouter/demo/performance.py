"""The whole demo: simulated providers, a router on a temporary ledger, the tour, then serving."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from llmrouter.bootstrap.joining import Router
from llmrouter.bootstrap.running import running
from llmrouter.demo.cast import document, providers
from llmrouter.demo.page import Page
from llmrouter.demo.tour import Tour
from llmrouter.settings import Keyring, Settings
from llmrouter.web.serve import PortUnavailable, listen, serve

HOST = "127.0.0.1"
DRAIN_S = 2.0
DATABASE = "llmrouter.db"


async def perform(page: Page, *, port: int, once: bool) -> None:
    """Runs the demo until it is told to stop by a signal; ``once``: until the tour's end."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    async with AsyncExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="llmrouter-demo-"))
        folder = Path(name)
        sock = _listen(page, port)
        stack.callback(sock.close)
        base_urls = {
            name: await stack.enter_async_context(provider.serving())
            for name, provider in providers().items()
        }
        # Without the environment, .env and the keys: nothing of the user's is read or used.
        settings = Settings.model_construct(host=HOST, port=port, data_dir=folder)
        router = await stack.enter_async_context(
            running(settings, Keyring({}), config_file=_config_file(folder, base_urls))
        )
        base_url = f"http://{HOST}:{sock.getsockname()[1]}"
        await _serve(page, router, sock, Tour(page, base_url, folder / DATABASE), once=once)


async def _serve(
    page: Page, router: Router, sock: socket.socket, tour: Tour, *, once: bool
) -> None:
    """Serves, and guides through it; a signal ends both."""
    serving = asyncio.create_task(
        serve(router.front, sock, traffic=router.traffic, drain_s=DRAIN_S), name="serve"
    )
    touring = asyncio.create_task(tour.run(), name="tour")
    await asyncio.wait([serving, touring], return_when=asyncio.FIRST_COMPLETED)
    if not router.traffic.draining:
        touring.result()
        if once:
            signal.raise_signal(signal.SIGTERM)  # the one way to stop that `serve` knows
        else:
            page.line()
            page.line(page.paint("Serving until Ctrl-C.", "bold"))
    router.drained = await serving
    touring.cancel()
    await asyncio.gather(touring, return_exceptions=True)  # a signal cut it short: no matter how
    page.line("The demo is over; its ledger is removed.")


def _listen(page: Page, port: int) -> socket.socket:
    """The wanted port, or a free one, which is said."""
    try:
        return listen(HOST, port)
    except PortUnavailable:
        sock = listen(HOST, 0)
        taken = sock.getsockname()[1]
        page.line(page.paint(f"Port {port} is taken; the demo uses {taken}.", "yellow"))
        return sock


def _config_file(folder: Path, base_urls: Mapping[str, str]) -> Path:
    path = folder / "demo.json"
    path.write_text(json.dumps(document(base_urls)), encoding="utf-8")
    return path
