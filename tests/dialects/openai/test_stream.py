"""Streams on their way through: what passes, what is kept back, what is a failure."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.usage import Usage
from tests.dialects.openai.replies import (
    DONE,
    ROLE,
    STOP,
    USAGE,
    USAGE_CHUNK,
    chunk,
    event,
    penny,
    read,
)

HELLO = chunk("Hello")
WORLD = chunk(" wörld\u2028!")
PLAIN = ROLE + HELLO + WORLD + STOP


def assert_same_wherever_cut(stream: bytes) -> None:
    """At every byte, and byte by byte."""
    whole = read(stream)
    assert read(stream, *range(len(stream))).told == whole.told
    for place in range(min(len(stream), 1_500)):
        assert read(stream, place).told == whole.told


def test_bytes_pass_untouched_and_the_terminator_waits() -> None:
    outcome = read(PLAIN + DONE)
    assert (outcome.content, outcome.terminator) == (PLAIN, DONE)
    assert outcome.content_type.startswith("text/event-stream")
    observed = outcome.observed
    assert (observed.first_token, observed.done) == (True, True)
    assert (observed.finish_reason, observed.response_model) == ("stop", "m-2026")
    assert observed.output_characters == len("Hello wörld\u2028!")
    assert observed.notes == []


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "a"},
        {"content": [{"type": "text", "text": "a"}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}]},
        {"reasoning_content": "a"},
        {"reasoning": "a"},
        {"refusal": "a"},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "a"}}]},
        {"function_call": {"arguments": "a"}},
    ],
)
def test_semantic_deltas_are_the_first_token(delta: dict[str, object]) -> None:
    outcome = read(chunk(delta=delta))
    assert outcome.observed.first_token
    assert outcome.observed.output_characters == 1


@pytest.mark.parametrize("delta", [{"images": [{}]}, {"audio": {"id": "x"}}])
def test_deltas_without_characters_are_tokens_too(delta: dict[str, object]) -> None:
    assert read(chunk(delta=delta)).observed.first_token


@pytest.mark.parametrize(
    "delta",
    [{}, {"role": "assistant"}, {"content": ""}, {"content": None}, {"tool_calls": []}, {"x": "y"}],
)
def test_other_deltas_are_no_token(delta: dict[str, object]) -> None:
    assert not read(chunk(delta=delta)).observed.first_token


def test_comments_are_no_token_and_pass_only_behind_one() -> None:
    waiting = b": keep-alive\n\n"
    assert not read(waiting * 3).observed.first_token
    outcome = read(waiting + ROLE + waiting + HELLO + waiting + STOP + DONE)
    assert outcome.content == ROLE + HELLO + waiting + STOP


FRAMINGS = [
    pytest.param(lambda s: s.replace(b"\n", b"\r\n"), id="CRLF"),
    pytest.param(lambda s: s.replace(b"\n", b"\r"), id="CR"),
    pytest.param(lambda s: s.replace(b"data: ", b"data:"), id="no space"),
    pytest.param(lambda s: s.replace(b'", "', b'",\ndata: "'), id="several data lines"),
    pytest.param(lambda s: s.replace(b"data: ", b"id: 4\n: note\ndata: "), id="with other lines"),
    pytest.param(lambda s: b"\n\n" + s, id="blank lines"),
]


@pytest.mark.parametrize("framed", FRAMINGS)
def test_every_framing_passes_as_it_came(framed) -> None:  # type: ignore[no-untyped-def]
    outcome = read(framed(PLAIN) + DONE)
    assert outcome.content == framed(PLAIN)
    assert outcome.observed.output_characters == len("Hello wörld\u2028!")


def test_a_byte_order_mark_is_taken_off() -> None:
    assert read(b"\xef\xbb\xbf" + PLAIN + DONE).content == PLAIN


@pytest.mark.parametrize(
    ("stream", "content", "note"),
    [
        pytest.param(PLAIN, PLAIN, "no_done", id="17a [DONE] is missing"),
        pytest.param(PLAIN + DONE + HELLO, PLAIN, "trailing", id="17d data behind [DONE]"),
        pytest.param(
            HELLO + b"data: {oops\n\n" + STOP + DONE, HELLO + STOP, "bad_event", id="18x no JSON"
        ),
        pytest.param(
            HELLO + b'data: {"choices": "\xff"}\n\n' + STOP + DONE,
            HELLO + STOP,
            "bad_event",
            id="18x no UTF-8",
        ),
        pytest.param(
            HELLO + event([1]) + STOP + DONE, HELLO + STOP, "foreign_event", id="no object"
        ),
        pytest.param(
            HELLO + event({"type": "ping"}) + STOP + DONE,
            HELLO + STOP,
            "foreign_event",
            id="no chunk",
        ),
        pytest.param(
            b"event: info\n" + event({"a": 1}) + PLAIN + DONE,
            PLAIN,
            "foreign_event",
            id="a named event",
        ),
    ],
)
def test_oddities_are_noted_and_the_answer_is_complete(
    stream: bytes, content: bytes, note: str
) -> None:
    outcome = read(stream)
    assert outcome.fault is None
    assert (outcome.content, outcome.terminator) == (content, DONE)
    assert outcome.observed.notes == [note]
    assert_same_wherever_cut(stream)


def test_an_emoji_cut_in_two_passes() -> None:
    halves = chunk("\ud83d") + chunk("\ude00")
    outcome = read(halves + STOP + DONE)
    assert outcome.content == halves + STOP
    assert outcome.observed.notes == []


def test_blocks_without_data_are_dropped() -> None:
    assert read(b"retry: 100\n\nid: 1\n\n" + PLAIN + DONE).content == PLAIN


def test_a_chunk_under_a_foreign_name_keeps_its_text() -> None:
    outcome = read(b"event: delta\n" + HELLO + b"event: message\n" + WORLD + STOP + DONE)
    document = json.loads(outcome.content.split(b"\n\n")[0].removeprefix(b"data: "))
    assert document == json.loads(HELLO.removeprefix(b"data: "))
    assert outcome.content.endswith(b"event: message\n" + WORLD + STOP)
    assert outcome.observed.notes == ["event_name"]


def test_a_terminator_without_its_empty_line_is_mended() -> None:
    assert read(PLAIN + b"data: [DONE]").terminator == DONE
    assert read((HELLO + STOP).rstrip()).content == HELLO + STOP


@pytest.mark.parametrize(
    ("stream", "kind", "phase"),
    [
        pytest.param(b"", "empty", "first_token", id="nothing"),
        pytest.param(DONE, "empty", "first_token", id="17c [DONE] only"),
        pytest.param(ROLE + DONE, "empty", "first_token", id="a role and [DONE]"),
        pytest.param(b": hi\n\n", "empty", "first_token", id="comments only"),
        pytest.param(b"upstream connect error", "bad_body", "first_token", id="prose"),
        pytest.param(b"data: nope\n\n" + b"data: no\n\n", "bad_body", "first_token", id="no JSON"),
        pytest.param(b" <html><body>Bad gateway", "bad_body", "first_token", id="15 HTML"),
        pytest.param(ROLE, "truncated", "first_token", id="a role alone"),
        pytest.param(ROLE + HELLO, "truncated", "stream", id="17b no end"),
        pytest.param(HELLO + b'data: {"choices": [', "truncated", "stream", id="cut in an event"),
        pytest.param(event({"error": {"message": "m"}}), "error_body", "first_token", id="14b"),
        pytest.param(HELLO + event({"error": {"message": "m"}}), "error_body", "stream", id="14a"),
        pytest.param(
            HELLO + b"event: error\ndata: m\n\n", "error_body", "stream", id="14a a named error"
        ),
        pytest.param(
            HELLO + chunk(finish="error") + DONE,
            "error_body",
            "stream",
            id="14a finish_reason error",
        ),
        pytest.param(
            HELLO + b"data: " + b"x" * 10_000, "too_large", "stream", id="20 endless line"
        ),
    ],
)
def test_broken_streams_fail(stream: bytes, kind: str, phase: str) -> None:
    outcome = read(stream)
    assert outcome.fault is not None
    assert (outcome.fault.kind, outcome.fault.phase) == (kind, phase)
    assert outcome.terminator == b""
    if phase == "stream":
        assert outcome.content == stream[: stream.index(HELLO)] + HELLO
    assert_same_wherever_cut(stream)


@pytest.mark.parametrize(
    ("error", "facts"),
    [
        (
            {"message": "slow down", "type": "rate_limit", "code": 429},
            ("slow down", "rate_limit", "429"),
        ),
        ("overloaded", ("overloaded", None, None)),
        ({"code": "x"}, ('{"code":"x"}', None, "x")),
    ],
)
def test_errors_keep_the_providers_words(error: object, facts: tuple[str | None, ...]) -> None:
    fault = read(HELLO + event({"error": error, "choices": []})).fault
    assert fault is not None
    assert (fault.message, fault.error_type, fault.code) == facts


def test_tokens_before_an_error_in_the_same_read_are_given_first() -> None:
    outcome = read(ROLE + HELLO + event({"error": "boom"}) + WORLD)
    assert outcome.content == ROLE + HELLO
    assert outcome.fault is not None


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("content_filter", "content_filter"),
        ("function_call", "function_call"),
        ("model_context_window_exceeded", "length"),
        ("max_tokens", "length"),
        ("STOP", "stop"),
        ("end_turn", "stop"),
        ("network_error", "stop"),
    ],
)
def test_only_known_finish_reasons_leave(sent: str, received: str) -> None:
    stream = HELLO + chunk(finish=sent, system_fingerprint="fp")
    outcome = read(stream + DONE)
    assert outcome.observed.finish_reason == received
    last = json.loads(outcome.content.split(b"data: ")[-1])
    assert last["choices"][0]["finish_reason"] == received
    assert last["system_fingerprint"] == "fp"
    is_unchanged = outcome.content == stream
    assert is_unchanged == (sent == received)
    assert outcome.observed.notes == ([] if is_unchanged else [f"finish_reason={sent}"])


COUNTED = Usage(uncached_input_tokens=10, text_output_tokens=5)


def test_the_usage_chunk_is_hidden_from_those_who_did_not_ask() -> None:
    outcome = read(PLAIN + USAGE_CHUNK + DONE, cost_of=penny)
    assert outcome.content == PLAIN
    assert outcome.observed.usage == COUNTED
    assert outcome.observed.raw_usage == USAGE


def test_the_usage_chunk_goes_to_those_who_asked() -> None:
    outcome = read(PLAIN + USAGE_CHUNK + DONE, include_usage=True)
    assert outcome.content == PLAIN + USAGE_CHUNK


def test_the_cost_is_added_to_the_usage_chunk() -> None:
    outcome = read(PLAIN + USAGE_CHUNK + DONE, include_usage=True, cost_of=penny)
    last = json.loads(outcome.content.removeprefix(PLAIN).removeprefix(b"data: "))
    assert last["usage"] == {**USAGE, "cost": 0.01}
    assert last["choices"] == []
    assert outcome.observed.raw_usage == USAGE


def test_a_cost_that_the_provider_sent_stays() -> None:
    billed = chunk(choices=[], usage={**USAGE, "cost": 0.25})
    outcome = read(PLAIN + billed + DONE, include_usage=True, cost_of=penny)
    assert outcome.content == PLAIN + billed
    assert outcome.observed.reported_cost_nusd == 250_000_000


def test_no_cost_is_added_where_the_price_is_not_known() -> None:
    outcome = read(PLAIN + USAGE_CHUNK + DONE, include_usage=True, cost_of=lambda _: None)
    assert outcome.content == PLAIN + USAGE_CHUNK


def test_usage_in_every_chunk_passes_and_the_last_counts() -> None:
    stream = chunk("a", usage={**USAGE, "completion_tokens": 1}) + chunk("b", usage=USAGE)
    outcome = read(stream + STOP + DONE)
    assert outcome.content == stream + STOP
    assert outcome.observed.usage == COUNTED


@pytest.mark.parametrize(
    ("usage", "notes"),
    [
        (None, []),
        ({}, []),
        ({"prompt_tokens": 0, "completion_tokens": 0}, []),
        ("many", ["bad_usage"]),
        ({"prompt_tokens": -1, "completion_tokens": 2**63}, ["bad_usage"]),
        ({"prompt_tokens": "ten", "completion_tokens": None}, ["bad_usage"]),
    ],
)
def test_usage_that_says_nothing_changes_nothing(usage: object, notes: list[str]) -> None:
    stream = HELLO + chunk(finish="stop", usage=usage)
    outcome = read(stream + DONE)
    assert outcome.content == stream
    assert outcome.observed.usage is None
    assert outcome.observed.notes == notes


EVENTS = st.sampled_from(
    [
        ROLE,
        HELLO,
        WORLD,
        STOP,
        USAGE_CHUNK,
        DONE,
        b": note\n\n",
        b"retry: 1\n\n",
        b"\r\n",
        b"data: {\n\n",
        b"\xef\xbb\xbf",
        b" ",
        event({"type": "ping"}),
        chunk(finish="eos"),
        event({"error": "boom"}),
        b"event: x\n",
        b"<",
        b"{",
        b'data: {"choices": "\xff"}\n\n',
        event({"choices": 3, "usage": [1]}),
        event({"choices": [None, {"delta": 1}]}),
        chunk(delta={"tool_calls": 3, "content": {"a": 1}}),
        chunk(usage={"prompt_tokens": "x"}),
    ]
)
STREAMS = st.lists(EVENTS, max_size=12).map(b"".join)


@given(STREAMS, st.lists(st.integers(0, 2_000), max_size=6), st.booleans())
def test_law_any_split_gives_the_same_reply(stream: bytes, cuts: list[int], ask: bool) -> None:
    whole = read(stream, include_usage=ask, cost_of=penny)
    cut = read(stream, *(min(c, len(stream)) for c in cuts), include_usage=ask, cost_of=penny)
    assert cut.told == whole.told


@pytest.mark.parametrize("framed", FRAMINGS)
def test_every_byte_boundary_gives_the_same_reply(framed) -> None:  # type: ignore[no-untyped-def]
    stream = framed(PLAIN + USAGE_CHUNK + DONE)
    assert read(stream).fault is None
    assert_same_wherever_cut(stream)


TEXT = st.text(max_size=20)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(TEXT, JSON_VALUES, max_size=4),
    st.dictionaries(TEXT, JSON_VALUES, max_size=4),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_law_no_byte_of_a_good_stream_changes(
    members: dict[str, object], delta: dict[str, object], line_end: str
) -> None:
    # Errors, and what `chunk` has words of its own for.
    taken = ("error", "object", "choices", "text", "finish", "delta")
    members = {n: v for n, v in members.items() if n not in taken}
    stream = chunk("a") + chunk(delta={**delta, "content": "b"}, **members) + STOP
    stream = stream.replace(b"\n", line_end.encode())
    assert read(stream + DONE).content == stream
