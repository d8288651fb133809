"""Whatever passes validation can be translated, and whatever a provider says can be read."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from llmrouter.core.errors import AttemptError, RouterError
from llmrouter.core.requests import ChatRequest
from llmrouter.dialects.anthropic.parse import parse as parse_anthropic
from llmrouter.dialects.openai.parse import parse as parse_openai
from llmrouter.dialects.translation import TranslatingCodec
from tests.dialects.clients import events
from tests.dialects.prompts import json_values
from tests.dialects.test_translation_requests import SAID_BY_BOTH
from tests.dialects.translating import (
    CONTRACT,
    TO_ANTHROPIC,
    TO_OPENAI,
    anthropic_request,
    openai_request,
    receive,
    send,
)

THOUGHT = [
    {"type": "thinking", "thinking": "x", "signature": "s"},
    {"type": "redacted_thinking", "data": "d"},
    {"type": "search_result", "content": [{"type": "text", "text": "x"}], "citations": {}},
    {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": ""}]}},
]
DETAILS = {
    "role": "assistant",
    "content": [{"type": "refusal", "refusal": "x"}],
    "reasoning_details": [{"type": "reasoning.text", "text": "x", "signature": "s"}],
    "tool_calls": [{"id": "a", "custom": {"name": "x", "input": "y"}}],
}

QUICK = settings(max_examples=50)


def rich(side: int, extra: dict[str, Any]) -> dict[str, Any]:
    """One request that holds everything the table of requests does."""
    document: dict[str, Any] = {"max_tokens": 100}
    messages: list[Any] = [extra]
    for pair in SAID_BY_BOTH.values():
        document |= pair[side]
        messages += pair[side]["messages"]
    return {**document, "messages": messages}


ANTHROPIC_DOCUMENT = rich(0, {"role": "assistant", "content": THOUGHT})
OPENAI_DOCUMENT = rich(1, DETAILS)


@st.composite
def damaged(draw: st.DrawFn, sound: Any) -> Any:
    """The document with something else in a few places."""
    document = copy.deepcopy(sound)
    for _ in range(draw(st.integers(1, 2))):
        node = document
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if not isinstance(node[key], dict | list) or draw(st.integers(0, 9)) == 0:
                node[key] = draw(json_values)
                break
            node = node[key]
    return document


def parsed(parse: Callable[[bytes], ChatRequest], document: Any) -> ChatRequest:
    try:
        return parse(json.dumps(document).encode())
    except RouterError:
        assume(False)
        raise


@QUICK
@given(document=damaged(ANTHROPIC_DOCUMENT))
def test_any_valid_request_of_an_anthropic_client(document: Any) -> None:
    assert send(TO_OPENAI, parsed(parse_anthropic, document)).document["messages"] is not None


@QUICK
@given(document=damaged(OPENAI_DOCUMENT))
def test_any_valid_request_of_a_chat_client(document: Any) -> None:
    assert "max_tokens" in send(TO_ANTHROPIC, parsed(parse_openai, document)).document


def documents_of(folder: Path) -> list[list[Any]]:
    streams = [path.read_bytes() for path in sorted(folder.glob("*/stream.sse"))]
    return [[document for _, document in events(s) if isinstance(document, dict)] for s in streams]


@pytest.mark.parametrize(
    ("codec", "ask", "folder"),
    [
        (TO_ANTHROPIC, openai_request, CONTRACT / "anthropic" / "replies"),
        (TO_OPENAI, anthropic_request, CONTRACT / "anthropic" / "from_openai"),
    ],
)
@QUICK
@given(data=st.data())
def test_any_stream_is_translated_or_a_failed_attempt(
    codec: TranslatingCodec,
    ask: Callable[..., ChatRequest],
    folder: Path,
    data: st.DataObject,
) -> None:
    sound = data.draw(st.sampled_from(documents_of(folder)))
    stream = b"".join(
        b"data: " + json.dumps(document).encode() + b"\n\n"
        for document in data.draw(damaged(sound))
    )

    outcome = receive_or_fail(codec, stream, ask(stream=True))

    assert outcome in {"terminated", "empty", "truncated", "error_body", "bad_body"}


def receive_or_fail(codec: TranslatingCodec, reply: bytes, request: ChatRequest) -> str:
    try:
        got = receive(codec, reply, request)
    except AttemptError as error:
        return error.kind
    return "terminated" if got.terminator else "unfinished"


@pytest.mark.parametrize(
    ("codec", "ask", "folder"),
    [
        (TO_ANTHROPIC, openai_request, CONTRACT / "anthropic" / "replies"),
        (TO_OPENAI, anthropic_request, CONTRACT / "anthropic" / "from_openai"),
    ],
)
@QUICK
@given(data=st.data())
def test_any_whole_reply_is_translated_or_a_failed_attempt(
    codec: TranslatingCodec,
    ask: Callable[..., ChatRequest],
    folder: Path,
    data: st.DataObject,
) -> None:
    sound = data.draw(st.sampled_from(sorted(folder.glob("*/whole.json"))))
    document = data.draw(damaged(json.loads(sound.read_bytes())))

    outcome = receive_or_fail(codec, json.dumps(document).encode(), ask())

    assert outcome in {"terminated", "empty", "error_body", "bad_body"}
