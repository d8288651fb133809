"""`llmrouter serve` as a process of its own, for what only a process can suffer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from llmrouter.store.engine import DatabaseAddress
from tests.ledger_file import LedgerFile
from tests.running import KEYS, Document, Line, ask

START_S = 60
"""Of a machine that is busy with other things."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server process; ``log`` fills with what it writes to standard error."""

    process: asyncio.subprocess.Process
    ledger: LedgerFile
    http: httpx.AsyncClient
    port: int
    log: Path

    def streaming(self, document: Mapping[str, Any]) -> Any:
        """A request whose reply is read piece by piece."""
        return self.http.stream("POST", "/v1/chat/completions", json=document)

    async def chat(self, model: str = "lab/fast") -> httpx.Response:
        """A chat request, its reply read whole."""
        return await self.http.post("/v1/chat/completions", json=ask(model=model))

    async def line(self) -> Line:
        """A connection of its own."""
        return Line(*await asyncio.open_connection("127.0.0.1", self.port))

    def tell(self, number: signal.Signals) -> None:
        """Sends a signal."""
        self.process.send_signal(number)

    @property
    def workers(self) -> list[int]:
        """The processes that it started."""
        own = self.process.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text()
        return [int(number) for number in children.split()]

    async def ended(self, within_s: float = 5) -> int:
        """The exit status."""
        async with asyncio.timeout(within_s):
            return await self.process.wait()


@contextlib.asynccontextmanager
async def served(
    database: DatabaseAddress, document: Document, folder: Path, **settings: str
) -> AsyncIterator[Served]:
    """A server on a free port; killed at the end if it still runs."""
    config = _written(document, folder)
    environment = {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        "LLMROUTER_PORT": "0",
        "LLMROUTER_DATA_DIR": str(folder),
        "LLMROUTER_DATABASE_URL": database.url.render_as_string(hide_password=False),
        **KEYS,
        **settings,
    }
    log = folder / "log"
    with log.open("ab") as written:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "llmrouter", "serve", "--config", str(config)),
            env=environment,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=written,
        )
    assert process.stdout is not None
    try:
        found = None
        async with asyncio.timeout(START_S):
            while found is None:
                greeting = (await process.stdout.readline()).decode()
                assert greeting, log.read_text()
                found = re.search(r"http://127\.0\.0\.1:(\d+)", greeting)
        port = int(found[1])
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False
        ) as http:
            yield Served(process, LedgerFile(database), http, port, log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        # The transport is closed with its last pipe; otherwise the next test is blamed for it.
        await process.stdout.read()


def _written(document: Document, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    config = folder / "router_config.json"
    config.write_text(json.dumps(document))
    return config
