"""Laws of Ollama's dialect: there and back keeps what it can say, and nothing crashes it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from llmrouter.core.chat.deltas import Finished, Reply, fold
from llmrouter.core.chat.parts import Image, Inline, Part, Reasoning, Text, ToolCall
from llmrouter.core.chat.prompt import ChatPrompt, Message, ToolChoice
from llmrouter.core.errors import AttemptError, RouterError
from llmrouter.core.records import replace
from llmrouter.core.requests import ChatRequest
from llmrouter.core.usage import Usage
from llmrouter.dialects.interpreter import Interpreter
from llmrouter.dialects.wire import Codec
from tests.dialects import prompts
from tests.dialects.gemini.speaking import receive
from tests.dialects.gemini.test_laws import FEW, as_gemini_says_it, through
from tests.dialects.ollama.speaking import (
    FROM_OPENAI_CLIENT,
    NATIVE,
    OLLAMA,
    TO_OPENAI_PROVIDER,
    ollama_request,
)
from tests.dialects.test_translation_laws import comparable as without_seals
from tests.dialects.test_translation_laws import context, deltas_of
from tests.dialects.test_translation_sturdiness import damaged
from tests.dialects.translating import ANTHROPIC, CONTRACT, OPENAI, openai_request


def as_ollama_says_it(prompt: ChatPrompt) -> ChatPrompt:
    """The prompt without what Ollama has no word for, as it is read from an Ollama request.

    A message is one text and the pictures behind it.
    """
    said = as_gemini_says_it(prompt)
    choice = said.tool_choice
    return replace(
        said,
        system=_one_text(said.system),
        messages=tuple(m for m in map(_said, said.messages) if m.parts),
        tools=said.tools if choice is None or choice.mode == "auto" else (),
        tool_choice=ToolChoice("auto") if choice == ToolChoice("auto") else None,
        service_tier=None,
    )


def _said(message: Message) -> Message:
    if message.role == "tool":
        return message
    texts = _one_text(part for part in message.parts if isinstance(part, Text))
    images = [p for p in message.parts if isinstance(p, Image) and isinstance(p.source, Inline)]
    images = [replace(image, source=Inline("image/png", PNG)) for image in images]
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    return replace(message, parts=(*texts, *images, *calls))


PNG = "iVBORw0KGgo="


def _one_text(parts: Any) -> tuple[Text, ...]:
    texts = [part.text for part in parts]
    return (Text("\n\n".join(texts)),) if texts else ()


def unchosen(prompt: ChatPrompt) -> ChatPrompt:
    """The prompt without its choice, which is the model's anyway."""
    messages = tuple(_with_empty_results(message) for message in prompt.messages)
    return replace(prompt, tool_choice=None, messages=messages)


def _with_empty_results(message: Message) -> Message:
    """Results without a text are as good as empty ones."""
    parts: list[Part] = []
    for part in message.parts:
        is_empty = getattr(part, "parts", None) == (Text(""),)
        parts.append(replace(part, parts=()) if is_empty else part)  # type: ignore[call-arg]
    return replace(message, parts=tuple(parts))


SAID = prompts.prompts().map(as_ollama_says_it).map(unchosen)


@FEW
@given(prompt=SAID)
def test_a_prompt_is_read_as_it_was_written(prompt: ChatPrompt) -> None:
    assert unchosen(through(OLLAMA, prompt)) == prompt


@pytest.mark.parametrize("second", [ANTHROPIC, OPENAI], ids=lambda d: d.name)
@FEW
@given(prompt=SAID)
def test_a_prompt_survives_another_dialect(second: Interpreter, prompt: ChatPrompt) -> None:
    assert unchosen(as_ollama_says_it(through(second, prompt))) == prompt


def as_ollama_tells_it(reply: Reply) -> Reply:
    """The reply without seals and ids, with two counts, and without the word for a call."""
    read = without_seals(reply)
    assert read.usage is not None
    usage = Usage(read.usage.usage.input_tokens, text_output_tokens=read.usage.usage.output_tokens)
    is_call = read.finished.reason == "tool_calls"
    return replace(
        read,
        started=replace(read.started, id=None),
        parts=tuple(part for part in read.parts if part != Reasoning()),
        finished=Finished("stop") if is_call else read.finished,
        usage=replace(read.usage, usage=usage),
    )


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
@FEW
@given(reply=prompts.replies(), data=st.data())
def test_a_stream_is_read_as_it_was_written(path: str, reply: Reply, data: st.DataObject) -> None:
    asked = replace(context(OLLAMA), request=ollama_request(path))
    encoder, decoder = OLLAMA.encoder(asked), OLLAMA.decoder(asked)

    stream = b"".join(encoder.write(delta) for delta in deltas_of(reply, data))
    stream += b"".join(encoder.finish())

    lines = stream.removesuffix(b"\n").split(b"\n")
    read = fold(delta for said in lines for delta in decoder.read_event(None, said))
    assert decoder.is_over
    assert as_ollama_tells_it(read) == as_ollama_tells_it(reply)


@FEW
@given(reply=prompts.replies(), data=st.data())
def test_a_whole_reply_is_read_as_it_was_written(reply: Reply, data: st.DataObject) -> None:
    document = OLLAMA.encoder(context(OLLAMA)).whole(fold(deltas_of(reply, data)))

    read = fold(OLLAMA.decoder(context(OLLAMA)).read_whole(document))

    assert as_ollama_tells_it(read) == as_ollama_tells_it(reply)


RICH: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What?", "images": [PNG]},
        {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "content": "82 m", "tool_name": "f"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "format": {"type": "object"},
    "options": {"temperature": 1, "stop": ["x"], "num_predict": 5},
    "think": "low",
    "keep_alive": "5m",
}


@pytest.mark.parametrize("codec", [NATIVE, TO_OPENAI_PROVIDER])
@FEW
@given(document=damaged(RICH))
def test_any_valid_request_is_sent(codec: Codec, document: Any) -> None:
    try:
        request = ollama_request(**document)
    except RouterError:
        assume(False)
        raise

    assert json.loads(codec.encode(request, "m").body)


STREAMS = [
    [json.loads(text) for text in path.read_bytes().split(b"\n") if text]
    for path in sorted((CONTRACT / "ollama" / "replies").glob("*/stream.ndjson"))
]


@pytest.mark.parametrize(
    ("codec", "request_"),
    [
        (NATIVE, ollama_request()),
        (NATIVE, ollama_request(stream=False)),
        (FROM_OPENAI_CLIENT, openai_request(stream=True)),
    ],
)
@FEW
@given(data=st.data())
def test_any_stream_is_passed_on_or_a_failed_attempt(
    codec: Codec, request_: ChatRequest, data: st.DataObject
) -> None:
    lines = data.draw(damaged(data.draw(st.sampled_from(STREAMS))))
    stream = b"".join(json.dumps(said).encode() + b"\n" for said in lines)

    try:
        got = receive(codec, stream, request_)
    except AttemptError as error:
        assert error.kind in {"empty", "truncated", "error_body", "bad_body"}  # noqa: PT017
    else:
        assert got.terminator


def test_what_is_no_text_is_not_joined_when_a_stream_becomes_one_reply() -> None:
    said = {"model": "qwen3:8b", "message": {"role": "assistant", "content": {}}}
    lines = [{**said, "done": False}, {**said, "done": True, "done_reason": "stop"}]
    stream = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    assert receive(NATIVE, stream, ollama_request(stream=False)).terminator
