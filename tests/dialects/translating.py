"""Sends requests and replies through a codec between two dialects."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from llmrouter.core.clock import FakeClock
from llmrouter.core.configuration import Quirk
from llmrouter.core.requests import ChatRequest
from llmrouter.dialects.anthropic.interpreter import AnthropicInterpreter
from llmrouter.dialects.anthropic.parse import parse as parse_anthropic
from llmrouter.dialects.interpreter import Interpreter
from llmrouter.dialects.openai.interpreter import OpenAIInterpreter
from llmrouter.dialects.openai.parse import parse as parse_openai
from llmrouter.dialects.translation import TranslatingCodec
from llmrouter.dialects.wire import UNKNOWN_TARGET, CostOf, Observed, TargetFacts

CONTRACT = Path(__file__).parent.parent / "contract"
NOW_S = 1_790_000_000

ANTHROPIC: Interpreter = AnthropicInterpreter()
OPENAI: Interpreter = OpenAIInterpreter()

TO_OPENAI = TranslatingCodec(ANTHROPIC, OPENAI, FakeClock(NOW_S * 1_000_000))
"""From clients of Anthropic's dialect to providers of OpenAI's."""
TO_ANTHROPIC = TranslatingCodec(OPENAI, ANTHROPIC, FakeClock(NOW_S * 1_000_000))
"""From clients of OpenAI's dialect to providers of Anthropic's."""


class Sent(NamedTuple):
    """What a provider gets."""

    document: dict[str, Any]
    losses: tuple[str, ...]
    notes: tuple[str, ...]


class Got(NamedTuple):
    """What a client gets."""

    content: bytes
    terminator: bytes
    observed: Observed

    @property
    def document(self) -> Any:
        """The body of a reply that was not streamed."""
        assert self.content == b"", "a whole reply waits for the ledger"
        return json.loads(self.terminator)


def anthropic_request(**members: Any) -> ChatRequest:
    """A request of an Anthropic client, sound but for what is given."""
    document = {"model": "smart", "max_tokens": 100, **members}
    document.setdefault("messages", [{"role": "user", "content": "hi"}])
    return parse_anthropic(json.dumps(document).encode())


def openai_request(**members: Any) -> ChatRequest:
    """A request of a chat client, sound but for what is given."""
    document = {"model": "smart", **members}
    document.setdefault("messages", [{"role": "user", "content": "hi"}])
    return parse_openai(json.dumps(document).encode())


def send(
    codec: TranslatingCodec,
    request: ChatRequest,
    *,
    model: str | None = None,
    quirks: Sequence[Quirk] = (),
    facts: TargetFacts = UNKNOWN_TARGET,
) -> Sent:
    """The provider's request, less the model and, of Anthropic's, the forced limit."""
    default = "gpt-5" if codec is TO_OPENAI else "claude-opus-4-6"
    outgoing = codec.encode(request, model or default, quirks, facts)
    document = json.loads(outgoing.body)
    assert document.pop("model") == (model or default)
    return Sent(document, outgoing.losses, outgoing.notes)


def receive(
    codec: TranslatingCodec,
    reply: bytes,
    request: ChatRequest,
    *cuts: int,
    cost_of: CostOf | None = None,
    facts: TargetFacts = UNKNOWN_TARGET,
) -> Got:
    """The client's reply, the provider's bytes having arrived cut at these places."""
    reader = codec.reader(
        request,
        content_type="text/event-stream",
        event_bytes=100_000,
        body_bytes=1_000_000,
        cost_of=cost_of,
        facts=facts,
    )
    content = b""
    edges = [0, *cuts, len(reply)]
    for start, end in pairwise(edges):
        content += reader.feed(reply[start:end])
    rest, terminator = reader.finish()
    return Got(content + rest, terminator, reader.observed)


def whole_reply(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode()


Json = dict[str, Any]

PNG = "iVBORw0KGgo="
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
ASKED = [{"role": "user", "content": "hi"}]
TEXT = {"type": "text", "text": "Which lake?"}
TOOL = [{"name": "look", "input_schema": {"type": "object"}}]
FUNCTION = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
FROM_ANTHROPIC = sorted((CONTRACT / "anthropic" / "replies").iterdir())
FROM_OPENAI = sorted((CONTRACT / "anthropic" / "from_openai").iterdir())


def user(*parts: Json) -> Json:
    """A question of these parts, the same in both dialects."""
    return {"messages": [{"role": "user", "content": list(parts)}]}
