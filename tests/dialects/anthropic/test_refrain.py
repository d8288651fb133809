"""Deltas that are like the one before are compared, not parsed; nobody can tell."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmrouter.core.chat.deltas import TextDelta
from llmrouter.core.errors import AttemptError
from llmrouter.dialects import refrain as refrains
from llmrouter.dialects.anthropic import reply_decoder
from llmrouter.dialects.anthropic.native import NativeCodec
from llmrouter.dialects.anthropic.refrain import refrain_of
from llmrouter.dialects.fields import read_object
from llmrouter.dialects.refrain import Refrain
from llmrouter.dialects.wire import Observed
from tests.dialects.translating import anthropic_request

STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def event(kind: str, **members: Any) -> bytes:
    document = json.dumps({"type": kind, **members}, separators=(",", ":"))
    return f"event: {kind}\ndata: {document}\n\n".encode()


def said(
    text: bytes, *, index: int = 0, kind: str = "text_delta", member: str = "text", gap: str = ""
) -> bytes:
    head = f'event: content_block_delta\ndata: {{"type":"content_block_delta","index":{index},'
    delta = f'"delta":{{"type":"{kind}","{member}":{gap}"'
    return (head + delta).encode() + text + b'"}}\n\n'


def thought(text: bytes) -> bytes:
    return said(text, kind="thinking_delta", member="thinking")


def argued(text: bytes) -> bytes:
    return said(text, index=1, kind="input_json_delta", member="partial_json")


def learnt(raw: bytes) -> Refrain | None:
    return refrain_of(raw, raw.removesuffix(b"\n\n").rpartition(b"data: ")[2])


@pytest.mark.parametrize(
    ("learnt_from", "next_ones", "texts"),
    [
        (said(b"Hello"), [said(b" there"), said(b", you")], [" there", ", you"]),
        (said(b"a", gap=" "), [said("日本 😀".encode(), gap=" ")], ["日本 😀"]),
        (said(b"a"), [said(rb"one\n\ttwo \"\\\" \/")], ['one\n\ttwo "\\" /']),
        (said(b"a"), [said(b"")], [""]),
        (thought(b"So"), [thought(b", first")], [", first"]),
        (argued(rb"{\"a\":"), [argued(rb" \"b\"")], [' "b"']),
        (said(b"text_delta"), [said(b"text")], ["text"]),
    ],
)
def test_what_deltas_say_that_differ_in_their_text_alone(
    learnt_from: bytes, next_ones: list[bytes], texts: list[str]
) -> None:
    refrain = learnt(learnt_from)
    assert refrain is not None
    stream = b"".join(next_ones)
    skipped, parsed = Observed(), Observed()
    assert refrain.skip(b"..." + stream + b"event: c", 3, skipped) == 3 + len(stream)
    parsed.add_text("".join(texts))
    assert skipped == parsed


@pytest.mark.parametrize(
    "unlike",
    [
        said(b"a")[:-1],
        said(b'a"b'),
        said(rb"\u00e9"),
        said(b"\xff"),
        said(b"a\nb"),
        said(b"a", index=1),
        thought(b"a"),
        STOP,
        b"data" + said(b"a").partition(b"data")[2],
    ],
)
def test_other_events_are_left_to_be_parsed(unlike: bytes) -> None:
    refrain = learnt(said(b"a"))
    assert refrain is not None
    observed = Observed()
    assert refrain.skip(unlike, 0, observed) == 0
    assert observed == Observed()


@pytest.mark.parametrize(
    "raw",
    [
        said(b""),  # it is no token yet
        said(b"a").replace(b"\n", b"\r\n"),
        said(b"a").replace(b',"delta"', b',\ndata: "delta"'),
        said(b"EqQB", kind="signature_delta", member="signature"),
        event("content_block_start", index=0, content_block={"type": "text", "text": "a"}),
        event("ping"),
        b"event: content_block_delta\ndata: {\n\n",
        b": \xff\n" + said(b"a"),  # no UTF-8 where nobody reads it
        said(b"a").replace(b"\ndata", b"\xff\ndata"),
    ],
)
def test_an_event_that_is_no_text_on_one_line_teaches_nothing(raw: bytes) -> None:
    assert learnt(raw) is None


def test_of_a_long_stream_few_events_are_parsed() -> None:
    stream = OPENED + b"".join(said(b"word %d" % n) for n in range(50))
    with mock.patch.object(reply_decoder, "read_object", wraps=read_object) as parse:
        told = read(stream + ENDED, event_bytes=10_000)
    assert told[0] == stream + ENDED.removesuffix(STOP)
    assert parse.call_count == 6  # what stands before the deltas and behind them, and one of them


START = event("message_start", message={"id": "m", "model": "c", "usage": {"input_tokens": 9}})
BLOCKS = [
    event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    event("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""}),
    event("content_block_start", index=1, content_block={"type": "tool_use", "id": "t"}),
]
OPENED = START + BLOCKS[0]
FAULT = event("error", error={"type": "overloaded_error"})
ENDED = (
    event("content_block_stop", index=0)
    + event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5})
    + STOP
)
PIECES = st.sampled_from(
    [b"a", b"word ", b'"', b"\\", b"\\n", b"\\u00e9", "é".encode(), b"\xff", b"\n", b"}"]
)
TEXTS = st.lists(PIECES, max_size=3).map(b"".join)
EVENTS = st.one_of(
    st.builds(said, TEXTS),
    st.builds(said, TEXTS),
    st.builds(thought, TEXTS),
    st.builds(argued, TEXTS),
    st.sampled_from(
        [
            *BLOCKS,
            said(b"long " * 400),
            said(b"a", kind="signature_delta", member="signature"),
            event("ping"),
            event("content_block_stop", index=0),
            b": still here\n\n",
            b": caf\xe9\n" + said(b"a"),
            b"\r\n",
            FAULT,
            ENDED,
        ]
    ),
)


def read(stream: bytes, *cuts: int, event_bytes: int = 1_500) -> tuple[object, ...]:
    """Everything that must not depend on whether events are compared, or how they were cut."""
    reader = NativeCodec().reader(
        anthropic_request(stream=True),
        content_type="text/event-stream",
        event_bytes=event_bytes,
        body_bytes=10_000,
        cost_of=None,
    )
    content, start = b"", 0
    fault: tuple[object, ...] | None = None
    terminator = b""
    try:
        for end in (*sorted(cuts), len(stream)):
            content += reader.feed(stream[start:end])
            start = end
        last, terminator = reader.finish()
        content += last
    except AttemptError as error:
        fault = (error.kind, error.phase, error.message)
    # Before the first token nothing goes out, so a fault there takes the content with it.
    content = content if reader.observed.first_token or not fault else b""
    return content, terminator, reader.observed, fault


SAID = len(OPENED + said(b"a"))


@given(st.lists(EVENTS, max_size=12).map(b"".join), st.lists(st.integers(0, 2_000), max_size=4))
@example(said(b"a") + FAULT + said(b"b"), [SAID, SAID + len(FAULT)])
@example(said(b"a") + said(b"b") + FAULT + said(b"c"), [SAID, SAID + len(said(b"b") + FAULT)])
@example(said(b"a") + BLOCKS[1] + said(b"b"), [SAID, SAID + len(BLOCKS[1])])
@example(said(b"a") + b"data: {\n" + said(b"b"), [SAID, SAID + len(b"data: {\n")])
def test_law_what_is_compared_and_what_is_parsed_tell_the_same(
    events: bytes, cuts: list[int]
) -> None:
    stream = OPENED + events + ENDED
    compared = read(stream, *(min(cut, len(stream)) for cut in cuts))
    with mock.patch.object(refrains, "REFRAINS", 0):
        parsed = read(stream)
    assert compared == parsed


@given(st.lists(EVENTS, max_size=12))
@example([BLOCKS[0], said(b"a"), BLOCKS[1], said(b"b")])
@example([BLOCKS[0], said(b"a"), said(b""), said(b"b", index=1), said(b"c")])
def test_law_translation_hears_the_same_of_deltas_that_are_compared(events: list[bytes]) -> None:
    compared = deltas(events)
    with mock.patch.object(reply_decoder, "REFRAINS", 0):
        assert deltas(events) == compared


def test_translation_parses_few_deltas_of_a_long_stream() -> None:
    with mock.patch.object(reply_decoder, "read_object", wraps=read_object) as parse:
        heard = deltas([BLOCKS[0], *(said(b"word %d" % n) for n in range(50))])
    assert heard[1:] == [[TextDelta(f"word {n}")] for n in range(50)]
    assert parse.call_count == 2


def deltas(events: list[bytes]) -> list[object]:
    """What is heard of each event, or the kind of error that it is."""
    decoder, heard = reply_decoder.ReplyDecoder("lab"), list[object]()
    for event in events:
        data = event.removesuffix(b"\n\n").rpartition(b"data: ")[2]
        try:
            heard.append(list(decoder.read_event("x", data)))
        except (ValueError, AttemptError) as error:
            heard.append(type(error))
    return heard
