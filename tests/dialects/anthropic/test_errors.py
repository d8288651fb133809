"""Errors in Anthropic's shape, ours and those of its providers."""

from __future__ import annotations

import json

import pytest

from llmrouter.core.errors import (
    AllModelsFailed,
    AttemptSummary,
    BodyTooLarge,
    FieldError,
    Forbidden,
    InvalidRequest,
    MalformedRequest,
    NotFound,
    Overloaded,
    RouterError,
    StreamBroken,
    Unauthorized,
    UpstreamRefused,
)
from llmrouter.dialects.anthropic.dialect import AnthropicDialect

DIALECT = AnthropicDialect()
FAILED = (AttemptSummary("anthropic/claude", "rate", 429),)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MalformedRequest("x"), "invalid_request_error"),
        (InvalidRequest([FieldError("model", "x")]), "invalid_request_error"),
        (Unauthorized("x"), "authentication_error"),
        (Forbidden("x"), "permission_error"),
        (NotFound("x"), "not_found_error"),
        (BodyTooLarge("x"), "request_too_large"),
        (Overloaded("x"), "overloaded_error"),
        (StreamBroken("x"), "api_error"),
        (AllModelsFailed("x", status=400, attempts=FAILED), "invalid_request_error"),
        (AllModelsFailed("x", status=429, attempts=FAILED), "rate_limit_error"),
        (AllModelsFailed("x", status=502, attempts=FAILED), "api_error"),
        (AllModelsFailed("x", status=503, attempts=FAILED), "overloaded_error"),
        (AllModelsFailed("x", status=504, attempts=FAILED), "timeout_error"),
        (
            UpstreamRefused("x", status=413, error_type="request_too_large", code=None, param=None),
            "request_too_large",
        ),
        (
            UpstreamRefused("x", status=400, error_type="BadRequest", code=None, param=None),
            "invalid_request_error",
        ),
    ],
)
def test_each_of_our_errors_has_one_of_anthropics_types(error: RouterError, kind: str) -> None:
    document = json.loads(DIALECT.error_body(error))

    assert document["type"] == "error"
    assert document["error"]["type"] == kind
    assert document["error"]["message"] == error.message


def test_details_and_the_requests_id_are_said() -> None:
    error = AllModelsFailed("all failed", status=429, attempts=FAILED)

    document = json.loads(DIALECT.error_body(error, "req_1"))

    assert document["request_id"] == "req_1"
    assert document["error"]["code"] == "all_models_failed"
    assert document["error"]["attempts"] == [
        {"target": "anthropic/claude", "class": "rate", "status": 429}
    ]


def test_inside_a_stream_it_is_an_event_named_error() -> None:
    event = DIALECT.error_event(StreamBroken("cut"))

    name, data, end = event.split(b"\n", 2)
    assert name == b"event: error"
    assert json.loads(data.removeprefix(b"data: "))["error"]["message"] == "cut"
    assert end == b"\n"


def reply(kind: str, message: str) -> bytes:
    error = {"type": kind, "message": message}
    return json.dumps({"type": "error", "error": error, "request_id": "req_011C"}).encode()


@pytest.mark.parametrize(
    ("status", "kind", "message", "code"),
    [
        (400, "invalid_request_error", "messages.0: bad", None),
        (
            400,
            "invalid_request_error",
            "prompt is too long: 210000 tokens > 200000 maximum",
            "context_length_exceeded",
        ),
        (
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the API.",
            "insufficient_quota",
        ),
        (401, "authentication_error", "invalid x-api-key", None),
        (402, "billing_error", "check your payment", None),
        (403, "permission_error", "not yours", None),
        (404, "not_found_error", "model: claude-9", None),
        (413, "request_too_large", "too large", None),
        (429, "rate_limit_error", "slow down", None),
        (500, "api_error", "Internal server error", None),
        (504, "timeout_error", "timed out", None),
        (529, "overloaded_error", "Overloaded", None),
    ],
)
def test_each_error_status_of_anthropic_is_read(
    status: int, kind: str, message: str, code: str | None
) -> None:
    headers = {"retry-after": "3"}

    error = DIALECT.read_error(status, headers, reply(kind, message))

    assert (error.kind, error.phase, error.status) == ("status", "headers", status)
    assert (error.error_type, error.message, error.code) == (kind, message, code)
    assert error.headers == headers


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "HTTP 502 without a body"),
        (b"<html>\n bad   gateway</html>", "HTTP 502: <html> bad gateway</html>"),
        (b'{"error": "no model"}', "no model"),
        (b'{"detail": 3}', 'HTTP 502: {"detail": 3}'),
        (b'{"message": "plain"}', "plain"),
    ],
)
def test_whatever_else_a_provider_says_is_told(body: bytes, message: str) -> None:
    assert DIALECT.read_error(502, {}, body).message == message


def test_a_redirect_is_not_followed() -> None:
    error = DIALECT.read_error(302, {"location": "https://other.example/v1"}, b"")

    assert error.kind == "redirect"
    assert "other.example" in error.message


def test_a_key_goes_into_anthropics_header() -> None:
    assert DIALECT.credentials("sk-1") == {"x-api-key": "sk-1"}
