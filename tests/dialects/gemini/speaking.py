"""Requests of Gemini clients, and replies on their way from and to them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from llmrouter.core.clock import FakeClock
from llmrouter.core.errors import AttemptError
from llmrouter.core.requests import ChatRequest
from llmrouter.dialects.gemini.dialect import GeminiDialect
from llmrouter.dialects.gemini.interpreter import GeminiInterpreter
from llmrouter.dialects.gemini.native import NativeCodec
from llmrouter.dialects.interpreter import Interpreter
from llmrouter.dialects.translation import TranslatingCodec
from llmrouter.dialects.wire import Codec, RequestAddress, TargetFacts
from tests.dialects.translating import ANTHROPIC, NOW_S, OPENAI, Got, Sent, openai_request

GEMINI: Interpreter = GeminiInterpreter()
NATIVE = NativeCodec()
CLOCK = FakeClock(NOW_S * 1_000_000)

FROM_OPENAI_CLIENT = TranslatingCodec(OPENAI, GEMINI, CLOCK)
"""From chat clients to Gemini providers."""
TO_OPENAI_PROVIDER = TranslatingCodec(GEMINI, OPENAI, CLOCK)
"""From Gemini clients to providers of chat completions."""
FROM_ANTHROPIC_CLIENT = TranslatingCodec(ANTHROPIC, GEMINI, CLOCK)
TO_ANTHROPIC_PROVIDER = TranslatingCodec(GEMINI, ANTHROPIC, CLOCK)


def address(method: str = "generateContent", model: str = "smart", **query: str) -> RequestAddress:
    return RequestAddress(f"/v1beta/models/{model}:{method}", query)


def gemini_request(*, stream: bool = False, form: str = "sse", **members: Any) -> ChatRequest:
    """A request of a Gemini client, sound but for what is given."""
    members.setdefault("contents", [{"role": "user", "parts": [{"text": "hi"}]}])
    query = {"alt": "sse"} if form == "sse" else {}
    at = address("streamGenerateContent" if stream else "generateContent", **query)
    return GeminiDialect().at(at).parse(json.dumps(members).encode())


def said(text: str, role: str = "user") -> dict[str, Any]:
    return {"role": role, "parts": [{"text": text}]}


def receive(codec: Codec, reply: bytes, request: ChatRequest, *cuts: int) -> Got:
    """The client's reply, the provider's bytes having arrived cut at these places."""
    reader = codec.reader(
        request,
        content_type="text/event-stream",
        event_bytes=100_000,
        body_bytes=1_000_000,
        cost_of=None,
    )
    content = b"".join([reader.feed(reply[a:b]) for a, b in pairwise([0, *cuts, len(reply)])])
    rest, terminator = reader.finish()
    return Got(content + rest, terminator, reader.observed)


def fault_of(codec: Codec, reply: bytes, request: ChatRequest) -> AttemptError:
    """The error that a reply ends with."""
    try:
        receive(codec, reply, request)
    except AttemptError as error:
        return error
    raise AssertionError("the reply was taken for a good one")


def event(document: object) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def chunks_of(stream: bytes) -> list[dict[str, Any]]:
    """The documents of a stream, in whichever form; nothing else may stand between them."""
    if stream.startswith(b"["):
        found: list[dict[str, Any]] = json.loads(stream)
        return found
    found = []
    for block in stream.replace(b"\r\n", b"\n").split(b"\n\n"):
        if block:
            # Google's Python library also ends lines at these, so that no text may hold them.
            assert len(block.decode().splitlines()) == 1
            assert block.startswith(b"data: ")
            found.append(json.loads(block.removeprefix(b"data: ")))
    return found


def reply_of(stream: bytes) -> dict[str, Any]:
    """The reply that a stream builds, as Google's libraries do it: texts in a row are one."""
    *before, last = chunks_of(stream)
    parts: list[dict[str, Any]] = []
    for chunk in (*before, last):
        assert ("finishReason" in chunk["candidates"][0]) == (chunk is last)
        for part in chunk["candidates"][0]["content"]["parts"]:
            previous = parts[-1] if parts else {}
            is_same = previous.get("thought") == part.get("thought")
            if "text" in part and "text" in previous and is_same:
                parts[-1] = {**previous, **part, "text": previous["text"] + part["text"]}
            elif part != {"text": ""}:
                parts.append(part)
    candidate = {**last["candidates"][0], "content": {"parts": parts, "role": "model"}}
    return {**last, "candidates": [candidate]}


PNG = "iVBORw0KGgo="
CALL = {"functionCall": {"name": "get_depth", "args": {"lake": "Annecy"}}}
RESULT = {"functionResponse": {"name": "get_depth", "response": {"output": "82 m"}}}
USER = {"role": "user", "content": "hi"}
PROVIDER = TargetFacts(provider="google")


def sent(
    codec: TranslatingCodec,
    request: ChatRequest,
    model: str = "gpt-5",
    facts: TargetFacts = PROVIDER,
) -> Sent:
    """What a provider of this dialect is sent, without the model."""
    outgoing = codec.encode(request, model, (), facts)
    document = json.loads(outgoing.body)
    document.pop("model", None)
    return Sent(document, outgoing.losses, outgoing.notes)


def to_openai(**members: Any) -> Sent:
    """A Gemini client's request, for a provider that speaks Chat Completions."""
    return sent(TO_OPENAI_PROVIDER, gemini_request(**members))


def to_gemini(model: str = "gemini-3.8-flash", **members: Any) -> Sent:
    """A chat client's request, for Gemini."""
    return sent(FROM_OPENAI_CLIENT, openai_request(**members), model)
