"""Gemini replies, from providers and for clients (`tests/contract/gemini`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmrouter.core.usage import Usage
from tests.dialects.clients import openai_completion
from tests.dialects.gemini.speaking import (
    FROM_OPENAI_CLIENT,
    NATIVE,
    TO_OPENAI_PROVIDER,
    event,
    fault_of,
    gemini_request,
    receive,
    reply_of,
)
from tests.dialects.test_translation_replies import comparable
from tests.dialects.translating import CONTRACT, openai_request

REPLIES = sorted((CONTRACT / "gemini" / "replies").iterdir())
EXPECTED = sorted((CONTRACT / "gemini" / "from_openai").iterdir())
FROM_OPENAI = CONTRACT / "anthropic" / "from_openai"
STREAMED = openai_request(stream=True, stream_options={"include_usage": True})


def named(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("case", REPLIES, ids=named)
class TestRepliesForChatClients:
    def test_whole(self, case: Path) -> None:
        got = receive(FROM_OPENAI_CLIENT, (case / "whole.json").read_bytes(), openai_request())

        assert got.document == json.loads((case / "openai.json").read_text())
        assert got.observed.notes == []

    def test_streamed_as_the_same_completion(self, case: Path) -> None:
        got = receive(FROM_OPENAI_CLIENT, (case / "stream.sse").read_bytes(), STREAMED)

        completion = unnumbered(openai_completion(got.content + got.terminator))
        assert completion == unnumbered(json.loads((case / "openai.json").read_text()))
        assert got.terminator == b"data: [DONE]\n\n"
        assert got.observed.notes == []

    def test_the_same_however_the_bytes_are_cut(self, case: Path) -> None:
        stream = (case / "stream.sse").read_bytes()
        uncut = receive(FROM_OPENAI_CLIENT, stream, STREAMED)

        for at in range(len(stream)):
            assert receive(FROM_OPENAI_CLIENT, stream, STREAMED, at) == uncut
        assert receive(FROM_OPENAI_CLIENT, stream, STREAMED, *range(len(stream))) == uncut

    @pytest.mark.parametrize("stream", [True, False])
    def test_converted_where_it_did_not_come_as_asked(self, case: Path, stream: bool) -> None:
        reply = (case / ("whole.json" if stream else "stream.sse")).read_bytes()

        got = receive(FROM_OPENAI_CLIENT, reply, STREAMED if stream else openai_request())

        document = openai_completion(got.content + got.terminator) if stream else got.document
        expected = json.loads((case / "openai.json").read_text())
        assert unnumbered(document) == unnumbered(expected)
        assert got.observed.notes == ["converted"]


def unnumbered(completion: Any) -> Any:
    """The completion without the ids that are invented from the request, and without nulls."""
    for call in completion["choices"][0]["message"].get("tool_calls") or ():
        prefix, separator, number = call["id"].rpartition("_")
        call["id"] = number if separator and prefix.startswith("call_") else call["id"]
    return comparable(completion)


@pytest.mark.parametrize("case", EXPECTED, ids=named)
class TestChatRepliesForGeminiClients:
    def test_whole(self, case: Path) -> None:
        reply = (FROM_OPENAI / case.stem / "whole.json").read_bytes()

        got = receive(TO_OPENAI_PROVIDER, reply, gemini_request())

        assert got.document == json.loads(case.read_text())

    @pytest.mark.parametrize("form", ["sse", "array"])
    def test_streamed_as_the_same_reply(self, case: Path, form: str) -> None:
        stream = (FROM_OPENAI / case.stem / "stream.sse").read_bytes()

        got = receive(TO_OPENAI_PROVIDER, stream, gemini_request(stream=True, form=form))

        assert reply_of(got.content + got.terminator) == json.loads(case.read_text())
        assert b"finishReason" not in got.content
        assert b"finishReason" in got.terminator

    @pytest.mark.parametrize("form", ["sse", "array"])
    def test_the_same_however_the_bytes_are_cut(self, case: Path, form: str) -> None:
        stream = (FROM_OPENAI / case.stem / "stream.sse").read_bytes()
        request = gemini_request(stream=True, form=form)
        uncut = receive(TO_OPENAI_PROVIDER, stream, request)

        for at in range(0, len(stream), 11):
            assert receive(TO_OPENAI_PROVIDER, stream, request, at) == uncut
        assert receive(TO_OPENAI_PROVIDER, stream, request, *range(len(stream))) == uncut


@pytest.mark.parametrize("case", REPLIES, ids=named)
class TestRepliesForGeminiClients:
    def test_no_byte_of_a_stream_is_changed_however_it_is_cut(self, case: Path) -> None:
        stream, request = (case / "stream.sse").read_bytes(), gemini_request(stream=True)
        uncut = receive(NATIVE, stream, request)

        assert uncut.content + uncut.terminator == stream
        assert b"finishReason" not in uncut.content
        assert uncut.observed.notes == []
        for at in range(len(stream)):
            assert receive(NATIVE, stream, request, at) == uncut
        assert receive(NATIVE, stream, request, *range(len(stream))) == uncut

    def test_no_byte_of_a_whole_reply_is_changed(self, case: Path) -> None:
        body = (case / "whole.json").read_bytes()

        got = receive(NATIVE, body, gemini_request(), 10, 90)

        assert (got.content, got.terminator) == (b"", body)
        assert got.observed.usage == receive(NATIVE, body, gemini_request()).observed.usage

    def test_a_stream_in_the_array_form_holds_the_same_documents(self, case: Path) -> None:
        stream = (case / "stream.sse").read_bytes()

        got = receive(NATIVE, stream, gemini_request(stream=True, form="array"))

        events = [e.removeprefix(b"data: ") for e in stream.split(b"\r\n\r\n") if e]
        assert got.content + got.terminator == b"[" + b",\n".join(events) + b"]\n"

    def test_a_stream_that_nobody_asked_for_becomes_the_whole_reply(self, case: Path) -> None:
        got = receive(NATIVE, (case / "stream.sse").read_bytes(), gemini_request())

        as_stream = b"data: " + got.terminator + b"\n\n"
        whole = json.loads((case / "whole.json").read_text())
        if "candidates" in whole:
            assert reply_of(as_stream) == reply_of(event(whole))
        assert got.observed.notes == []

    def test_a_whole_reply_where_a_stream_was_asked_is_its_only_chunk(self, case: Path) -> None:
        body = (case / "whole.json").read_bytes()

        got = receive(NATIVE, body, gemini_request(stream=True))

        assert got.content == b""
        assert json.loads(got.terminator.removeprefix(b"data: ")) == json.loads(body)
        assert b"\n" not in got.terminator.removesuffix(b"\n\n")
        assert got.observed.notes == ["converted"]


def chunk(text: str | None = None, finish: str | None = None, **members: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0}
    if text is not None:
        candidate["content"] = {"role": "model", "parts": [{"text": text}]}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], **members}


class TestPassing:
    """What a passed stream holds back, and what it refuses."""

    def test_an_array_where_events_were_asked_is_cut_into_events(self) -> None:
        chunks = [chunk("a"), chunk("b", "STOP")]

        got = receive(NATIVE, json.dumps(chunks).encode(), gemini_request(stream=True))

        assert json.loads(got.content.removeprefix(b"data: ")) == chunks[0]
        assert json.loads(got.terminator.removeprefix(b"data: ")) == chunks[1]

    def test_keep_alives_are_kept_from_the_client(self) -> None:
        stream = b": ping\n\n" + event(chunk("a")) + b": ping\n\n" + event(chunk("b", "STOP"))

        got = receive(NATIVE, stream, gemini_request(stream=True))

        assert got.content + got.terminator == event(chunk("a")) + event(chunk("b", "STOP"))

    def test_usage_behind_the_finish_reason_is_read_and_held_with_it(self) -> None:
        usage = event({"usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 5}})
        stream = event(chunk("a")) + event(chunk("b", "STOP")) + usage

        got = receive(NATIVE, stream, gemini_request(stream=True))

        assert got.terminator == event(chunk("b", "STOP")) + usage
        assert got.observed.usage == Usage(3, text_output_tokens=2)

    def test_a_finish_reason_at_every_chunk_holds_none_but_the_last(self) -> None:
        events = [event(chunk(text, "STOP")) for text in "abc"]

        got = receive(NATIVE, b"".join(events), gemini_request(stream=True))

        assert (got.content, got.terminator) == (b"".join(events[:2]), events[2])

    def test_a_call_that_the_model_got_wrong_is_the_clients_to_judge(self) -> None:
        stream = event(chunk(None, "MALFORMED_FUNCTION_CALL"))

        assert receive(NATIVE, stream, gemini_request(stream=True)).terminator == stream

    def test_a_call_counts_as_one_for_accounting(self) -> None:
        body = (CONTRACT / "gemini" / "replies" / "tool_call" / "whole.json").read_bytes()

        observed = receive(NATIVE, body, gemini_request()).observed

        assert observed.finish_reason == "tool_calls"
        assert observed.first_token
        assert observed.response_model == "gemini-3.8-flash"

    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            (b"", "empty"),
            (b"<html>busy</html>", "bad_body"),
            (b'{"candi', "bad_body"),
            (b"{}", "bad_body"),
            (b"null", "empty"),
            (b'{"error": {"code": 503, "message": "busy"}}', "error_body"),
            (b'[{"error": {"code": 503, "message": "busy"}}]', "error_body"),
            (event({"error": {"code": 503, "message": "busy"}}), "error_body"),
            (event(chunk("a")), "truncated"),
            (event({"usageMetadata": {"promptTokenCount": 1}}), "empty"),
            (event(chunk("a" * 200_000)), "too_large"),
        ],
    )
    @pytest.mark.parametrize("codec", [NATIVE, FROM_OPENAI_CLIENT])
    def test_what_is_no_answer_is_a_failed_attempt(
        self, codec: Any, reply: bytes, kind: str
    ) -> None:
        request = gemini_request(stream=True) if codec is NATIVE else STREAMED
        fault = fault_of(codec, reply, request)

        if codec is FROM_OPENAI_CLIENT and reply.startswith(b"["):
            kind = "bad_body"  # a list is no reply of one piece
        assert fault.kind == kind

    def test_an_error_tells_its_status_and_code(self) -> None:
        error = {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}

        fault = fault_of(NATIVE, event({"error": error}), gemini_request(stream=True))

        assert (fault.error_type, fault.code) == ("RESOURCE_EXHAUSTED", "429")
        assert (fault.message, fault.phase) == ("Quota exceeded", "first_token")


@pytest.mark.parametrize(
    ("word", "finish_reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("LANGUAGE", "stop"),
        ("OTHER", "stop"),
        ("SOMETHING_NEW", "stop"),
        ("MALFORMED_FUNCTION_CALL", "stop"),
    ],
)
def test_each_finish_reason_in_words_that_chat_clients_know(word: str, finish_reason: str) -> None:
    reply = json.dumps(chunk("Lake.", word)).encode()

    got = receive(FROM_OPENAI_CLIENT, reply, openai_request())

    assert got.document["choices"][0]["finish_reason"] == finish_reason
    is_known = word in ("STOP", "MAX_TOKENS") or finish_reason == "content_filter"
    assert got.observed.notes == ([] if is_known else [f"dropped:finish_reason={word}"])


@pytest.mark.parametrize("word", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"])
def test_an_answer_that_is_only_a_broken_call_moves_on_to_the_next_model(word: str) -> None:
    fault = fault_of(FROM_OPENAI_CLIENT, event(chunk(None, word)), STREAMED)

    assert (fault.kind, fault.error_type) == ("error_body", word)


@pytest.mark.parametrize(
    ("finish_reason", "word"),
    [
        ("stop", "STOP"),
        ("length", "MAX_TOKENS"),
        ("tool_calls", "STOP"),
        ("content_filter", "SAFETY"),
        ("model_context_window_exceeded", "MAX_TOKENS"),
    ],
)
def test_each_finish_reason_in_geminis_words(finish_reason: str, word: str) -> None:
    choice = {"index": 0, "message": {"content": "Lake."}, "finish_reason": finish_reason}
    reply = json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode()

    got = receive(TO_OPENAI_PROVIDER, reply, gemini_request())

    assert got.document["candidates"][0]["finishReason"] == word


def test_of_several_candidates_the_first_is_translated_and_the_loss_noted() -> None:
    second = {"index": 1, "content": {"parts": [{"text": "Or a pond."}]}, "finishReason": "STOP"}
    reply = chunk("Lake.", "STOP")
    reply["candidates"].append(second)

    got = receive(FROM_OPENAI_CLIENT, json.dumps(reply).encode(), openai_request())

    assert got.document["choices"][0]["message"]["content"] == "Lake."
    assert got.observed.notes == ["dropped:candidate"]


def test_code_that_google_ran_is_noted_as_dropped() -> None:
    reply = chunk("Lake.", "STOP")
    reply["candidates"][0]["content"]["parts"].append({"executableCode": {"code": "1 + 1"}})

    got = receive(FROM_OPENAI_CLIENT, json.dumps(reply).encode(), openai_request())

    assert got.observed.notes == ["dropped:executableCode"]


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        ({"promptTokenCount": 5}, Usage(5)),
        ({"promptTokenCount": 5, "totalTokenCount": 5}, Usage(5, text_output_tokens=0)),
        (
            {"promptTokenCount": 10, "cachedContentTokenCount": 8, "candidatesTokenCount": 2},
            Usage(2, 8, None, 2),
        ),
        # Some gateways count the thoughts among the candidates.
        (
            {
                "promptTokenCount": 10,
                "candidatesTokenCount": 30,
                "thoughtsTokenCount": 20,
                "totalTokenCount": 40,
            },
            Usage(10, None, None, 10, 20),
        ),
        ({"promptTokenCount": -1, "candidatesTokenCount": "7"}, None),
    ],
)
def test_counts_become_disjoint_classes(counts: dict[str, Any], usage: Usage | None) -> None:
    reply = json.dumps(chunk("Lake.", "STOP", usageMetadata=counts)).encode()

    observed = receive(NATIVE, reply, gemini_request()).observed

    assert observed.usage == usage
    assert observed.raw_usage == counts


def test_line_separators_of_unicode_are_escaped_for_googles_library() -> None:
    choice = {"index": 0, "delta": {"content": "a\u2028b\x85c"}, "finish_reason": "stop"}
    stream = event({"id": "c", "model": "m", "choices": [choice]}) + b"data: [DONE]\n\n"

    got = receive(TO_OPENAI_PROVIDER, stream, gemini_request(stream=True))

    reply = reply_of(got.content + got.terminator)
    assert reply["candidates"][0]["content"]["parts"] == [{"text": "a\u2028b\x85c"}]
