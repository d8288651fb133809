"""Errors as clients see them, and as providers send them."""

from __future__ import annotations

import json

import pytest

from llmrouter.core.errors import (
    AllModelsFailed,
    AttemptSummary,
    FieldError,
    InvalidRequest,
    NotFound,
    RouterError,
    StreamBroken,
)
from llmrouter.dialects.registry import DIALECTS

OPENAI = DIALECTS["openai"]


def test_our_error_is_openais_error_object() -> None:
    error = NotFound("no model `x`", code="model_not_found", param="model")
    assert json.loads(OPENAI.error_body(error)) == {
        "error": {
            "message": "no model `x`",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }
    }


@pytest.mark.parametrize(
    ("error", "details"),
    [
        (
            InvalidRequest([FieldError("n", "must be 1"), FieldError("stop", "must be text")]),
            {
                "errors": [
                    {"field": "n", "message": "must be 1"},
                    {"field": "stop", "message": "must be text"},
                ]
            },
        ),
        (
            AllModelsFailed("m", status=502, attempts=[AttemptSummary("lab/a", "transient", 500)]),
            {"attempts": [{"target": "lab/a", "class": "transient", "status": 500}]},
        ),
    ],
)
def test_details_stand_in_the_error_object(error: RouterError, details: dict[str, object]) -> None:
    assert json.loads(OPENAI.error_body(error))["error"].items() >= details.items()


def test_an_error_inside_a_stream_is_an_event_without_a_terminator() -> None:
    event = OPENAI.error_event(StreamBroken("the stream broke"))
    assert event.startswith(b"data: {")
    assert event.endswith(b"}\n\n")
    assert json.loads(event.removeprefix(b"data: "))["error"]["code"] == "stream_interrupted"


def test_keys_travel_as_bearer_tokens() -> None:
    assert OPENAI.credentials("k") == {"authorization": "Bearer k"}


def test_the_providers_own_words_survive() -> None:
    body = {"error": {"message": "m", "type": "t", "param": "p", "code": "c"}}
    headers = {"retry-after": "3"}
    error = OPENAI.read_error(429, headers, json.dumps(body).encode())
    assert (error.kind, error.phase, error.status) == ("status", "headers", 429)
    assert (error.message, error.error_type, error.param, error.code) == ("m", "t", "p", "c")
    assert error.headers == headers


@pytest.mark.parametrize(
    ("body", "message", "error_type", "code"),
    [
        pytest.param({"error": "m"}, "m", None, None, id="text"),
        pytest.param({"error": "e", "message": "m"}, "m", None, None, id="text and message"),
        pytest.param({"error": {"message": "m", "code": 1234}}, "m", None, "1234", id="a number"),
        pytest.param({"error": {"code": "c"}}, '{"code":"c"}', None, "c", id="no message"),
        pytest.param({"error": {"message": {"a": 1}}}, '{"a":1}', None, None, id="an object"),
        pytest.param(
            {
                "error": {
                    "message": "Provider returned error",
                    "code": 400,
                    "metadata": {"raw": "prompt too long", "provider_name": "P"},
                }
            },
            "Provider returned error: prompt too long",
            None,
            "400",
            id="OpenRouter",
        ),
        pytest.param(
            [{"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}],
            "m",
            "INVALID_ARGUMENT",
            "400",
            id="Google",
        ),
        pytest.param(
            {"object": "error", "message": "m", "type": "t", "param": None, "code": "1500"},
            "m",
            "t",
            "1500",
            id="Mistral",
        ),
        pytest.param(
            {"type": "error", "error": {"type": "overloaded_error", "message": "m"}},
            "m",
            "overloaded_error",
            None,
            id="Anthropic",
        ),
        pytest.param({"message": "m"}, "m", None, None, id="Cohere"),
        pytest.param({"detail": "m"}, "m", None, None, id="FastAPI"),
        pytest.param(
            {"detail": [{"loc": ["body", "n"], "msg": "too small"}, {"msg": "b"}, 7]},
            "body.n: too small; b; 7",
            None,
            None,
            id="FastAPI's list",
        ),
        pytest.param({"detail": {"message": "m"}}, "m", None, None, id="a detail object"),
        pytest.param(
            {"success": False, "errors": [{"code": 10000, "message": "m"}]},
            "m",
            None,
            "10000",
            id="Cloudflare",
        ),
        pytest.param(
            {"error": {}, "x": 1}, 'HTTP 500: {"error": {}, "x": 1}', None, None, id="nothing known"
        ),
    ],
)
def test_every_shape_of_error_is_read(
    body: object, message: str, error_type: str | None, code: str | None
) -> None:
    error = OPENAI.read_error(500, {}, json.dumps(body).encode())
    assert (error.message, error.error_type, error.code) == (message, error_type, code)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "HTTP 502 without a body"),
        (b"no healthy\nupstream", "HTTP 502: no healthy upstream"),
        (
            b"<html><head><title>502 Bad &amp; ugly</title>",
            "HTTP 502 with a web page: 502 Bad & ugly",
        ),
        (b"\xff\xfe", "HTTP 502: \ufffd\ufffd"),
        (b"[" * 2_000, "HTTP 502: " + "[" * 512),
    ],
)
def test_what_is_no_json_is_quoted(body: bytes, message: str) -> None:
    assert OPENAI.read_error(502, {}, body).message == message


def test_words_are_kept_within_bounds() -> None:
    body = {"error": {"message": "m" * 100_000, "code": "c" * 100_000, "type": "t" * 100_000}}
    error = OPENAI.read_error(500, {}, json.dumps(body).encode())
    assert len(error.message) == 2_000
    assert len(error.code or "") == len(error.error_type or "") == 200


@pytest.mark.parametrize(
    ("location", "names"),
    [
        ("https://login.example/x?token=1", "login.example"),
        ("/v2", "the same host"),
        ("", "the same"),
    ],
)
def test_a_redirect_names_the_host_alone(location: str, names: str) -> None:
    error = OPENAI.read_error(307, {"location": location}, b"")
    assert error.kind == "redirect"
    assert names in error.message
    assert "token" not in error.message
