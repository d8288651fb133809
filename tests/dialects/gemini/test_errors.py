"""Errors in the form of Google's APIs, and those of Google as facts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmrouter.core.errors import (
    AllModelsFailed,
    AttemptSummary,
    FieldError,
    InvalidRequest,
    NotFound,
    RouterError,
    StreamBroken,
    Unauthorized,
)
from llmrouter.dialects.gemini.dialect import GeminiDialect
from llmrouter.policy.failures import judge
from tests.dialects.gemini.speaking import address, chunks_of

DIALECT = GeminiDialect()


def body_of(error: RouterError) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DIALECT.error_body(error))["error"]
    return document


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (Unauthorized("no key"), 401, "UNAUTHENTICATED"),
        (NotFound("no such model", code="model_not_found"), 404, "NOT_FOUND"),
        (InvalidRequest([FieldError("contents", "is missing")]), 422, "INVALID_ARGUMENT"),
        (AllModelsFailed("all failed", status=429, attempts=()), 429, "RESOURCE_EXHAUSTED"),
        (AllModelsFailed("all failed", status=502, attempts=()), 502, "UNAVAILABLE"),
        (AllModelsFailed("all failed", status=504, attempts=()), 504, "DEADLINE_EXCEEDED"),
        (RouterError("oh"), 500, "INTERNAL"),
    ],
)
def test_an_error_has_googles_code_status_and_message(
    error: RouterError, code: int, status: str
) -> None:
    document = body_of(error)

    assert (document["code"], document["status"]) == (code, status)
    assert document["message"] == error.message
    assert document["details"][0]["reason"] == error.code.upper()


def test_details_say_which_fields_and_which_attempts_and_how_long_to_wait() -> None:
    attempts = [AttemptSummary("google/gemini-3.8-flash", "rate", 429)]
    failed = AllModelsFailed("all failed", status=429, attempts=attempts, retry_after_s=3.2)
    invalid = InvalidRequest([FieldError("contents", "is missing")])

    info, retry = body_of(failed)["details"]
    _, violations = body_of(invalid)["details"]

    assert info["metadata"] == {"attempt_1": "google/gemini-3.8-flash rate 429"}
    assert retry["retryDelay"] == "3s"
    assert violations["fieldViolations"] == [{"field": "contents", "description": "is missing"}]


@pytest.mark.parametrize("query", [{"alt": "sse"}, {}])
def test_an_error_inside_a_stream_is_a_document_of_it(query: dict[str, str]) -> None:
    dialect = DIALECT.at(address("streamGenerateContent", **query))
    begun = b'data: {"candidates":[]}\n\n' if query else b'[{"candidates":[]}'

    *_, last = chunks_of(begun + dialect.error_event(StreamBroken("cut off")))

    assert next(iter(last)) == "error"  # Google's library looks for it at the beginning
    assert (last["error"]["code"], last["error"]["message"]) == (502, "cut off")


GOOGLE = "type.googleapis.com/google.rpc."


@pytest.mark.parametrize("is_list", [False, True])
def test_googles_reason_and_delay_are_read_from_the_details(is_list: bool) -> None:
    error = {
        "code": 429,
        "message": "You exceeded your current quota.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {"@type": f"{GOOGLE}ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED"},
            {"@type": f"{GOOGLE}RetryInfo", "retryDelay": "17.4s"},
        ],
    }
    document: Any = [{"error": error}] if is_list else {"error": error}

    read = DIALECT.read_error(429, {}, json.dumps(document).encode())

    assert (read.error_type, read.code) == ("RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED")
    assert read.message == error["message"]
    assert read.headers["retry-after"] == "17"


@pytest.mark.parametrize(
    ("status", "word", "message", "reason", "error_class"),
    [
        (400, "INVALID_ARGUMENT", "API key not valid.", "API_KEY_INVALID", "account"),
        (403, "PERMISSION_DENIED", "Denied.", "SERVICE_DISABLED", "account"),
        (404, "NOT_FOUND", "models/x is not found for API version v1beta", None, "transient"),
        (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted.", None, "rate"),
        (503, "UNAVAILABLE", "The model is overloaded.", None, "transient"),
        (400, "INVALID_ARGUMENT", "Invalid value at 'contents'", None, "client"),
        (
            400,
            "INVALID_ARGUMENT",
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            None,
            "context",
        ),
    ],
)
def test_each_status_of_google_is_judged_by_what_it_means(
    status: int, word: str, message: str, reason: str | None, error_class: str
) -> None:
    details = [{"@type": f"{GOOGLE}ErrorInfo", "reason": reason}] if reason else []
    error = {"code": status, "message": message, "status": word, "details": details}

    read = DIALECT.read_error(status, {}, json.dumps({"error": error}).encode())

    verdict = judge(read, duration_s=0.1, committed=False, now_us=0)
    assert verdict.error_class == error_class


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": {"details": [1]}}'])
def test_an_error_of_any_other_shape_is_still_a_failed_attempt(body: bytes) -> None:
    read = DIALECT.read_error(500, {}, body)

    assert (read.kind, read.status) == ("status", 500)


def test_the_key_travels_in_googles_header() -> None:
    assert DIALECT.credentials("k") == {"x-goog-api-key": "k"}
