"""Sends requests and replies through the dialect's codecs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from llmrouter.core.clock import FakeClock
from llmrouter.core.errors import AttemptError
from llmrouter.core.ids import read_id
from llmrouter.core.records import replace
from llmrouter.core.requests import ChatRequest
from llmrouter.dialects.anthropic.interpreter import AnthropicInterpreter
from llmrouter.dialects.anthropic.parse import parse as parse_anthropic
from llmrouter.dialects.interpreter import Interpreter
from llmrouter.dialects.openai.interpreter import OpenAIInterpreter
from llmrouter.dialects.openai.parse import parse as parse_openai
from llmrouter.dialects.responses.interpreter import ResponsesInterpreter
from llmrouter.dialects.responses.native import NativeCodec
from llmrouter.dialects.responses.parse import parse
from llmrouter.dialects.translation import TranslatingCodec
from llmrouter.dialects.wire import UNKNOWN_TARGET, Codec, CostOf, Observed, TargetFacts

CONTRACT = Path(__file__).parent.parent.parent / "contract"
FIXTURES = CONTRACT / "responses"
NOW_S = 1_790_000_000
REQUEST_ID = "req_0000sea000001"

RESPONSES: Interpreter = ResponsesInterpreter()
OPENAI: Interpreter = OpenAIInterpreter()
ANTHROPIC: Interpreter = AnthropicInterpreter()
CLOCK = FakeClock(NOW_S * 1_000_000)

NATIVE = NativeCodec()
TO_OPENAI = TranslatingCodec(RESPONSES, OPENAI, CLOCK)
"""From clients of the Responses API to providers of chat completions."""
TO_ANTHROPIC = TranslatingCodec(RESPONSES, ANTHROPIC, CLOCK)
FROM_OPENAI = TranslatingCodec(OPENAI, RESPONSES, CLOCK)
"""From chat clients to providers of the Responses API."""
FROM_ANTHROPIC = TranslatingCodec(ANTHROPIC, RESPONSES, CLOCK)


class Sent(NamedTuple):
    """What a provider gets."""

    document: dict[str, Any]
    losses: tuple[str, ...]
    notes: tuple[str, ...]


class Got(NamedTuple):
    """What a client gets; ``fault`` is how it ended, where it did not end well."""

    content: bytes
    terminator: bytes
    observed: Observed
    fault: str | None = None

    @property
    def stream(self) -> bytes:
        return self.content + self.terminator

    @property
    def document(self) -> Any:
        """The body of a reply that was not streamed."""
        assert self.content == b"", "a whole reply waits for the ledger"
        return json.loads(self.terminator)


def request(**members: Any) -> ChatRequest:
    """A client's request, sound but for what is given."""
    return parse(json.dumps({"model": "smart", "input": "hi", **members}).encode())


def openai_request(**members: Any) -> ChatRequest:
    """A request of a chat client, sound but for what is given."""
    messages = [{"role": "user", "content": "hi"}]
    return parse_openai(json.dumps({"model": "smart", "messages": messages, **members}).encode())


def anthropic_request(**members: Any) -> ChatRequest:
    """A request of an Anthropic client, sound but for what is given."""
    document = {"model": "smart", "max_tokens": 100, **members}
    document.setdefault("messages", [{"role": "user", "content": "hi"}])
    return parse_anthropic(json.dumps(document).encode())


def numbered(asked: ChatRequest) -> ChatRequest:
    """The request with an id of ours, as the pipeline gives one."""
    return replace(asked, request_id=read_id(REQUEST_ID))


def send(codec: Codec, asked: ChatRequest, model: str, facts: TargetFacts = UNKNOWN_TARGET) -> Sent:
    """The provider's request, less the model."""
    outgoing = codec.encode(asked, model, facts=facts)
    document = json.loads(outgoing.body)
    assert document.pop("model") == model
    return Sent(document, outgoing.losses, outgoing.notes)


def receive(
    codec: Codec,
    reply: bytes,
    asked: ChatRequest,
    *cuts: int,
    cost_of: CostOf | None = None,
    facts: TargetFacts = UNKNOWN_TARGET,
) -> Got:
    """The client's reply, the provider's bytes having arrived cut at these places."""
    reader = codec.reader(
        asked,
        content_type="text/event-stream",
        event_bytes=100_000,
        body_bytes=1_000_000,
        cost_of=cost_of,
        facts=facts,
    )
    content = b""
    try:
        for start, end in pairwise([0, *cuts, len(reply)]):
            content += reader.feed(reply[start:end])
        rest, terminator = reader.finish()
    except AttemptError as error:
        fault = f"{error.kind} {error.phase}: {error.code} {error.message}"
        return Got(content, b"", reader.observed, fault)
    return Got(content + rest, terminator, reader.observed)


def fixture(name: str) -> list[Path]:
    return sorted((FIXTURES / name).iterdir())


def named(path: Path) -> str:
    return path.name


def each_cutting(reply: bytes) -> Iterator[range]:
    """The places where pieces of one byte end, of two, and so on."""
    return (range(size, len(reply), size) for size in range(1, 32))
