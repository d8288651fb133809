"""The server that runs the scripts."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import suppress
from typing import Self

from tests.provider.scripts import answer, body
from tests.provider.wire import Script, Seen, Wire


class Provider:
    """The server; an asynchronous context manager."""

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, otherwise: Script | None = None
    ) -> None:
        """``otherwise`` is the script of every model that has none."""
        self.seen: list[Seen] = []
        self.connections = 0
        self._tls = tls
        self._otherwise = otherwise or answer()
        self._scripts: dict[str, list[Script]] = {}
        self._connection_scripts: list[Script] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._change = asyncio.Condition()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def base_url(self) -> str:
        """Up to and including ``/v1``."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/v1"

    def on(self, model: str, *scripts: Script) -> None:
        """Sets what is done with requests for a model."""
        self._scripts[model] = list(scripts)

    def on_connect(self, *scripts: Script) -> None:
        """Sets what is done with the next connections, one script each, before they are read.

        Their `Seen` is empty.
        """
        self._connection_scripts = list(scripts)

    async def arrived(self, requests: int) -> Seen:
        """Waits until so many requests have been seen in all, and gives the last of these."""
        async with self._change, asyncio.timeout(10):
            await self._change.wait_for(lambda: len(self.seen) >= requests)
        return self.seen[requests - 1]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", 0, ssl=self._tls, backlog=512
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection, nth = self.connections, 0
        wire = Wire(writer)
        if self._connection_scripts:
            await self._connection_scripts.pop(0)(wire, Seen("", "", {}, b"", connection, 0))
        while not wire.is_closed:
            nth += 1
            seen = await _read_request(reader, connection, nth)
            async with self._change:
                self.seen.append(seen)
                self._change.notify_all()
            await _run(self._script_for(seen), wire, seen, reader)

    def _script_for(self, seen: Seen) -> Script:
        if seen.path.endswith("/models"):
            listed = [{"id": model, "object": "model"} for model in self._scripts]
            return body(json.dumps({"object": "list", "data": listed}).encode())
        scripts = self._scripts.get(seen.model, [])
        if not scripts:
            return self._otherwise
        return scripts.pop(0) if len(scripts) > 1 else scripts[0]


async def _run(script: Script, wire: Wire, seen: Seen, reader: asyncio.StreamReader) -> None:
    """Runs a script until it has ended or the client has gone."""
    running = asyncio.ensure_future(script(wire, seen))
    leaving = asyncio.create_task(_wait_for_end(reader))
    try:
        await asyncio.wait({running, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        else:
            seen.gone.set()
            wire.is_closed = True
    finally:
        for task in (running, leaving):
            task.cancel()
        await asyncio.gather(running, leaving, return_exceptions=True)


async def _wait_for_end(reader: asyncio.StreamReader) -> None:
    """Returns when the client has closed; clients of ours send nothing before they are answered."""
    with suppress(ConnectionError):
        while await reader.read(1):
            pass


async def _read_request(reader: asyncio.StreamReader, connection: int, nth: int) -> Seen:
    start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    method, path, _ = start.split(" ")
    pairs = (line.split(":", 1) for line in lines)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    data = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(method, path, headers, data, connection, nth)
