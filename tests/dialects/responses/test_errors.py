"""Errors both ways."""

from __future__ import annotations

import json

import pytest
from openai.types.responses import ResponseFailedEvent

from llmrouter.core.errors import AllModelsFailed, RouterError, StreamBroken
from llmrouter.dialects.responses.dialect import ResponsesDialect
from tests.dialects.responses.client import events

DIALECT = ResponsesDialect()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StreamBroken("It broke."), "server_error"),
        (AllModelsFailed("Busy.", status=429, attempts=[]), "rate_limit_exceeded"),
    ],
)
def test_an_error_inside_a_stream_is_a_response_that_failed(error: RouterError, code: str) -> None:
    (event,) = events(DIALECT.error_event(error))

    response = ResponseFailedEvent.model_validate(event).response
    assert response.status == "failed"
    assert response.error is not None
    assert (response.error.code, response.error.message) == (code, error.message)


def test_an_error_before_it_is_openais_error_object() -> None:
    body = json.loads(DIALECT.error_body(AllModelsFailed("No.", status=503, attempts=[])))

    assert body["error"]["message"] == "No."
    assert body["error"]["code"] == "all_models_failed"


def test_a_providers_error_is_read() -> None:
    said = {"message": "Too long.", "type": "invalid_request_error", "code": "context_length"}

    error = DIALECT.read_error(400, {}, json.dumps({"error": said}).encode())

    assert (error.status, error.message, error.code) == (400, "Too long.", "context_length")


def test_the_key_goes_where_openai_wants_it() -> None:
    assert DIALECT.credentials("sk-1") == {"authorization": "Bearer sk-1"}
