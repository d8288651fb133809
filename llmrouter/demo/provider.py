"""Simulated providers: small HTTP servers that answer like OpenAI-compatible ones.

They invent nothing that a provider would not send: completions, streams, tool calls, usage, and
for one of them a 503 every time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson

from llmrouter.core.records import Record

WORDS_PER_CHUNK = 3
_STATUS_LINES = {200: "200 OK", 404: "404 Not Found", 503: "503 Service Unavailable"}


class SimulatedModel(Record):
    """How one model behaves.  ``latency_s`` passes before its first token."""

    latency_s: float
    answer: str
    healthy: bool = True


class SimulatedProvider:
    """Serves some models on a free loopback port."""

    def __init__(self, models: Mapping[str, SimulatedModel]) -> None:
        self._models = models
        self._count = 0

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """The base URL, for as long as the block lasts."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                body = await _read_body(reader)
                await self._answer(orjson.loads(body), writer)
        writer.close()

    async def _answer(self, request: Mapping[str, Any], writer: asyncio.StreamWriter) -> None:
        name = request["model"]
        model = self._models.get(name)
        if model is None:
            await _send_error(writer, 404, f"there is no model {name}", "model_not_found")
            return
        if not model.healthy:
            await _send_error(writer, 503, "the model is overloaded", "overloaded")
            return
        await asyncio.sleep(model.latency_s)
        self._count += 1
        completion = _completion(request, model, f"chatcmpl-sim-{self._count:04d}")
        if request.get("stream"):
            await _send_stream(writer, completion)
        else:
            await _send_json(writer, 200, completion)


async def _read_body(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return await reader.readexactly(length)


def _completion(
    request: Mapping[str, Any], model: SimulatedModel, completion_id: str
) -> dict[str, Any]:
    """A whole completion: a call of the first tool when there are tools, text otherwise."""
    tools = request.get("tools")
    message: dict[str, Any] = {"role": "assistant", "content": model.answer}
    if tools:
        function = {"name": tools[0]["function"]["name"], "arguments": '{"city":"Paris"}'}
        message = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_sim_1", "type": "function", "function": function}],
        }
    prompt_tokens = len(orjson.dumps(request["messages"])) // 4
    completion_tokens = len(orjson.dumps(message)) // 4
    return {
        "id": completion_id,
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": request["model"],
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": "tool_calls" if tools else "stop",
            }
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }


def _chunks(completion: Mapping[str, Any]) -> list[dict[str, Any]]:
    choice = completion["choices"][0]
    message = choice["message"]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if message["content"] is None:
        calls = [{"index": 0, **call} for call in message["tool_calls"]]
        deltas.append({"tool_calls": calls})
    else:
        words = message["content"].split(" ")
        for start in range(0, len(words), WORDS_PER_CHUNK):
            text = " ".join(words[start : start + WORDS_PER_CHUNK])
            deltas.append({"content": text if start == 0 else " " + text})
    base = {k: completion[k] for k in ("id", "created", "model")}
    base["object"] = "chat.completion.chunk"
    chunks = [
        {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    ending = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}
    chunks.append({**base, "choices": [ending]})
    chunks.append({**base, "choices": [], "usage": completion["usage"]})
    return chunks


async def _send_stream(writer: asyncio.StreamWriter, completion: Mapping[str, Any]) -> None:
    writer.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    for chunk in _chunks(completion):
        _write_chunk(writer, b"data: " + orjson.dumps(chunk) + b"\n\n")
        await writer.drain()
        await asyncio.sleep(0.02)
    _write_chunk(writer, b"data: [DONE]\n\n")
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def _write_chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


async def _send_error(writer: asyncio.StreamWriter, status: int, message: str, code: str) -> None:
    error = {"message": message, "type": "server_error", "param": None, "code": code}
    await _send_json(writer, status, {"error": error})


async def _send_json(writer: asyncio.StreamWriter, status: int, document: object) -> None:
    body = orjson.dumps(document)
    head = (
        f"HTTP/1.1 {_STATUS_LINES[status]}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
