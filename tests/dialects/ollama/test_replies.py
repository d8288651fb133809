"""Ollama replies, from providers and for clients (`tests/contract/ollama`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmrouter.core.errors import AttemptError
from llmrouter.core.usage import Usage
from tests.dialects.clients import openai_completion
from tests.dialects.gemini.speaking import fault_of, receive
from tests.dialects.gemini.test_replies import unnumbered
from tests.dialects.ollama.speaking import (
    FROM_OPENAI_CLIENT,
    NATIVE,
    TO_OPENAI_PROVIDER,
    line,
    ollama_request,
)
from tests.dialects.translating import CONTRACT, openai_request

REPLIES = sorted((CONTRACT / "ollama" / "replies").iterdir())
EXPECTED = sorted((CONTRACT / "ollama" / "from_openai").iterdir())
FROM_OPENAI = CONTRACT / "anthropic" / "from_openai"
STREAMED = openai_request(stream=True, stream_options={"include_usage": True})
PLAIN = ollama_request(stream=False)


def named(path: Path) -> str:
    return path.stem


def message_of(stream: bytes) -> dict[str, Any]:
    """The reply that a stream builds, as Ollama's libraries do it."""
    *before, last = [json.loads(text) for text in stream.split(b"\n") if text]
    assert all(said["done"] is False for said in before)
    assert last["done"] is True
    message: dict[str, Any] = {}
    for said in (*before, last):
        for name, value in said["message"].items():
            grows = name in message and name != "role"
            message[name] = message[name] + value if grows else value
    return {**last, "message": message}


@pytest.mark.parametrize("case", REPLIES, ids=named)
class TestRepliesForChatClients:
    def test_whole(self, case: Path) -> None:
        got = receive(FROM_OPENAI_CLIENT, (case / "whole.json").read_bytes(), openai_request())

        assert got.document == json.loads((case / "openai.json").read_text())
        assert got.observed.notes == []

    def test_streamed_as_the_same_completion(self, case: Path) -> None:
        got = receive(FROM_OPENAI_CLIENT, (case / "stream.ndjson").read_bytes(), STREAMED)

        completion = openai_completion(got.content + got.terminator)
        expected = json.loads((case / "openai.json").read_text())
        del completion["id"], expected["id"]
        assert unnumbered(completion) == unnumbered(expected)
        assert got.observed.notes == []

    def test_the_same_however_the_bytes_are_cut(self, case: Path) -> None:
        stream = (case / "stream.ndjson").read_bytes()
        uncut = receive(FROM_OPENAI_CLIENT, stream, STREAMED)

        for at in range(len(stream)):
            assert receive(FROM_OPENAI_CLIENT, stream, STREAMED, at) == uncut
        assert receive(FROM_OPENAI_CLIENT, stream, STREAMED, *range(len(stream))) == uncut


@pytest.mark.parametrize("case", EXPECTED, ids=named)
class TestChatRepliesForOllamaClients:
    def test_whole(self, case: Path) -> None:
        reply = (FROM_OPENAI / case.stem / "whole.json").read_bytes()

        assert receive(TO_OPENAI_PROVIDER, reply, PLAIN).document == json.loads(case.read_text())

    def test_streamed_as_the_same_reply(self, case: Path) -> None:
        stream = (FROM_OPENAI / case.stem / "stream.sse").read_bytes()

        got = receive(TO_OPENAI_PROVIDER, stream, ollama_request())

        assert message_of(got.content + got.terminator) == json.loads(case.read_text())
        assert b'"done":true' not in got.content
        assert got.terminator.count(b"\n") == 1

    def test_the_same_however_the_bytes_are_cut(self, case: Path) -> None:
        stream = (FROM_OPENAI / case.stem / "stream.sse").read_bytes()
        uncut = receive(TO_OPENAI_PROVIDER, stream, ollama_request())

        for at in range(0, len(stream), 11):
            assert receive(TO_OPENAI_PROVIDER, stream, ollama_request(), at) == uncut
        cuts = range(len(stream))
        assert receive(TO_OPENAI_PROVIDER, stream, ollama_request(), *cuts) == uncut

    def test_to_generate_in_the_line_itself(self, case: Path) -> None:
        stream = (FROM_OPENAI / case.stem / "stream.sse").read_bytes()

        got = receive(TO_OPENAI_PROVIDER, stream, ollama_request("/api/generate"))

        lines = [json.loads(said) for said in (got.content + got.terminator).split(b"\n") if said]
        assert all("message" not in said for said in lines)
        expected = json.loads(case.read_text())["message"]
        assert "".join(said["response"] for said in lines) == expected["content"]
        thoughts = "".join(said.get("thinking", "") for said in lines)
        assert thoughts == expected.get("thinking", "")


@pytest.mark.parametrize("case", REPLIES, ids=named)
class TestRepliesForOllamaClients:
    def test_no_byte_of_a_stream_is_changed_however_it_is_cut(self, case: Path) -> None:
        stream, request = (case / "stream.ndjson").read_bytes(), ollama_request()
        uncut = receive(NATIVE, stream, request)

        assert uncut.content + uncut.terminator == stream
        assert b'"done":true' not in uncut.content
        assert uncut.observed.notes == []
        for at in range(len(stream)):
            assert receive(NATIVE, stream, request, at) == uncut
        assert receive(NATIVE, stream, request, *range(len(stream))) == uncut

    def test_no_byte_of_a_whole_reply_is_changed(self, case: Path) -> None:
        body = (case / "whole.json").read_bytes()
        pretty = json.dumps(json.loads(body), indent=2).encode() + b"\n"

        for written in (body, body + b"\n", pretty):
            got = receive(NATIVE, written, PLAIN, 10)
            assert (got.content, got.terminator) == (b"", written)
            assert got.observed.notes == []

    def test_a_stream_that_nobody_asked_for_becomes_the_whole_reply(self, case: Path) -> None:
        got = receive(NATIVE, (case / "stream.ndjson").read_bytes(), PLAIN)

        assert got.document == json.loads((case / "whole.json").read_text())
        assert got.observed.notes == ["converted"]

    def test_a_whole_reply_where_a_stream_was_asked_is_its_only_line(self, case: Path) -> None:
        body = (case / "whole.json").read_bytes()

        got = receive(NATIVE, body, ollama_request())

        assert (got.content, got.terminator.count(b"\n")) == (b"", 1)
        assert json.loads(got.terminator) == json.loads(body)


GENERATED = [
    {"model": "m", "response": "La", "thinking": "hm", "done": False},
    {"model": "m", "response": "ke", "done": True, "done_reason": "stop", "context": [1, 2]},
]


def test_what_generate_says_passes_and_is_understood() -> None:
    stream = b"".join(line(**said) for said in GENERATED)
    request = ollama_request("/api/generate", stream=False)

    streamed = receive(NATIVE, stream, ollama_request("/api/generate"))
    whole = receive(NATIVE, stream, request)

    assert streamed.content + streamed.terminator == stream
    assert streamed.observed.output_characters == len("LaKe") + len("hm")
    assert whole.document == {
        "model": "m",
        "response": "Lake",
        "thinking": "hm",
        "done": True,
        "done_reason": "stop",
        "context": [1, 2],
    }


def said(text: str = "", **members: Any) -> bytes:
    message = {"role": "assistant", "content": text}
    return line(**{"model": "m", "message": message, "done": False, **members})


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"", "empty"),
        (b"<html>busy</html>", "bad_body"),
        (b'{"error": "model \'x\' not found"}', "error_body"),
        (line(error="out of memory"), "error_body"),
        (said("a"), "truncated"),
        (said(), "empty"),
        (said("a" * 200_000), "too_large"),
    ],
)
@pytest.mark.parametrize("codec", [NATIVE, FROM_OPENAI_CLIENT])
def test_what_is_no_answer_is_a_failed_attempt(codec: Any, reply: bytes, kind: str) -> None:
    request = ollama_request() if codec is NATIVE else STREAMED

    assert fault_of(codec, reply, request).kind == kind


@pytest.mark.parametrize("codec", [NATIVE, FROM_OPENAI_CLIENT])
def test_an_error_line_behind_tokens_breaks_the_stream_behind_them(codec: Any) -> None:
    request = ollama_request() if codec is NATIVE else STREAMED
    limits = {"event_bytes": 1000, "body_bytes": 1000, "cost_of": None}
    reader = codec.reader(request, content_type="", **limits)

    content = reader.feed(said("a") + line(error="out of memory") + said("b"))
    with pytest.raises(Exception, match="out of memory") as caught:
        reader.feed(b"")

    assert b'"a"' in content
    assert b'"b"' not in content
    assert caught.value.phase == "stream"


def test_lines_that_are_no_json_are_dropped_and_noted() -> None:
    stream = said("a") + b"\n{oops\n[]\n" + said("b", done=True)

    got = receive(NATIVE, stream, ollama_request())

    assert got.content + got.terminator == said("a") + said("b", done=True)
    assert got.observed.notes == ["bad_event"]


def test_what_follows_the_last_line_is_dropped() -> None:
    stream = said("a", done=True) + said("b")

    got = receive(NATIVE, stream, ollama_request())

    assert (got.content, got.terminator) == (b"", said("a", done=True))
    assert got.observed.notes == ["trailing"]


def test_a_last_line_without_its_end_gets_one() -> None:
    stream = (said("a") + said("b", done=True)).rstrip(b"\n")

    got = receive(NATIVE, stream, ollama_request())

    assert got.terminator.endswith(b"}\n")


@pytest.mark.parametrize(
    ("word", "finish_reason"),
    [("stop", "stop"), ("length", "length"), ("load", "stop"), ("new", "stop"), (None, "stop")],
)
def test_each_reason_to_be_done_in_words_that_chat_clients_know(
    word: str | None, finish_reason: str
) -> None:
    reply = said("a", done=True, done_reason=word)

    got = receive(FROM_OPENAI_CLIENT, reply, openai_request())

    assert got.document["choices"][0]["finish_reason"] == finish_reason


def test_counts_and_durations_are_kept() -> None:
    case = CONTRACT / "ollama" / "replies" / "text" / "stream.ndjson"

    for codec, request in ((NATIVE, ollama_request()), (FROM_OPENAI_CLIENT, STREAMED)):
        observed = receive(codec, case.read_bytes(), request).observed
        assert observed.usage == Usage(26, text_output_tokens=12)
        assert observed.raw_usage is not None
        assert observed.raw_usage["eval_duration"] == 4535599000


def test_a_prompt_that_was_cached_is_not_counted_as_none() -> None:
    case = CONTRACT / "ollama" / "replies" / "cached_prompt" / "whole.json"

    assert receive(NATIVE, case.read_bytes(), PLAIN).observed.usage == Usage(text_output_tokens=3)


def test_a_picture_that_a_model_made_keeps_its_type() -> None:
    message = {"role": "assistant", "content": "", "images": ["iVBORw0KGgo="]}

    got = receive(FROM_OPENAI_CLIENT, said(message=message, done=True), openai_request())

    (image,) = got.document["choices"][0]["message"]["images"]
    assert image["image_url"]["url"] == "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize("codec", [NATIVE, FROM_OPENAI_CLIENT])
def test_a_line_that_is_too_long_ends_the_stream_at_the_same_place_however_it_is_cut(
    codec: Any,
) -> None:
    request = ollama_request() if codec is NATIVE else STREAMED
    stream = said("a") + said("b" * 300) + said("c", done=True)

    def before_the_fault(size: int) -> bytes:
        reader = codec.reader(
            request, content_type="", event_bytes=200, body_bytes=10_000, cost_of=None
        )
        content = b""
        try:
            for start in range(0, len(stream), size):
                content += reader.feed(stream[start : start + size])
            reader.finish()
        except AttemptError as error:
            return content if error.kind == "too_large" else b"another fault"
        return b"no fault"

    assert b'"a"' in before_the_fault(1)
    assert {before_the_fault(size) for size in (1, 7, 250, len(stream))} == {before_the_fault(1)}
