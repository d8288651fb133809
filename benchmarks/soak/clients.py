"""Clients of every dialect, who ask without end, sometimes leave early, and note what they got."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PATIENCE_S = 20.0
LEAVES = 0.05
"""The share of clients who do not wait for the end."""

TOOLS: Mapping[str, Any] = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {}}},
}
TEXTS = ("Hello there", "Write a Python function that sorts", "Why is the sky blue? Think hard")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: where it goes, what it says, and by what a whole reply is known."""

    path: str
    document: Mapping[str, Any]
    mark: bytes

    def written(self, name: str) -> bytes:
        """As it goes onto the wire, with the client's own name for it."""
        body = json.dumps(self.document).encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            f"x-request-id: {name}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def any_ask(chance: random.Random) -> Ask:
    """A request in some dialect, streamed or not, with tools or without."""
    stream = chance.random() < 0.5
    text = f"{chance.choice(TEXTS)} ({chance.random():.6f})"
    messages = [{"role": "user", "content": text}]
    chat = {"model": "mixed", "messages": messages, "stream": stream}
    match chance.choice(
        ("openai", "openai", "tools", "anthropic", "responses", "gemini", "ollama")
    ):
        case "anthropic":
            mark = b"message_stop" if stream else b'"stop_reason"'
            return Ask("/v1/messages", {**chat, "max_tokens": 100}, mark)
        case "responses":
            mark = b"response.completed" if stream else b'"completed"'
            document = {"model": "mixed", "input": text, "stream": stream}
            return Ask("/v1/responses", document, mark)
        case "gemini":
            verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
            contents = [{"role": "user", "parts": [{"text": text}]}]
            return Ask(f"/v1beta/models/mixed:{verb}", {"contents": contents}, b'"finishReason"')
        case "ollama":
            return Ask("/api/chat", chat, b'"done":true')
        case kind:
            document = {**chat, "tools": [TOOLS]} if kind == "tools" else chat
            mark = b"data: [DONE]" if stream else b'"finish_reason"'
            return Ask("/v1/chat/completions", document, mark)


@dataclass(slots=True)
class Told:
    """What clients were told.  ``whole`` are the ids of replies that came in full."""

    whole: set[str] = field(default_factory=set)
    statuses: dict[int, int] = field(default_factory=dict)
    asked: int = 0
    left: int = 0
    cut: int = 0


class Clients:
    """So many clients, each with a connection of its own, until they are told to stop."""

    def __init__(self, port: int, count: int, seed: int) -> None:
        self.told = Told()
        self._port = port
        self._chances = [random.Random(f"{seed}/{n}") for n in range(count)]
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Lets them ask."""
        self._stop.clear()
        self._tasks = [asyncio.create_task(self._ask_on(chance)) for chance in self._chances]

    async def end(self) -> None:
        """Waits until each has its last reply, and closed its connection."""
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def _ask_on(self, chance: random.Random) -> None:
        while not self._stop.is_set():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**22)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            try:
                await self._keep_asking(reader, writer, chance)
            except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
                self.told.cut += 1
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    async def _keep_asking(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chance: random.Random
    ) -> None:
        while not self._stop.is_set():
            ask = any_ask(chance)
            self.told.asked += 1
            writer.write(ask.written(f"soak-{self.told.asked}"))
            if chance.random() < LEAVES:
                await asyncio.sleep(chance.random() * 0.05)
                self.told.left += 1
                return
            async with asyncio.timeout(PATIENCE_S):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
                body = await _body(reader, headers)
            status = int(head[9:12])
            self.told.statuses[status] = self.told.statuses.get(status, 0) + 1
            if status == 200 and ask.mark in body:
                self.told.whole.add(headers["x-llmrouter-request-id"])
            elif status == 503:
                await asyncio.sleep(0.05)
            if headers.get("connection") == "close":
                return


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body
