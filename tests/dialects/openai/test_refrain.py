"""Chunks that are like the one before are compared, not parsed; nobody can tell."""

from __future__ import annotations

import json
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.dialects import refrain as refrains
from llmrouter.dialects.fields import read_object
from llmrouter.dialects.openai import chunks, reply_to_core
from llmrouter.dialects.openai.refrain import refrain_of
from llmrouter.dialects.refrain import Refrain
from llmrouter.dialects.wire import Observed
from tests.dialects.openai.replies import DONE, chunk, read

BEFORE = b'data: {"id":"c","model":"m\\\\\xc3\xa9","choices":[{"index":0,"delta":{"content":"'
AFTER = b'"},"finish_reason":null}],"usage":null}\n\n'
PADDED = b'"},"finish_reason":null}],"obfuscation":"'
CALL = b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"'


def said(text: bytes) -> bytes:
    return BEFORE + text + AFTER


def padded(text: bytes, padding: bytes) -> bytes:
    return BEFORE + text + PADDED + padding + b'"}\n\n'


def learnt(raw: bytes) -> Refrain | None:
    return refrain_of(raw, json.loads(raw.removeprefix(b"data:")))


@pytest.mark.parametrize(
    ("learnt_from", "next_ones", "texts"),
    [
        (said(b"Hello"), [said(b" there"), said(b", you")], [" there", ", you"]),
        (said(b"a"), [said("日本 😀".encode())], ["日本 😀"]),
        (said(b"a"), [said(rb"one\n\ttwo \"\\\" \/")], ['one\n\ttwo "\\" /']),
        (said(b"a"), [said(b"")], [""]),
        (said(b"a").replace(b"data: ", b"data:"), [said(b"b").replace(b"data: ", b"data:")], ["b"]),
        (padded(b"a", b"x7"), [padded(b"b", b""), padded(b"cd", b"Zz9Zz9")], ["b", "cd"]),
        (CALL + b'{"}}]}}]}\n\n', [CALL + b'\\"a\\": 1"}}]}}]}\n\n'], ['"a": 1']),
    ],
)
def test_what_chunks_say_that_differ_in_their_text_alone(
    learnt_from: bytes, next_ones: list[bytes], texts: list[str]
) -> None:
    refrain = learnt(learnt_from)
    assert refrain is not None
    stream = b"".join(next_ones)
    skipped, parsed = Observed(), Observed()
    assert refrain.skip(b"..." + stream + b"data: {", 3, skipped) == 3 + len(stream)
    parsed.add_text("".join(texts))
    assert skipped == parsed
    assert refrain.text(next_ones[-1]) == texts[-1]


@pytest.mark.parametrize(
    "unlike",
    [
        said(b"a")[:-1],
        said(b'a"b'),
        said(rb"\u00e9"),
        said(rb"\x"),
        said(b"\\"),
        said(b"a\nb"),
        said(b"\xff"),
        said(b"a").replace(b'"c"', b'"d"'),
        said(b"a").replace(b"null}]", b'"stop"}]'),
        DONE,
    ],
)
def test_other_chunks_are_left_to_be_parsed(unlike: bytes) -> None:
    refrain = learnt(said(b"a"))
    assert refrain is not None
    observed = Observed()
    assert refrain.skip(unlike, 0, observed) == 0
    assert observed == Observed()
    assert refrain.skip(said(b"b") + unlike, 0, observed) in (0, len(said(b"b")))
    assert refrain.text(unlike) is None
    assert refrain.text(said(b"b") + unlike) is None


@pytest.mark.parametrize(
    "raw",
    [
        chunk(delta={"role": "assistant"}),
        chunk("a", finish="stop"),
        chunk("a", usage={"prompt_tokens": 1}),
        chunk(delta={"content": "a", "reasoning": "b"}),
        said(b"a").replace(b"\n\n", b"\r\n\r\n"),
        said(b"a").replace(b'"content"', b'"content":"","content"'),
        b"data: " + json.dumps({"choices": [{"delta": {"content": "a"}}] * 2}).encode() + b"\n\n",
    ],
)
def test_a_chunk_that_says_more_than_one_text_teaches_nothing(raw: bytes) -> None:
    refrain = learnt(raw)
    assert refrain is None or b'"content":"","content":"' in raw


def test_of_a_long_stream_few_chunks_are_parsed() -> None:
    stream = [said(b"word %d" % n) for n in range(50)]
    with mock.patch.object(chunks, "read_reply", wraps=chunks.read_reply) as parse:
        assert read(b"".join(stream) + chunk(finish="stop") + DONE).fault is None
        assert parse.call_count == 2
    with mock.patch.object(reply_to_core, "read_object", wraps=read_object) as parse:
        assert len(deltas(stream)) == 50
        assert parse.call_count < 4


PIECES = st.sampled_from(
    [
        b"a",
        b"word ",
        b'"',
        b"\\",
        b"\\n",
        b"\\u00e9",
        b"\\ud83d",
        "é".encode(),
        b"\xff",
        b"\n",
        b"}",
    ]
)
CHUNKS = st.one_of(
    st.builds(said, st.lists(PIECES, max_size=4).map(b"".join)),
    st.builds(padded, PIECES, st.sampled_from([b"", b"aB3", b'"', b"\\n"])),
    st.builds(lambda text: CALL + text + b'"}}]}}]}\n\n', PIECES),
    st.sampled_from(
        [chunk("a"), chunk("b"), chunk("c", finish="stop"), DONE, b": still here\n\n", b"\r\n"]
    ),
)


@given(st.lists(CHUNKS, max_size=12).map(b"".join), st.lists(st.integers(0, 2_000), max_size=4))
def test_law_what_is_compared_and_what_is_parsed_tell_the_same(
    stream: bytes, cuts: list[int]
) -> None:
    compared = read(stream, *(min(cut, len(stream)) for cut in cuts))
    with mock.patch.object(refrains, "REFRAINS", 0):
        parsed = read(stream)
    assert compared.told == parsed.told


@given(st.lists(CHUNKS, max_size=12))
def test_law_translation_hears_the_same_of_chunks_that_are_compared(events: list[bytes]) -> None:
    compared = deltas(events)
    with mock.patch.object(reply_to_core, "REFRAINS", 0):
        assert deltas(events) == compared


def deltas(events: list[bytes]) -> list[object]:
    """What is heard of each chunk, or the kind of error that it is."""
    decoder, heard = reply_to_core.ReplyDecoder("lab"), list[object]()
    for event in events:
        try:
            heard.append(list(decoder.read_event(None, event.removeprefix(b"data: ").rstrip())))
        except ValueError as error:
            heard.append(type(error))
    return heard
