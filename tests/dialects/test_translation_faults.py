"""Replies that are none, and streams that break off, from one dialect to another."""

from __future__ import annotations

import pytest

from llmrouter.core.errors import AttemptError
from tests.dialects.clients import anthropic_message
from tests.dialects.translating import (
    FROM_OPENAI,
    TO_ANTHROPIC,
    TO_OPENAI,
    anthropic_request,
    openai_request,
    receive,
)


class TestFaults:
    @pytest.mark.parametrize(
        ("reply", "kind", "phase"),
        [
            (b"", "empty", "first_token"),
            (b'event: ping\ndata: {"type": "ping"}\n\n', "empty", "first_token"),
            (b"<html>busy</html>", "bad_body", "body"),
            (b'{"type": "message"}', "bad_body", "body"),
            (b'{"type": "mess', "bad_body", "body"),
            (b'{"type":"error","error":{"type":"api_error","message":"x"}}', "error_body", "body"),
            (b'event: error\ndata: {"type":"error","error":{}}\n\n', "error_body", "first_token"),
        ],
    )
    def test_what_is_no_reply_of_anthropics(self, reply: bytes, kind: str, phase: str) -> None:
        with pytest.raises(AttemptError) as caught:
            receive(TO_ANTHROPIC, reply, openai_request(stream=True))

        assert (caught.value.kind, caught.value.phase) == (kind, phase)

    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            (b"data: [DONE]\n\n", "empty"),
            (b'{"choices": []}', "bad_body"),
            (b'{"error": {"message": "no", "code": 429}}', "error_body"),
            (b'data: {"error": {"message": "no"}}\n\n', "error_body"),
            (b'data: {"choices": [{"delta": {}, "finish_reason": "error"}]}\n\n', "error_body"),
            (b'data: {"choices": [{"delta": {"content": "La"}}]}\n\n', "truncated"),
        ],
    )
    def test_what_is_no_reply_of_a_compatible_provider(self, reply: bytes, kind: str) -> None:
        with pytest.raises(AttemptError) as caught:
            receive(TO_OPENAI, reply, anthropic_request(stream=True))

        assert caught.value.kind == kind

    def test_an_error_behind_a_token_waits_until_the_token_is_out(self) -> None:
        stream = (
            b'data: {"choices": [{"delta": {"content": "La"}}]}\n\n'
            b'data: {"error": {"message": "no"}}\n\n'
        )
        reader = TO_OPENAI.reader(
            anthropic_request(stream=True),
            content_type="text/event-stream",
            event_bytes=1_000,
            body_bytes=1_000,
            cost_of=None,
        )

        assert b'"text":"La"' in reader.feed(stream)
        with pytest.raises(AttemptError) as caught:
            reader.feed(b"")
        assert (caught.value.kind, caught.value.phase) == ("error_body", "stream")

    def test_a_stream_that_is_only_not_terminated_is_complete(self) -> None:
        stream = (FROM_OPENAI[0] / "stream.sse").read_bytes().removesuffix(b"data: [DONE]\n\n")

        got = receive(TO_OPENAI, stream, anthropic_request(stream=True))

        assert anthropic_message(got.content + got.terminator)["stop_reason"] == "end_turn"
        assert got.observed.notes == ["no_done"]

    def test_an_event_that_is_no_json_is_left_out_and_noted(self) -> None:
        stream = (FROM_OPENAI[0] / "stream.sse").read_bytes()

        got = receive(TO_OPENAI, b"data: {nope\n\n" + stream, anthropic_request(stream=True))

        assert got.content == receive(TO_OPENAI, stream, anthropic_request(stream=True)).content
        assert got.observed.notes == ["bad_event"]

    def test_what_follows_the_terminator_is_left_out_and_noted(self) -> None:
        stream = (FROM_OPENAI[0] / "stream.sse").read_bytes()

        got = receive(TO_OPENAI, stream + b'data: {"x": 1}\n\n', anthropic_request(stream=True))

        assert got.content == receive(TO_OPENAI, stream, anthropic_request(stream=True)).content
        assert got.observed.notes == ["trailing"]
