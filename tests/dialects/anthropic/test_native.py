"""Anthropic's dialect on both sides: nothing is touched that need not be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.chat.sealing import seal
from llmrouter.core.errors import AttemptError
from llmrouter.core.records import replace
from llmrouter.core.requests import ChatRequest
from llmrouter.core.usage import Usage
from llmrouter.dialects.anthropic.dialect import AnthropicDialect
from llmrouter.dialects.anthropic.native import NativeCodec
from llmrouter.dialects.wire import CostOf
from tests.dialects.clients import anthropic_message, events
from tests.dialects.translating import CONTRACT, Got, anthropic_request

REPLIES = sorted((CONTRACT / "anthropic" / "replies").iterdir())
TEXT = CONTRACT / "anthropic" / "replies" / "text"
CODEC = NativeCodec()
STOP = b'event: message_stop\ndata: {"type": "message_stop"}\n\n'


def pass_on(reply: bytes, *cuts: int, stream: bool = True, cost_of: CostOf | None = None) -> Got:
    reader = CODEC.reader(
        anthropic_request(stream=stream),
        content_type="text/event-stream",
        event_bytes=100_000,
        body_bytes=100_000,
        cost_of=cost_of,
    )
    content, start = b"", 0
    for end in (*cuts, len(reply)):
        content += reader.feed(reply[start:end])
        start = end
    rest, terminator = reader.finish()
    return Got(content + rest, terminator, reader.observed)


class TestRequests:
    def sent(self, request: ChatRequest) -> Any:
        return json.loads(CODEC.encode(request, "claude-opus-5").body)

    def test_every_field_passes_but_the_models_name(self) -> None:
        members = {
            "system": [{"type": "text", "text": "x-anthropic-billing-header: cc_version=2;"}],
            "messages": [
                {"role": "user", "content": [{"type": "new_block", "x": [1, {"y": None}]}]},
                {"role": "system", "content": "In French."},
            ],
            "tools": [{"type": "web_search_20260318", "name": "web_search"}],
            "context_management": {"edits": []},
            "x_unknown": 10**30,
        }
        request = anthropic_request(**members)

        assert self.sent(request) == {**request.document, "model": "claude-opus-5"}
        assert list(self.sent(request)) == list(request.document)

    def test_the_clients_version_and_betas_pass(self) -> None:
        headers = {"anthropic-version": "2026-10-21", "anthropic-beta": "a-1,b-2"}

        outgoing = CODEC.encode(replace(anthropic_request(), headers=headers), "claude-opus-5")

        assert outgoing.headers == {"content-type": "application/json", **headers}
        assert outgoing.path == "/messages"

    def test_a_version_is_named_where_the_client_named_none(self) -> None:
        outgoing = CODEC.encode(anthropic_request(), "claude-opus-5")

        assert outgoing.headers["anthropic-version"] == "2023-06-01"

    def test_reasoning_that_another_vendor_had_is_taken_out(self) -> None:
        own = {"type": "thinking", "thinking": "mine", "signature": "EqQB"}
        foreign = [
            {"type": "thinking", "thinking": "theirs", "signature": seal("openai:kimi", "")},
            {"type": "redacted_thinking", "data": seal("gemini:google", "x")},
        ]
        text = {"type": "text", "text": "Lake."}
        request = anthropic_request(
            messages=[
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": [own, *foreign, text]},
            ]
        )

        outgoing = CODEC.encode(request, "claude-opus-5")

        assert json.loads(outgoing.body)["messages"][1]["content"] == [own, text]
        assert outgoing.losses == ("messages.1.content.1", "messages.1.content.2")

    def test_counting_asks_its_own_address(self) -> None:
        dialect = AnthropicDialect()
        request = dialect.parse_count(b'{"messages": [{"role": "user", "content": "hi"}]}')

        outgoing = dialect.encode_count(request, "claude-opus-5")

        assert outgoing.path == "/messages/count_tokens"
        assert json.loads(outgoing.body)["model"] == "claude-opus-5"
        assert dialect.read_count(b'{"input_tokens": 12}') == 12
        assert dialect.read_count(b'{"input_tokens": "12"}') is None
        assert dialect.read_count(b"busy") is None
        assert dialect.count_body(12) == b'{"input_tokens":12}'


@pytest.mark.parametrize("case", REPLIES, ids=lambda case: case.name)
class TestReplies:
    def test_a_stream_passes_byte_for_byte_and_ends_with_its_own_terminator(
        self, case: Path
    ) -> None:
        stream = (case / "stream.sse").read_bytes()

        got = pass_on(stream)

        assert got.content + got.terminator == stream
        assert got.terminator == STOP

    def test_the_same_however_the_bytes_are_cut(self, case: Path) -> None:
        stream = (case / "stream.sse").read_bytes()
        uncut = pass_on(stream)

        assert all(pass_on(stream, at) == uncut for at in range(len(stream)))
        assert pass_on(stream, *range(len(stream))) == uncut

    def test_a_whole_message_passes_byte_for_byte(self, case: Path) -> None:
        body = (case / "whole.json").read_bytes()

        got = pass_on(body, 10, stream=False)

        assert (got.content, got.terminator) == (b"", body)

    def test_accounting_learns_the_same_from_both(self, case: Path) -> None:
        streamed = pass_on((case / "stream.sse").read_bytes()).observed
        whole = pass_on((case / "whole.json").read_bytes(), stream=False).observed

        assert streamed.usage == whole.usage
        assert streamed.finish_reason == whole.finish_reason
        assert streamed.response_model == whole.response_model == "claude-opus-5"
        assert streamed.first_token
        assert whole.first_token


def event(**members: Any) -> bytes:
    return f"event: {members['type']}\ndata: {json.dumps(members)}\n\n".encode()


def test_unknown_events_blocks_deltas_and_comments_pass() -> None:
    stream = (TEXT / "stream.sse").read_bytes().removesuffix(STOP)
    strange = (
        b": keep-alive\n\n"
        + event(type="new_event", x=1)
        + event(type="content_block_start", index=7, content_block={"type": "new_block"})
        + event(type="content_block_delta", index=7, delta={"type": "new_delta", "x": 1})
        + event(type="content_block_stop", index=7)
        + STOP
    )

    got = pass_on(stream + strange)

    assert got.content + got.terminator == stream + strange


@given(cuts=st.lists(st.integers(0, 1_000), max_size=5).map(sorted))
def test_any_cutting_gives_the_same(cuts: list[int]) -> None:
    stream = (TEXT / "stream.sse").read_bytes().replace(b"\n", b"\r\n")

    assert pass_on(stream, *cuts) == pass_on(stream)


class TestCost:
    def cost_of(self, usage: Usage) -> int | None:
        return (usage.output_tokens or 0) * 1_000

    def test_is_added_where_the_usage_is_final(self) -> None:
        stream = (TEXT / "stream.sse").read_bytes()

        got = pass_on(stream, cost_of=self.cost_of)

        told = dict(events(got.content))
        assert told["message_delta"]["usage"]["cost"] == 0.00004
        assert "cost" not in told["message_start"]["message"]["usage"]
        changed = [line for line in got.content.split(b"\n") if line not in stream.split(b"\n")]
        assert len(changed) == 1

    def test_is_added_to_a_whole_message(self) -> None:
        got = pass_on((TEXT / "whole.json").read_bytes(), stream=False, cost_of=self.cost_of)

        assert got.document["usage"]["cost"] == 0.00004

    def test_of_the_provider_stays(self) -> None:
        body = (TEXT / "whole.json").read_bytes().replace(b'"usage": {', b'"usage": {"cost": 1,')

        got = pass_on(body, stream=False, cost_of=self.cost_of)

        assert got.terminator == body
        assert got.observed.reported_cost_nusd == 1_000_000_000


class TestConversion:
    def test_a_whole_message_where_a_stream_was_asked(self) -> None:
        case = CONTRACT / "anthropic" / "replies" / "thinking"

        got = pass_on((case / "whole.json").read_bytes(), 5)

        message = anthropic_message(got.content + got.terminator)
        assert message == json.loads((case / "whole.json").read_text())
        assert got.observed.notes == ["converted"]

    def test_a_stream_where_a_whole_message_was_asked(self) -> None:
        case = CONTRACT / "anthropic" / "replies" / "tool_call"

        got = pass_on((case / "stream.sse").read_bytes(), 700, stream=False)

        assert got.document == json.loads((case / "whole.json").read_text())
        assert got.observed.notes == ["converted"]


class TestFaults:
    @pytest.mark.parametrize(
        ("reply", "stream", "kind"),
        [
            (b"", True, "empty"),
            (b"", False, "empty"),
            (b"<html>", True, "bad_body"),
            (b'{"type": "message", "content": null}', False, "bad_body"),
            (b'{"type": "mess', False, "bad_body"),
            (b'{"type":"error","error":{"type":"api_error","message":"x"}}', False, "error_body"),
            (event(type="error", error={"type": "overloaded_error"}), True, "error_body"),
            (STOP, True, "empty"),
        ],
    )
    def test_what_is_no_reply(self, reply: bytes, stream: bool, kind: str) -> None:
        with pytest.raises(AttemptError) as caught:
            pass_on(reply, stream=stream)

        assert caught.value.kind == kind

    def test_a_stream_that_breaks_off_is_truncated(self) -> None:
        stream = (TEXT / "stream.sse").read_bytes()

        with pytest.raises(AttemptError) as caught:
            pass_on(stream[: stream.index(b"event: message_delta")])

        assert (caught.value.kind, caught.value.phase) == ("truncated", "stream")

    def test_a_stream_without_its_last_event_gets_one(self) -> None:
        stream = (TEXT / "stream.sse").read_bytes().removesuffix(STOP)

        got = pass_on(stream)

        assert events(got.terminator) == [("message_stop", {"type": "message_stop"})]
        assert got.observed.notes == ["no_done"]

    def test_what_follows_the_last_event_is_left_out(self) -> None:
        stream = (TEXT / "stream.sse").read_bytes()

        got = pass_on(stream + event(type="ping"))

        assert got.content + got.terminator == stream
        assert got.observed.notes == ["trailing"]

    def test_an_error_behind_a_token_waits_until_the_token_is_out(self) -> None:
        stream = (TEXT / "stream.sse").read_bytes()
        upto = stream[: stream.index(b"event: message_delta")]
        reader = CODEC.reader(
            anthropic_request(stream=True),
            content_type="text/event-stream",
            event_bytes=10_000,
            body_bytes=10_000,
            cost_of=None,
        )

        overloaded = {"type": "overloaded_error", "message": "Overloaded"}
        assert reader.feed(upto + event(type="error", error=overloaded)) == upto
        with pytest.raises(AttemptError) as caught:
            reader.feed(b"")
        assert caught.value.error_type == "overloaded_error"
        assert caught.value.phase == "stream"
