"""Laws of translation: there and back keeps what both dialects can say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrouter.core.chat.deltas import Reply, fold
from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import Image, Part, Reasoning
from llmrouter.core.chat.prompt import ChatPrompt, JsonSchema
from llmrouter.core.records import replace
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.interpreter import Interpreter, ReplyContext, WriteTarget
from llmrouter.dialects.responses.seals import Kind, Seal, read_seal, write_seal
from llmrouter.dialects.sse import EventSplitter
from tests.dialects import prompts
from tests.dialects.responses.client import built_response
from tests.dialects.responses.passing import ANTHROPIC, OPENAI, RESPONSES
from tests.dialects.test_translation_laws import deltas_of

MODELS = {"anthropic": "claude-opus-4-6", "openai": "gpt-5", "responses": "gpt-4.1"}


def sayable(prompt: ChatPrompt) -> ChatPrompt:
    """The prompt within what the Responses API can say, in the form in which it is read."""
    output = prompt.output
    if isinstance(output, JsonSchema):
        output = replace(output, name="answer")
    return replace(
        prompt,
        messages=tuple(
            replace(message, parts=tuple(_detailed(part) for part in message.parts))
            for message in prompt.messages
        ),
        tools=tuple(replace(tool, strict=tool.strict is True) for tool in prompt.tools),
        max_output_tokens=max(prompt.max_output_tokens or 0, 16),
        stop=(),
        output=output,
    )


def _detailed(part: Part) -> Part:
    return replace(part, detail="auto") if isinstance(part, Image) else part


def through(dialect: Interpreter, prompt: ChatPrompt) -> ChatPrompt:
    """The prompt, written in a dialect and read again; nothing may be lost."""
    losses = Losses()
    target = WriteTarget(MODELS[dialect.name], f"{dialect.name}:")
    read = dialect.read_request(dialect.write_request(prompt, target, losses), losses)
    assert losses.fields == ()
    return read


@given(prompt=prompts.prompts())
def test_a_prompt_is_read_as_it_was_written(prompt: ChatPrompt) -> None:
    assert through(RESPONSES, sayable(prompt)) == sayable(prompt)


@pytest.mark.parametrize("other", [OPENAI, ANTHROPIC], ids=lambda dialect: dialect.name)
@given(prompt=prompts.prompts())
def test_a_prompt_survives_two_dialects(other: Interpreter, prompt: ChatPrompt) -> None:
    plain = sayable(prompt)

    assert sayable(through(RESPONSES, through(other, plain))) == plain
    assert sayable(through(other, through(RESPONSES, plain))) == plain


CONTEXT = ReplyContext(
    origin="responses:",
    model="m",
    fallback_id="f",
    created_s=1_790_000_000,
    stream=True,
    include_usage=True,
)


def comparable(reply: Reply) -> Reply:
    """The reply without ids, seals and raw counts, of which each dialect has its own."""
    assert reply.usage is not None
    return replace(
        reply,
        started=replace(reply.started, id=None, created_s=None),
        parts=tuple(Reasoning(p.text) if isinstance(p, Reasoning) else p for p in reply.parts),
        usage=replace(reply.usage, raw={}),
    )


@settings(deadline=None)  # the library's types are built with the first stream
@given(reply=prompts.replies(), data=st.data())
def test_a_stream_is_read_as_it_was_written(reply: Reply, data: st.DataObject) -> None:
    encoder, decoder = RESPONSES.encoder(CONTEXT), RESPONSES.decoder(CONTEXT)

    stream = b"".join(encoder.write(delta) for delta in deltas_of(reply, data))
    stream += b"".join(encoder.finish())

    assert built_response(stream)["model"] == reply.started.model
    events = EventSplitter(10_000_000).feed(stream)
    read = fold(d for event in events for d in decoder.read_event(event.name, event.data or b""))
    assert decoder.is_over
    assert comparable(read) == comparable(reply)


@given(reply=prompts.replies(), data=st.data())
def test_a_whole_reply_is_read_as_it_was_written(reply: Reply, data: st.DataObject) -> None:
    document = RESPONSES.encoder(CONTEXT).whole(fold(deltas_of(reply, data)))

    assert write_document(document)
    read = fold(RESPONSES.decoder(CONTEXT).read_whole(document))
    assert comparable(read) == comparable(reply)


@given(
    origin=st.text(max_size=20),
    kind=st.sampled_from(["thought", "signature", "encrypted", "call"]),
    value=st.text(max_size=40),
)
def test_a_seal_is_read_as_it_was_written(origin: str, kind: Kind, value: str) -> None:
    assert read_seal(write_seal(Seal(origin, kind, value))) == Seal(origin, kind, value)


@given(text=st.text())
def test_nothing_else_is_taken_for_a_seal(text: str) -> None:
    assert read_seal(text) is None
