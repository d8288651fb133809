"""Scripts for the usual cases."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.provider.documents import DONE, SOME_USAGE, chunk, completion
from tests.provider.wire import CLOSE, STALL, Ending, Script, Seen, Step, Wire


def answer(
    text: str | None = "Hello.",
    *,
    finish: str | None = None,
    reasoning: str | None = None,
    tool_calls: Sequence[tuple[str, Mapping[str, Any]]] = (),
    usage: Mapping[str, Any] | None = SOME_USAGE,
    headers: Mapping[str, str] | None = None,
) -> Script:
    """A good reply, as the request asks for it: whole, or word by word with its usage."""
    reason = finish or ("tool_calls" if tool_calls else "stop")
    calls = [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for number, (name, arguments) in enumerate(tool_calls, start=1)
    ]

    def deltas() -> list[dict[str, Any]]:
        words = (text or "").split(" ")
        spoken = [{"content": word if n == 0 else f" {word}"} for n, word in enumerate(words)]
        thought = [{"reasoning_content": reasoning}] if reasoning else []
        called = [{"tool_calls": [{"index": n, **call}]} for n, call in enumerate(calls)]
        return [{"role": "assistant", "content": ""}, *thought, *(spoken if text else []), *called]

    async def script(wire: Wire, seen: Seen) -> None:
        if seen.wants_stream:
            steps: list[Step] = [chunk(delta) for delta in deltas()]
            steps.append(chunk(finish=reason))
            if usage is not None and seen.wants_usage:
                steps.append(chunk(choices=[], usage=dict(usage)))
            await stream(*steps, DONE, headers=headers)(wire, seen)
            return
        message: dict[str, Any] = {"content": text}
        if reasoning:
            message["reasoning_content"] = reasoning
        if calls:
            message["tool_calls"] = calls
        document = completion(message, reason, **({"usage": dict(usage)} if usage else {}))
        await body(json.dumps(document).encode(), headers=headers)(wire, seen)

    return script


def stream(*steps: Step, headers: Mapping[str, str] | None = None) -> Script:
    """An event stream, step by step."""

    async def script(wire: Wire, seen: Seen) -> None:
        await wire.head(200, headers, content_type="text/event-stream")
        for step in steps:
            await wire.step(step, wire.send)
        if not wire.is_closed:
            await wire.end()

    return script


def drip(pause_s: float, *steps: Step) -> Script:
    """An event stream with a pause before each step."""

    async def script(wire: Wire, seen: Seen) -> None:
        await wire.head(200, content_type="text/event-stream")
        for step in steps:
            await asyncio.sleep(pause_s)
            await wire.step(step, wire.send)
        await wire.end()

    return script


def raw(*steps: Step) -> Script:
    """Bytes from the status line on, step by step; the connection is closed behind them."""

    async def script(wire: Wire, seen: Seen) -> None:
        for step in steps:
            await wire.step(step, wire.raw)
        if not wire.is_closed:
            await wire.close()

    return script


def body(
    data: bytes,
    status_code: int = 200,
    *,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Script:
    """Any body, with its length."""

    async def script(wire: Wire, seen: Seen) -> None:
        await wire.head(status_code, headers, content_type=content_type, length=len(data))
        await wire.send(data)

    return script


def status(
    status_code: int,
    message: str = "simulated failure",
    *,
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> Script:
    """An error in OpenAI's form; ``members`` (type, code, param) stand in the error object."""
    document = {"error": {"message": message, "type": None, "code": None, **members}}
    return body(json.dumps(document).encode(), status_code, headers=headers)


def hang() -> Script:
    """Takes the request and never answers."""
    return raw(STALL)


def drop(ending: Ending = CLOSE) -> Script:
    """Closes or resets the connection instead of an answer."""
    return raw(ending)
