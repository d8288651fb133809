"""Server-sent events, however the bytes arrive."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.errors import AttemptError
from llmrouter.dialects.sse import EventSplitter, ServerSentEvent, encode_event

LIMIT = 1_000


def split(stream: bytes, *cuts: int, limit: int = LIMIT) -> list[ServerSentEvent]:
    """The events of a stream that arrived in chunks cut at these places."""
    splitter = EventSplitter(limit)
    events: list[ServerSentEvent] = []
    places = [0, *sorted(cuts), len(stream)]
    for start, end in pairwise(places):
        events += splitter.feed(stream[start:end])
    return events + splitter.finish()


def data_of(stream: bytes) -> list[bytes | None]:
    return [event.data for event in split(stream)]


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        pytest.param(b"data: a\n\ndata: b\n\n", [b"a", b"b"], id="LF"),
        pytest.param(b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"], id="CRLF"),
        pytest.param(b"data: a\r\rdata: b\r\r", [b"a", b"b"], id="CR"),
        pytest.param(b"data: a\n\r\ndata: b\r\n\n", [b"a", b"b"], id="mixed"),
        pytest.param(b"data: a\n\rdata: b\n\n", [b"a", b"b"], id="LF then CR"),
        pytest.param(b"data: a\r\r\ndata: b\n\n", [b"a", b"b"], id="CR then CRLF"),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n", [b"a"], id="byte order mark"),
        pytest.param(b"data:a\n\n", [b"a"], id="no space"),
        pytest.param(b"data:  a\n\n", [b" a"], id="only one space is dropped"),
        pytest.param(b"data: a\ndata: b\ndata\n\n", [b"a\nb\n"], id="several lines"),
        pytest.param(b"id: 7\nretry: 10\ndata: a\n\n", [b"a"], id="other fields"),
        pytest.param(b"id: 7\nretry: 10\n\n", [None], id="no data"),
        pytest.param(b"data: a", [b"a"], id="the end is missing"),
        pytest.param(b"\n\ndata: a\n\n\n", [None, b"a", None], id="empty lines"),
        pytest.param(
            "data: a\u2028b\x0bc\x0cd\x85\n\n".encode(),
            ["a\u2028b\x0bc\x0cd\x85".encode()],
            id="other line separators are text",
        ),
    ],
)
def test_data_is_read_whatever_the_framing(stream: bytes, data: list[bytes | None]) -> None:
    assert data_of(stream) == data


def test_names_and_comments_are_told() -> None:
    stream = b": keep-alive\n\nevent: error\ndata: {}\n\n: note\ndata: x\n\n"
    comment, error, both = split(stream)
    assert comment.is_comment_only
    assert comment.data is None
    assert (error.name, error.data) == ("error", b"{}")
    assert (both.name, both.data, both.is_comment_only) == (None, b"x", False)


def test_an_event_is_given_as_soon_as_it_is_whole() -> None:
    for stream in (b"data: a\n\n", b"data: a\r\n\r\n", b"data: a\r\r"):
        assert [event.data for event in EventSplitter(LIMIT).feed(stream)] == [b"a"]


def test_encoded_events_read_back() -> None:
    assert split(encode_event(b"{}", "error") + encode_event(b"[DONE]")) == [
        ServerSentEvent(b"event: error\ndata: {}\n\n", "error", b"{}"),
        ServerSentEvent(b"data: [DONE]\n\n", None, b"[DONE]"),
    ]


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize("ending", [b"", b"\n\n", b"\r\n\r\n"])
def test_an_event_past_the_limit_is_refused_after_those_before_it(step: int, ending: bytes) -> None:
    stream = b"data: a\n\ndata: b\n\ndata: " + b"x" * LIMIT + ending
    splitter = EventSplitter(LIMIT)
    seen: list[bytes | None] = []

    def read_all() -> None:
        for start in range(0, len(stream), step):
            seen.extend(event.data for event in splitter.feed(stream[start : start + step]))
        splitter.finish()

    with pytest.raises(AttemptError) as caught:
        read_all()
    assert caught.value.kind == "too_large"
    assert seen == [b"a", b"b"]


PIECES = st.sampled_from(
    b"data: x|data:y|event: e|: c|id: 1|data: \xc3\xa9\xe2\x80\xa8|data|\xef\xbb\xbf|\xff".split(
        b"|"
    )
    + b"\n|\r|\r\n|\n\n|\r\n\r\n|\r\r".split(b"|")
)
STREAMS = st.lists(PIECES, max_size=30).map(b"".join)


@given(STREAMS, st.lists(st.integers(0, 200), max_size=8))
def test_law_any_split_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    whole = split(stream)
    assert split(stream, *(min(cut, len(stream)) for cut in cuts)) == whole
    assert split(stream, *range(len(stream))) == whole


@given(STREAMS)
def test_law_the_raw_bytes_are_the_stream(stream: bytes) -> None:
    assert b"".join(event.raw for event in split(stream)) == stream


@given(STREAMS)
def test_law_line_ends_do_not_matter(stream: bytes) -> None:
    """The same lines ended by LF give the same data and names."""
    plain = b"".join(line + b"\n" for line in stream.splitlines())

    def told(stream: bytes) -> list[tuple[str | None, bytes]]:
        return [(e.name, e.data) for e in split(stream) if e.data is not None]

    assert told(stream) == told(plain)
