"""Laws of Gemini's dialect: there and back keeps what it can say, and nothing crashes it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from llmrouter.core.chat.deltas import Finished, Reply, fold
from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import Part, Reasoning, Text, ToolCall, ToolResult
from llmrouter.core.chat.prompt import ChatPrompt, JsonSchema
from llmrouter.core.errors import AttemptError, RouterError
from llmrouter.core.records import replace
from llmrouter.core.requests import ChatRequest
from llmrouter.dialects.interpreter import Interpreter, WriteTarget
from llmrouter.dialects.wire import Codec
from tests.dialects import prompts
from tests.dialects.gemini.speaking import (
    FROM_OPENAI_CLIENT,
    GEMINI,
    NATIVE,
    TO_ANTHROPIC_PROVIDER,
    TO_OPENAI_PROVIDER,
    chunks_of,
    event,
    gemini_request,
    receive,
)
from tests.dialects.test_translation_laws import comparable as without_seals
from tests.dialects.test_translation_laws import context, deltas_of
from tests.dialects.test_translation_sturdiness import damaged
from tests.dialects.translating import ANTHROPIC, CONTRACT, OPENAI, openai_request

FEW = settings(max_examples=40)
"""Of each law: there are many of them."""

MODELS = {
    "anthropic": "claude-opus-4-6",
    "openai": "gpt-5",
    "gemini": "gemini-3.8-flash",
    "ollama": "qwen3:8b",
}


def through(dialect: Interpreter, prompt: ChatPrompt) -> ChatPrompt:
    """The prompt, written in a dialect and read again; nothing may be lost."""
    losses = Losses()
    target = WriteTarget(MODELS[dialect.name], f"{dialect.name}:")
    document = dialect.write_request(prompt, target, losses)
    read = dialect.read_request(document, losses)
    assert losses.fields == ()
    return read


def as_gemini_says_it(prompt: ChatPrompt) -> ChatPrompt:
    """The prompt without what Gemini has no word for, as it is read from a Gemini request.

    Texts of a model in a row are one, results have names and one text, and the URL holds the rest.
    """
    names: dict[str, str] = {}
    messages = []
    for message in prompt.messages:
        parts = [_said(part, names) for part in message.parts]
        if message.role == "assistant":
            texts = "".join(part.text for part in parts if isinstance(part, Text))
            calls = [part for part in parts if isinstance(part, ToolCall)]
            parts = [*([Text(texts)] if texts else []), *calls]
        messages.append(replace(message, parts=tuple(parts)))
    match prompt.output:
        case JsonSchema() as output:
            bare: JsonSchema | None = replace(output, name=None)
        case _:
            bare = None
    return replace(
        prompt,
        messages=tuple(messages),
        tools=tuple(replace(tool, strict=None) for tool in prompt.tools),
        output=bare,
        user=None,
        service_tier="default" if prompt.service_tier == "default" else None,
        stream=False,
    )


def _said(part: Part, names: dict[str, str]) -> Part:
    match part:
        case ToolCall(call_id, name):
            names[call_id] = name
            return part
        case ToolResult(call_id, parts):
            text = "\n".join(p.text for p in parts if isinstance(p, Text))
            return ToolResult(call_id, (Text(text),), name=names[call_id])
        case _:
            return part


@FEW
@given(prompt=prompts.prompts().map(as_gemini_says_it))
def test_a_prompt_is_read_as_it_was_written(prompt: ChatPrompt) -> None:
    assert through(GEMINI, prompt) == prompt


@pytest.mark.parametrize("second", [ANTHROPIC, OPENAI], ids=lambda d: d.name)
@FEW
@given(prompt=prompts.prompts().map(as_gemini_says_it))
def test_a_prompt_survives_another_dialect(second: Interpreter, prompt: ChatPrompt) -> None:
    assert as_gemini_says_it(through(second, prompt)) == prompt


def as_gemini_tells_it(reply: Reply) -> Reply:
    """The reply without seals, cache writes, and the word that a stop was for a call."""
    read = without_seals(reply)
    assert read.usage is not None
    usage = read.usage.usage
    prompt_tokens = (usage.uncached_input_tokens or 0) + (usage.cache_write_tokens or 0)
    told = replace(usage, uncached_input_tokens=prompt_tokens, cache_write_tokens=None)
    is_call = read.finished.reason == "tool_calls"
    return replace(
        read,
        parts=tuple(part for part in read.parts if part != Reasoning()),
        finished=Finished("stop") if is_call else read.finished,
        usage=replace(read.usage, usage=told),
    )


@pytest.mark.parametrize("form", ["sse", "array"])
@FEW
@given(reply=prompts.replies(), data=st.data())
def test_a_stream_is_read_as_it_was_written(form: str, reply: Reply, data: st.DataObject) -> None:
    asked = replace(context(GEMINI), request=gemini_request(stream=True, form=form))
    encoder, decoder = GEMINI.encoder(asked), GEMINI.decoder(asked)

    stream = b"".join(encoder.write(delta) for delta in deltas_of(reply, data))
    stream += b"".join(encoder.finish())

    documents = [json.dumps(chunk).encode() for chunk in chunks_of(stream)]
    read = fold(delta for document in documents for delta in decoder.read_event(None, document))
    assert as_gemini_tells_it(read) == as_gemini_tells_it(reply)


@FEW
@given(reply=prompts.replies(), data=st.data())
def test_a_whole_reply_is_read_as_it_was_written(reply: Reply, data: st.DataObject) -> None:
    document = GEMINI.encoder(context(GEMINI)).whole(fold(deltas_of(reply, data)))

    read = fold(GEMINI.decoder(context(GEMINI)).read_whole(document))

    assert as_gemini_tells_it(read) == as_gemini_tells_it(reply)


RICH: dict[str, Any] = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "hi"},
                {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                {"fileData": {"mimeType": "audio/wav", "fileUri": "https://lakes.example/a"}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "hm", "thought": True, "thoughtSignature": "CiQB"},
                {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "CiQB"},
                {"executableCode": {"code": "1"}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {
                    "functionResponse": {
                        "name": "f",
                        "response": {"output": "x"},
                        "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}],
                    }
                }
            ],
        },
    ],
    "tools": [
        {
            "functionDeclarations": [
                {
                    "name": "f",
                    "parameters": {
                        "type": "OBJECT",
                        "properties": {"a": {"type": "STRING", "nullable": True, "enum": ["x"]}},
                        "propertyOrdering": ["a"],
                    },
                }
            ]
        }
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {
        "temperature": 1,
        "topK": 40.0,
        "stopSequences": ["x"],
        "responseMimeType": "application/json",
        "responseSchema": {"type": "OBJECT", "defs": {"a": {"ref": "#/defs/a"}}},
        "thinkingConfig": {"thinkingBudget": 10, "includeThoughts": True},
    },
    "labels": {"team": "lakes"},
}


@pytest.mark.parametrize("codec", [NATIVE, TO_OPENAI_PROVIDER, TO_ANTHROPIC_PROVIDER])
@FEW
@given(document=damaged(RICH))
def test_any_valid_request_is_sent(codec: Codec, document: Any) -> None:
    try:
        request = gemini_request(**document)
    except RouterError:
        assume(False)
        raise

    assert json.loads(codec.encode(request, "claude-opus-4-6").body)


STREAMS = [
    chunks_of(path.read_bytes())
    for path in sorted((CONTRACT / "gemini" / "replies").glob("*/stream.sse"))
]


@pytest.mark.parametrize(
    ("codec", "request_"),
    [
        (NATIVE, gemini_request(stream=True)),
        (NATIVE, gemini_request()),
        (FROM_OPENAI_CLIENT, openai_request(stream=True)),
    ],
)
@FEW
@given(data=st.data())
def test_any_stream_is_passed_on_or_a_failed_attempt(
    codec: Codec, request_: ChatRequest, data: st.DataObject
) -> None:
    chunks = data.draw(damaged(data.draw(st.sampled_from(STREAMS))))
    stream = b"".join(event(chunk) for chunk in chunks)

    try:
        got = receive(codec, stream, request_)
    except AttemptError as error:
        assert error.kind in {"empty", "truncated", "error_body", "bad_body"}  # noqa: PT017
    else:
        assert got.terminator
