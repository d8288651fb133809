"""A whole router in the test's event loop: on a real socket, on a real database, with fake keys.

    async with Provider() as provider, running_router(database, lab(provider)) as router:
        reply = await router.chat("Hello")                  # httpx, kept-alive connections
        assert reply.status_code == 200
        story = router.ledger.story(reply)                  # rows and events, read by plain SQL
        assert story.request["ending"] == "completed"

`lab` makes a configuration document whose provider ``lab`` is a `Provider`; the key that it is
called with is `LAB_KEY`.  `Line` is a client on a bare socket, for what httpx is too polite to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from hypercorn.asyncio import serve

from llmrouter.bootstrap.joining import Router
from llmrouter.bootstrap.running import running
from llmrouter.core.clock import Clock
from llmrouter.settings import Keyring, read_settings
from llmrouter.store.engine import DatabaseAddress
from llmrouter.web.serve import hypercorn_config, listen
from tests.ledger_file import LedgerFile
from tests.provider import Provider

LAB_KEY = "planted-lab-key-0f9e8d7c6b5a"
SPARE_KEY = "planted-spare-key-1a2b3c4d5e6f"
KEYS: Mapping[str, str] = {"LAB_API_KEY": LAB_KEY, "SPARE_API_KEY": SPARE_KEY}

ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""For what stands above the store, whose own tests are for both kinds of databases."""

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunningRouter:
    """A router that serves; ``http`` is a client of it, without any key."""

    router: Router
    ledger: LedgerFile
    http: httpx.AsyncClient
    port: int

    async def chat(self, text: str = "Hello", model: str = "lab/fast", **members: Any) -> Reply:
        """A chat request, its reply read whole."""
        return await self.http.post("/v1/chat/completions", json=ask(text, model, **members))

    def streaming(self, text: str = "Hello", model: str = "lab/fast", **members: Any) -> Streamed:
        """A streamed chat request; a context manager that gives the reply."""
        document = ask(text, model, stream=True, **members)
        return self.http.stream("POST", "/v1/chat/completions", json=document)

    async def line(self) -> Line:
        """A connection of its own."""
        return Line(*await asyncio.open_connection("127.0.0.1", self.port))

    async def settled(self) -> None:
        """Waits until every request is over and in the ledger."""
        async with asyncio.timeout(5):
            await self.router.traffic.settled(5)
        assert len(self.router.traffic) == 0

    async def under_way(self, requests: int = 1) -> None:
        """Waits until so many requests have reached the pipeline."""
        await eventually(lambda: len(self.router.traffic) >= requests)

    def breaker(self, target: str) -> str:
        """A breaker's position in memory."""
        state = self.router.services.availability.breakers.get(target)
        return state.position if state else "closed"


Reply = httpx.Response
Streamed = contextlib.AbstractAsyncContextManager[httpx.Response]


@contextlib.asynccontextmanager
async def running_router(
    database: DatabaseAddress,
    document: Document,
    *,
    keys: Mapping[str, str] = KEYS,
    clock: Clock | None = None,
    config_file: Path | None = None,
    data_dir: Path | None = None,
    **settings: object,
) -> AsyncIterator[RunningRouter]:
    """A router on this database, whose running configuration is the document; without a
    ``data_dir`` it is another installation than all others."""
    async with contextlib.AsyncExitStack() as stack:
        folder = data_dir or stack.enter_context(tempfile.TemporaryDirectory())
        url = database.url.render_as_string(hide_password=False)
        with patch.dict(os.environ, clear=True):
            read = read_settings(env_file=None, data_dir=folder, database_url=url, **settings)
        router = await stack.enter_async_context(
            running(read, Keyring(keys), config_file=config_file, clock=clock)
        )
        active = router.services.configuration
        if config_file is None and document != active.version.document:
            await active.replace(document, author="test")
        sock = listen("127.0.0.1", 0)
        port = int(sock.getsockname()[1])
        stop = asyncio.Event()
        config = hypercorn_config(sock, read.http_server)
        serving = serve(router.front, config, shutdown_trigger=stop.wait)
        server = asyncio.create_task(serving)
        # Unverified, because reading the authorities' certificates takes 20 ms and nobody asks.
        http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False, verify=False
        )
        try:
            yield RunningRouter(router, LedgerFile(database), http, port)
        finally:
            await http.aclose()
            await router.traffic.drain(0)
            await router.traffic.settled(5)
            stop.set()
            await server


def lab(
    provider: Provider, *, routes: Mapping[str, Sequence[str]] | None = None, **sections: Any
) -> Document:
    """A document with the provider under two names, each with a key of its own, and combos.

    Costs of ``lab/fast`` are known: 1 and 2 dollars per million tokens.
    """
    addresses = {"base_url": provider.base_url}
    document: dict[str, Any] = {
        "routing": {"mode": "keywords", "report_cost_in_usage": False},
        "providers": {
            "lab": {**addresses, "api_key_env": "LAB_API_KEY"},
            "spare": {**addresses, "api_key_env": "SPARE_API_KEY"},
        },
        "prices": {"lab/fast": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}},
        "combos": {name: {"models": list(models)} for name, models in (routes or {}).items()},
    }
    return {**document, **sections}


def ask(text: str = "Hello", model: str = "lab/fast", **members: Any) -> dict[str, Any]:
    """A chat request's document."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **members}


async def eventually(
    condition: Callable[[], bool] | Callable[[], Awaitable[bool]], within_s: float = 5
) -> None:
    """Waits for what tells nobody that it has happened."""
    async with asyncio.timeout(within_s):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.005)


@dataclass(slots=True)
class Line:
    """A client's end of a connection: it writes bytes and reads what comes.  `leave` it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    received: bytearray = field(default_factory=bytearray)

    async def post(
        self,
        body: bytes | Mapping[str, Any],
        path: str = "/v1/chat/completions",
        *,
        length: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Sends a request; with a ``length`` beyond the body's it remains incomplete."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = {
            "host": "127.0.0.1",
            "content-type": "application/json",
            "content-length": str(len(data) if length is None else length),
            **(headers or {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.writer.write(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + data)
        await self.writer.drain()

    async def until(self, mark: bytes) -> bytes:
        """Reads until the mark, and gives everything up to its end."""
        async with asyncio.timeout(5):
            while (at := self.received.find(mark)) < 0:
                data = await self.reader.read(65_536)
                assert data, f"closed after {bytes(self.received)!r}"
                self.received += data
        at += len(mark)
        found = bytes(self.received[:at])
        del self.received[:at]
        return found

    async def reply(self) -> tuple[int, dict[str, str], bytes]:
        """A whole reply with a content-length: status, headers, body."""
        head = (await self.until(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.split(":", 1) for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, value in pairs}
        length = int(headers["content-length"])
        while len(self.received) < length:
            data = await self.reader.read(65_536)
            assert data, "closed in the middle of a body"
            self.received += data
        body = bytes(self.received[:length])
        del self.received[:length]
        return int(head[0].split(" ")[1]), headers, body

    async def rest(self) -> bytes:
        """Everything until the other side closes."""
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                while data := await self.reader.read(65_536):
                    self.received += data
        return bytes(self.received)

    def leave(self) -> None:
        """Closes the connection without a word."""
        self.writer.transport.abort()
