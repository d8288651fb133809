"""Whatever passes validation can be sent, and whatever a provider says can be read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from llmrouter.core.errors import RouterError
from llmrouter.core.ledger import ResponseState
from llmrouter.core.requests import ChatRequest
from llmrouter.dialects.responses.parse import parse
from llmrouter.dialects.responses.state import continue_from, keep
from llmrouter.dialects.sse import encode_event
from llmrouter.dialects.wire import Codec
from tests.dialects.responses.client import events
from tests.dialects.responses.passing import (
    FROM_ANTHROPIC,
    FROM_OPENAI,
    NATIVE,
    TO_ANTHROPIC,
    TO_OPENAI,
    anthropic_request,
    fixture,
    openai_request,
    receive,
    request,
)
from tests.dialects.test_translation_sturdiness import damaged

QUICK = settings(max_examples=25, deadline=None)
REQUESTS = [json.loads((case / "request.json").read_text()) for case in fixture("requests")]
STREAMS = [events((case / "stream.sse").read_bytes()) for case in fixture("replies")]
BODIES = [json.loads((case / "whole.json").read_text()) for case in fixture("replies")]
READERS = pytest.mark.parametrize(
    ("codec", "ask"),
    [(NATIVE, request), (FROM_OPENAI, openai_request), (FROM_ANTHROPIC, anthropic_request)],
    ids=["native", "openai", "anthropic"],
)
FAULTS = {"empty", "truncated", "error_body", "bad_body"}


@pytest.mark.parametrize("codec", [NATIVE, TO_OPENAI, TO_ANTHROPIC])
@QUICK
@given(document=st.sampled_from(REQUESTS).flatmap(damaged))
def test_any_valid_request_is_sent_and_answered(codec: Codec, document: Any) -> None:
    asked = parsed(document)

    assert json.loads(codec.encode(asked, "claude-opus-4-6").body)
    assert continue_from(
        asked, [ResponseState("resp_1", json.dumps(BODIES[0]["output"]).encode())]
    ).turns
    codec.reader(asked, content_type="", event_bytes=9, body_bytes=9, cost_of=None)


def parsed(document: Any) -> ChatRequest:
    try:
        return parse(json.dumps(document).encode())
    except RouterError:
        assume(False)
        raise


@READERS
@pytest.mark.parametrize("stream_asked", [True, False])
@QUICK
@given(data=st.data())
def test_any_stream_is_passed_on_or_a_failed_attempt(
    codec: Codec, ask: Any, stream_asked: bool, data: st.DataObject
) -> None:
    documents = data.draw(st.sampled_from(STREAMS).flatmap(damaged))
    stream = b"".join(encode_event(json.dumps(document).encode()) for document in documents)

    got = receive(codec, stream, ask(stream=stream_asked))

    if got.fault is None:
        assert got.terminator
        keep(request(), got.terminator, provider="openai")
    else:
        assert got.fault.split()[0] in FAULTS


@READERS
@pytest.mark.parametrize("stream_asked", [True, False])
@QUICK
@given(document=st.sampled_from(BODIES).flatmap(damaged))
def test_any_whole_reply_is_passed_on_or_a_failed_attempt(
    codec: Codec, ask: Any, stream_asked: bool, document: Any
) -> None:
    got = receive(codec, json.dumps(document).encode(), ask(stream=stream_asked))

    if got.fault is None:
        assert got.terminator
    else:
        assert got.fault.split()[0] in FAULTS
