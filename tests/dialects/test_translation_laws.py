"""Laws of translation: there and back keeps what both dialects can say."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrouter.core.chat.deltas import (
    ArgumentsDelta,
    Delta,
    PartEnded,
    ReasoningDelta,
    Reply,
    TextDelta,
    ToolCallEnded,
    ToolCallStarted,
    fold,
)
from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import Part, Reasoning, Text, ToolCall
from llmrouter.core.chat.prompt import ChatPrompt, JsonSchema, Thinking
from llmrouter.core.chat.sealing import is_sealed, seal, unseal
from llmrouter.core.records import replace
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.interpreter import Interpreter, ReplyContext, WriteTarget
from llmrouter.dialects.sequence import Sequencer
from llmrouter.dialects.sse import EventSplitter
from tests.dialects import prompts
from tests.dialects.translating import ANTHROPIC, OPENAI

EACH = pytest.mark.parametrize("dialect", [ANTHROPIC, OPENAI], ids=lambda d: d.name)
PAIRS = pytest.mark.parametrize(
    ("first", "second"), [(ANTHROPIC, OPENAI), (OPENAI, ANTHROPIC)], ids=lambda d: d.name
)
MODELS = {"anthropic": "claude-opus-4-6", "openai": "gpt-5"}

QUICK = settings(max_examples=50)


def through(dialect: Interpreter, prompt: ChatPrompt) -> ChatPrompt:
    """The prompt, written in a dialect and read again; nothing may be lost."""
    losses = Losses()
    target = WriteTarget(MODELS[dialect.name], f"{dialect.name}:")
    document = dialect.write_request(prompt, target, losses)
    read = dialect.read_request(document, losses)
    assert losses.fields == ()
    return read


def unnamed(prompt: ChatPrompt) -> ChatPrompt:
    """The prompt without the name of its answer's schema, which only chat completions have."""
    match prompt.output:
        case JsonSchema() as output:
            return replace(prompt, output=replace(output, name=None))
        case _:
            return prompt


@EACH
@QUICK
@given(prompt=prompts.prompts())
def test_a_prompt_is_read_as_it_was_written(dialect: Interpreter, prompt: ChatPrompt) -> None:
    assert unnamed(through(dialect, prompt)) == prompt


@PAIRS
@QUICK
@given(prompt=prompts.prompts())
def test_a_prompt_survives_two_dialects(
    first: Interpreter, second: Interpreter, prompt: ChatPrompt
) -> None:
    assert unnamed(through(first, through(second, prompt))) == prompt


@PAIRS
@given(thinking=prompts.thoughtful)
def test_an_effort_survives_two_dialects(
    first: Interpreter, second: Interpreter, thinking: Thinking
) -> None:
    prompt = ChatPrompt(messages=(), max_output_tokens=1000, thinking=thinking)

    kept = through(first, through(second, prompt)).thinking

    assert kept is not None
    assert kept.effort == thinking.effort


def context(dialect: Interpreter) -> ReplyContext:
    return ReplyContext(
        origin=f"{dialect.name}:",
        model="m",
        fallback_id="f",
        created_s=1_790_000_000,
        stream=True,
        include_usage=True,
    )


def deltas_of(reply: Reply, draw: st.DataObject) -> Iterator[Delta]:
    """The reply in pieces."""
    yield reply.started
    for call, part in enumerate(reply.parts):
        match part:
            case Text(text):
                yield from (TextDelta(piece) for piece in pieces(text, draw))
                yield PartEnded()
            case Reasoning(text):
                yield from (ReasoningDelta(piece) for piece in pieces(text, draw))
                yield PartEnded()
            case ToolCall():
                yield ToolCallStarted(call, part.id, part.name)
                yield from (ArgumentsDelta(call, p) for p in pieces(part.arguments, draw))
                yield ToolCallEnded(call)
    yield reply.finished
    if reply.usage is not None:
        yield reply.usage


def pieces(text: str, draw: st.DataObject) -> list[str]:
    cut = draw.draw(st.integers(0, len(text)))
    return [text[:cut], text[cut:]]


def comparable(reply: Reply) -> Reply:
    """The reply without seals, ids' prefixes and raw counts, which each dialect has its own of."""
    assert reply.usage is not None
    return replace(
        reply,
        started=replace(reply.started, created_s=None),
        parts=tuple(_unsigned(part) for part in reply.parts),
        usage=replace(reply.usage, raw={}),
    )


def _unsigned(part: Part) -> Part:
    return Reasoning(part.text) if isinstance(part, Reasoning) else part


def read_stream(dialect: Interpreter, stream: bytes) -> Iterable[Delta]:
    decoder = dialect.decoder(context(dialect))
    for event in EventSplitter(10_000_000).feed(stream):
        yield from decoder.read_event(event.name, event.data or b"")
    assert decoder.is_over


@EACH
@QUICK
@given(reply=prompts.replies(), data=st.data())
def test_a_stream_is_read_as_it_was_written(
    dialect: Interpreter, reply: Reply, data: st.DataObject
) -> None:
    encoder = dialect.encoder(context(dialect))

    stream = b"".join(encoder.write(delta) for delta in deltas_of(reply, data))
    stream += b"".join(encoder.finish())

    assert comparable(fold(read_stream(dialect, stream))) == comparable(reply)


@EACH
@QUICK
@given(reply=prompts.replies(), data=st.data())
def test_a_whole_reply_is_read_as_it_was_written(
    dialect: Interpreter, reply: Reply, data: st.DataObject
) -> None:
    document = dialect.encoder(context(dialect)).whole(fold(deltas_of(reply, data)))

    read = fold(dialect.decoder(context(dialect)).read_whole(document))

    assert write_document(document)
    assert comparable(read) == comparable(reply)


@QUICK
@given(reply=prompts.replies(), data=st.data())
def test_interleaved_calls_come_out_one_after_the_other(reply: Reply, data: st.DataObject) -> None:
    calls = [part for part in reply.parts if isinstance(part, ToolCall)]
    queues: list[list[Delta]] = [
        [
            ToolCallStarted(index, call.id, call.name),
            *(ArgumentsDelta(index, piece) for piece in pieces(call.arguments, data)),
            ToolCallEnded(index),
        ]
        for index, call in enumerate(calls)
    ]
    mixed: list[Delta] = [queue.pop(0) for queue in queues]
    while waiting := [queue for queue in queues if queue]:
        mixed.append(data.draw(st.sampled_from(waiting)).pop(0))
    sequencer = Sequencer()

    ordered = [*sequencer.feed(mixed), *sequencer.finish()]

    assert list(fold(ordered).parts) == calls
    open_call: int | None = None
    for delta in ordered:
        match delta:
            case ToolCallStarted(call):
                assert open_call is None
                open_call = call
            case ArgumentsDelta(call):
                assert open_call == call
            case _:
                open_call = None


@given(origin=st.text(max_size=20), value=st.text(max_size=40))
def test_what_is_sealed_comes_home(origin: str, value: str) -> None:
    sealed = seal(origin, value)

    assert unseal(sealed) == (origin, value)
    # Gemini's clients decode the slot, and encode it again in the other alphabet.
    assert unseal(base64.urlsafe_b64encode(base64.b64decode(sealed)).decode()) == (origin, value)


@given(text=st.text() | st.binary().map(lambda b: seal("o", "")[:12] + b.hex()))
def test_nothing_else_is_taken_for_sealed(text: str) -> None:
    assert not is_sealed(text)
