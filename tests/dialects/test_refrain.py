"""Chunks that are like the one before are compared, not parsed; nobody can tell."""

from __future__ import annotations

import json
from types import ModuleType
from typing import NamedTuple
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmrouter.core.errors import AttemptError
from llmrouter.core.requests import ChatRequest
from llmrouter.dialects import refrain as refrains
from llmrouter.dialects.anthropic import reply_decoder
from llmrouter.dialects.openai import chunks, reader, reply_to_core
from llmrouter.dialects.registry import codec
from llmrouter.dialects.wire import Codec, Observed
from tests.dialects.openai.replies import DONE, chunk
from tests.dialects.speeches import (
    ANTHROPIC,
    BLOCKS,
    ERROR,
    FAULT,
    LONG,
    OPENAI,
    Speech,
    argued,
    arguments,
    content,
    delta,
    event,
    padded,
    thought,
)
from tests.dialects.translating import TO_ANTHROPIC, TO_OPENAI, anthropic_request, openai_request

EACH = pytest.mark.parametrize("speech", [OPENAI, ANTHROPIC], ids=str)


@EACH
@pytest.mark.parametrize(
    ("written", "text"),
    [
        (b" there", " there"),
        ("日本 😀".encode(), "日本 😀"),
        (rb"one\n\ttwo \"\\\" \/", 'one\n\ttwo "\\" /'),
        (b"", ""),
        (b"content text_delta", "content text_delta"),
    ],
)
def test_what_chunks_say_that_differ_in_their_text_alone(
    speech: Speech, written: bytes, text: str
) -> None:
    said = speech.said
    assert_heard(speech, said(b"a"), [said(b"b"), said(written)], ["b", text])


@pytest.mark.parametrize(
    ("speech", "learnt_from", "next_ones", "texts"),
    [
        (OPENAI, padded(b"a", b"x7"), [padded(b"b", b""), padded(b"cd", b"Z9Z")], ["b", "cd"]),
        (OPENAI, arguments(b"{"), [arguments(rb"\"a\": 1")], ['"a": 1']),
        (OPENAI, content(b"a").replace(b" ", b""), [content(b"b").replace(b" ", b"")], ["b"]),
        (ANTHROPIC, delta(b"a", gap=" "), [delta(b"b", gap=" ")], ["b"]),
        (ANTHROPIC, delta(b"text_delta"), [delta(b"text")], ["text"]),
        (ANTHROPIC, thought(b"So"), [thought(b", first")], [", first"]),
        (ANTHROPIC, argued(rb"{\"a\":"), [argued(rb" \"b\"")], [' "b"']),
    ],
)
def test_what_they_say_in_other_places(
    speech: Speech, learnt_from: bytes, next_ones: list[bytes], texts: list[str]
) -> None:
    assert_heard(speech, learnt_from, next_ones, texts)


def assert_heard(
    speech: Speech, learnt_from: bytes, next_ones: list[bytes], texts: list[str]
) -> None:
    refrain = speech.learnt(learnt_from)
    assert refrain is not None
    stream = b"".join(next_ones)
    skipped, parsed = Observed(), Observed()
    assert refrain.skip(b"..." + stream + b"data: {", 3, skipped) == 3 + len(stream)
    parsed.add_text("".join(texts))
    assert skipped == parsed
    assert [refrain.text(each) for each in next_ones] == texts


@pytest.mark.parametrize(
    ("speech", "unlike"),
    [
        *(
            (speech, unlike)
            for speech in (OPENAI, ANTHROPIC)
            for unlike in (
                *map(speech.said, [b'a"b', rb"\u00e9", rb"\x", b"\\", b"a\nb", b"\xff"]),
                speech.said(b"a")[:-1],
                speech.ended,
            )
        ),
        (OPENAI, content(b"a").replace(b'"c"', b'"d"')),
        (OPENAI, content(b"a").replace(b"null}]", b'"stop"}]')),
        (OPENAI, DONE),
        (ANTHROPIC, delta(b"a", index=1)),
        (ANTHROPIC, thought(b"a")),
        (ANTHROPIC, b"data" + delta(b"a").partition(b"data")[2]),
    ],
)
def test_other_chunks_are_left_to_be_parsed(speech: Speech, unlike: bytes) -> None:
    refrain = speech.learnt(speech.said(b"a"))
    assert refrain is not None
    like = speech.said(b"b")
    observed = Observed()
    assert refrain.skip(unlike, 0, observed) == 0
    assert observed == Observed()
    assert refrain.skip(like + unlike, 0, observed) in (0, len(like))
    assert refrain.text(unlike) is None
    assert refrain.text(like + unlike) is None


TWO_CHOICES = json.dumps({"choices": [{"delta": {"content": "a"}}] * 2}).encode()


@pytest.mark.parametrize(
    ("speech", "raw"),
    [
        (OPENAI, chunk(delta={"role": "assistant"})),
        (OPENAI, chunk("a", finish="stop")),
        (OPENAI, chunk("a", usage={"prompt_tokens": 1})),
        (OPENAI, chunk(delta={"content": "a", "reasoning": "b"})),
        (OPENAI, content(b"a").replace(b"\n\n", b"\r\n\r\n")),
        (OPENAI, b"data: " + TWO_CHOICES + b"\n\n"),
        (ANTHROPIC, delta(b"")),  # it is no token yet
        (ANTHROPIC, delta(b"a").replace(b"\n", b"\r\n")),
        (ANTHROPIC, delta(b"a").replace(b',"delta"', b',\ndata: "delta"')),
        (ANTHROPIC, delta(b"EqQB", kind="signature_delta", member="signature")),
        (ANTHROPIC, BLOCKS[0]),
        (ANTHROPIC, event("ping")),
        (ANTHROPIC, b"event: content_block_delta\ndata: {\n\n"),
        (ANTHROPIC, b": \xff\n" + delta(b"a")),  # no UTF-8 where nobody reads it
        (ANTHROPIC, delta(b"a").replace(b"\ndata", b"\xff\ndata")),
    ],
)
def test_a_chunk_that_is_not_one_text_on_one_line_teaches_nothing(
    speech: Speech, raw: bytes
) -> None:
    assert speech.learnt(raw) is None


def test_of_two_members_of_one_name_the_last_one_counts() -> None:
    twice = content(b"a").replace(b'"content"', b'"content":"","content"')
    refrain = OPENAI.learnt(twice)
    assert refrain is not None
    assert refrain.text(twice.replace(b'"a"', b'"b"')) == "b"


class Way(NamedTuple):
    """A codec for streams of a speech, and a request that asks for one."""

    codec: Codec
    speech: Speech
    request: ChatRequest


ASKS_OPENAI, ASKS_ANTHROPIC = openai_request(stream=True), anthropic_request(stream=True)
WAYS = {
    "openai": Way(codec("openai", "openai"), OPENAI, ASKS_OPENAI),
    "anthropic": Way(codec("anthropic", "anthropic"), ANTHROPIC, ASKS_ANTHROPIC),
    "to openai": Way(TO_OPENAI, OPENAI, ASKS_ANTHROPIC),
    "to anthropic": Way(TO_ANTHROPIC, ANTHROPIC, ASKS_OPENAI),
}


def read(way: Way, stream: bytes, *cuts: int) -> tuple[object, ...]:
    """Everything that must not depend on whether chunks are compared, or how they were cut."""
    reply = way.codec.reader(
        way.request,
        content_type="text/event-stream",
        event_bytes=1_500,
        body_bytes=10_000,
        cost_of=None,
    )
    given, start, terminator = b"", 0, b""
    fault: tuple[object, ...] | None = None
    try:
        for end in (*sorted(cuts), len(stream)):
            given += reply.feed(stream[start:end])
            start = end
        last, terminator = reply.finish()
        given += last
    except AttemptError as error:
        fault = (error.kind, error.phase, error.message)
    # Before the first token nothing goes out, so a fault there takes the content with it.
    given = given if reply.observed.first_token or not fault else b""
    return given, terminator, reply.observed, fault


@pytest.mark.parametrize(
    ("way", "module", "name"),
    [
        ("openai", chunks, "read_reply"),
        ("anthropic", reply_decoder, "read_object"),
        ("to openai", reply_to_core, "read_object"),
        ("to anthropic", reply_decoder, "read_object"),
    ],
)
def test_of_a_long_stream_few_chunks_are_parsed(way: str, module: ModuleType, name: str) -> None:
    speech = WAYS[way].speech
    said = [speech.said(b"word %d" % n) for n in range(50)]
    stream = speech.opened + b"".join(said) + speech.ended
    bounds = range(len(speech.opened), len(stream), 1_000)
    with mock.patch.object(module, name, wraps=getattr(module, name)) as parse:
        *_, fault = read(WAYS[way], stream, *bounds)
    assert fault is None
    # What stands before the texts and behind them, some of them, and what the cuts fell upon.
    assert parse.call_count <= 15


@pytest.mark.parametrize(
    ("way", "module", "name"),
    [
        ("openai", reader, "refrain_of"),
        ("anthropic", reply_decoder, "refrain_of"),
        ("anthropic", reply_decoder, "read_object"),
    ],
)
def test_chunks_that_come_in_pieces_are_compared_too(
    way: str, module: ModuleType, name: str
) -> None:
    speech = WAYS[way].speech
    stream = speech.opened + b"".join(speech.said(b"word %d" % n) for n in range(50))
    stream += speech.ended
    with mock.patch.object(module, name, wraps=getattr(module, name)) as work:
        *_, fault = read(WAYS[way], stream, *range(0, len(stream), 61))
    assert fault is None
    assert work.call_count < 8


CUTS = st.lists(st.integers(0, 2_000), max_size=4)


@pytest.mark.parametrize("way", ["openai", "to openai"])
@given(st.lists(OPENAI.chunks, max_size=12), CUTS)
@example([content(b"a"), content(b"b"), content(b""), content(b"c"), content(b"d")], [])
@example([content(LONG)], [])
@example([content(b"a"), ERROR, content(LONG)], [])
@example([content(b"a"), content(LONG)], [len(OPENAI.opened + content(b"a"))])
@example([content(b"a"), b"event: x\n" + content(b"b"), content(b"c")], [])
def test_law_chat_completions_that_are_compared_tell_the_same(
    way: str, said: list[bytes], cuts: list[int]
) -> None:
    assert_same(WAYS[way], said, cuts)


AFTER_A = len(ANTHROPIC.opened + delta(b"a"))


@pytest.mark.parametrize("way", ["anthropic", "to anthropic"])
@given(st.lists(ANTHROPIC.chunks, max_size=12), CUTS)
@example([delta(b"a"), FAULT, delta(b"b")], [AFTER_A, AFTER_A + len(FAULT)])
@example(
    [delta(b"a"), delta(b"b"), FAULT, delta(b"c")], [AFTER_A, AFTER_A + len(delta(b"b") + FAULT)]
)
@example([delta(b"a"), delta(b"b"), delta(b"c")], [AFTER_A, AFTER_A + 9])
@example([delta(b"a"), delta(LONG)], [AFTER_A])
@example([delta(b"a"), BLOCKS[1], delta(b"b")], [AFTER_A, AFTER_A + len(BLOCKS[1])])
@example([delta(b"a"), b"data: {\n", delta(b"b")], [AFTER_A, AFTER_A + len(b"data: {\n")])
@example([delta(b"a"), delta(b"b"), delta(b""), delta(b"c", index=1), delta(b"d")], [])
@example([delta(LONG)], [])
@example([delta(b"a"), FAULT, delta(LONG)], [])
def test_law_messages_that_are_compared_tell_the_same(
    way: str, said: list[bytes], cuts: list[int]
) -> None:
    assert_same(WAYS[way], said, cuts)


def assert_same(way: Way, said: list[bytes], cuts: list[int]) -> None:
    stream = way.speech.opened + b"".join(said) + way.speech.ended
    compared = read(way, stream, *(min(cut, len(stream)) for cut in cuts))
    with mock.patch.object(refrains, "REFRAINS", 0):
        assert read(way, stream) == compared
