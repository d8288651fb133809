"""A provider that fails in every way, by chance: ``python -m benchmarks.soak.provider PORT SEED``.

The model ``steady`` is always answered well, ``flaky`` two times in three, ``doomed`` never.  A
line with the number of calls so far is written for each SIGUSR1.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

STALL_S = 3.0
"""Longer than the router waits for the next token."""

WORDS = ("All", " is", " well", " on", " this", " side", " of", " the", " wire", ".")
TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
USAGE = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}

Request = Mapping[str, Any]
Write = Callable[[bytes], Awaitable[None]]
Fault = Callable[[Write, Request], Awaitable[None]]


class Broken(Exception):
    """The connection is closed here."""


async def good(write: Write, request: Request, *, pause_s: float = 0.0) -> None:
    """A whole answer, streamed if it was asked for so."""
    if not request.get("stream"):
        await write(_whole(200, _completion(request)))
        return
    await write(_STREAM_HEAD)
    for event in _events(request):
        await write(_chunk(event))
        await asyncio.sleep(pause_s)
    await write(b"0\r\n\r\n")


async def slow(write: Write, request: Request) -> None:
    """Good, but not at once."""
    await good(write, request, pause_s=0.05)


async def cut(write: Write, request: Request) -> None:
    """Half an answer."""
    if request.get("stream"):
        await write(_STREAM_HEAD)
        for event in _events(request)[:4]:
            await write(_chunk(event))
    else:
        await write(_whole(200, _completion(request))[:-20])
    raise Broken


async def stall(write: Write, request: Request) -> None:
    """The beginning of an answer, and silence."""
    if request.get("stream"):
        await write(_STREAM_HEAD)
        for event in _events(request)[:3]:
            await write(_chunk(event))
    await asyncio.sleep(STALL_S)
    raise Broken


async def garbage(write: Write, request: Request) -> None:
    """A good status, and no JSON."""
    await write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n")
    await write(b"<html>\xff\n\n")


async def error_inside(write: Write, request: Request) -> None:
    """An error with a good status."""
    await write(_whole(200, {"error": {"message": "overloaded", "code": 529}}))


async def drop(write: Write, request: Request) -> None:
    """Nothing."""
    raise Broken


def refusal(status: int, *headers: str) -> Fault:
    """An error with its status."""

    async def refuse(write: Write, request: Request) -> None:
        await write(_whole(status, {"error": {"message": f"simulated {status}"}}, *headers))

    return refuse


FAULTS: tuple[Fault, ...] = (
    slow,
    cut,
    stall,
    garbage,
    error_inside,
    drop,
    refusal(500),
    refusal(503),
    refusal(429, "retry-after: 1"),
)


class Provider:
    """Serves connections, one request after the other."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.calls = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def write(data: bytes) -> None:
            writer.write(data)
            await writer.drain()

        with contextlib.suppress(OSError, asyncio.IncompleteReadError, Broken):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
                request = json.loads(await reader.readexactly(int(length or b"0")) or b"{}")
                self.calls += bool(request)
                await self._script(request)(write, request)
        writer.close()

    def _script(self, request: Request) -> Fault:
        match request.get("model"):
            case "doomed":
                return refusal(500)
            case "flaky" if self._chance.random() < 1 / 3:
                return self._chance.choice(FAULTS)
            case _:
                return good


def _completion(request: Request) -> dict[str, Any]:
    calls = "tools" in request
    message = {"role": "assistant", "content": None if calls else "".join(WORDS)}
    choice = {
        "index": 0,
        "message": {**message, "tool_calls": [TOOL_CALL]} if calls else message,
        "finish_reason": "tool_calls" if calls else "stop",
    }
    named = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "soak"}
    return {**named, "choices": [choice], "usage": USAGE}


def _events(request: Request) -> list[bytes]:
    calls = "tools" in request
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if calls:
        deltas.append({"tool_calls": [{"index": 0, **TOOL_CALL}]})
    else:
        deltas += [{"content": word} for word in WORDS]
    named = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "soak"}
    choices: list[dict[str, Any]] = [
        {"index": 0, "delta": delta, "finish_reason": None} for delta in deltas
    ]
    choices.append({"index": 0, "delta": {}, "finish_reason": "tool_calls" if calls else "stop"})
    documents: list[dict[str, Any]] = [{**named, "choices": [choice]} for choice in choices]
    documents.append({**named, "choices": [], "usage": USAGE})
    return [b"data: %b\n\n" % json.dumps(d).encode() for d in documents] + [b"data: [DONE]\n\n"]


def _whole(status: int, document: Mapping[str, Any], *headers: str) -> bytes:
    body = json.dumps(document).encode()
    head = [f"HTTP/1.1 {status} Simulated", "content-type: application/json", *headers]
    return "\r\n".join([*head, f"content-length: {len(body)}", "", ""]).encode() + body


def _chunk(event: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event), event)


_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)


async def main(port: int, seed: int) -> None:
    """Serves until it is killed."""
    provider = Provider(random.Random(seed))
    tell = asyncio.get_running_loop().add_signal_handler
    tell(signal.SIGUSR1, lambda: print(provider.calls, flush=True))
    server = await asyncio.start_server(provider.serve, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
