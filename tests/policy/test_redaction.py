"""No secret survives redaction (law 8), and innocent text does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.policy.redaction import HIDDEN, redact

KEYS = [
    "sk-proj-AbCd1234EfGh5678IjKl",
    "sk-ant-api03-AbCd1234EfGh5678",
    "sk-or-v1-0123456789abcdef0123456789abcdef",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "gsk_AbCd1234EfGh5678IjKl",
    "xai-AbCd1234EfGh5678IjKl",
    "pplx-0123456789abcdef",
    "nvapi-AbCd_1234-EfGh",
    "csk-abcdefgh12345678",
    "lr_AbCd1234EfGh5678IjKl",
    "hf_AbCd1234EfGh5678IjKl",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlMTIz",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "sentence",
    ["Incorrect API key provided: {}.", '{{"key":"{}"}}', "({})", "tail {}", "Bearer {}"],
)
def test_known_shapes_of_keys_are_hidden(key: str, sentence: str) -> None:
    redacted = redact(sentence.format(key))

    assert key not in redacted
    assert key[4:] not in redacted
    assert HIDDEN in redacted


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("POST https://user:hunter22@host/v1 failed", "hunter22"),
        ("https://generativelanguage.example/v1?key=abcd1234efgh&alt=sse", "abcd1234efgh"),
        ('{"api_key": "plain-old-password"}', "plain-old-password"),
        ("x-api-key: plainvalue99", "plainvalue99"),
        ("password=correct-horse", "correct-horse"),
        ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ],
)
def test_credentials_in_urls_and_assignments_are_hidden(text: str, secret: str) -> None:
    assert secret not in redact(text)


def test_a_url_keeps_what_is_no_secret() -> None:
    redacted = redact("https://user:pw@host.example/v1/chat?key=abcd1234&alt=sse")

    assert "host.example/v1/chat" in redacted
    assert "alt=sse" in redacted


@given(
    st.text(max_size=40),
    st.text("abcdefghijklmnopqrstuvwxyz0123456789!/+= ", min_size=6, max_size=60),
    st.text(max_size=40),
)
def test_a_configured_secret_is_found_nowhere(before: str, secret: str, after: str) -> None:
    assert secret not in redact(f"{before}{secret}{after}", [secret]).replace(HIDDEN, "")


def test_the_longer_of_two_overlapping_secrets_goes_first() -> None:
    assert redact("abcdef-012345", ["abcdef", "abcdef-012345"]) == HIDDEN


@pytest.mark.parametrize(
    "text",
    [
        "The model `gpt-4o-mini` does not exist",
        "This model's maximum context length is 8192 tokens",
        "task-oriented desk-bound risk-averse people",
        "max_tokens=4096 is too large",
        "the key insight: tokens are words",
    ],
)
def test_innocent_text_stays(text: str) -> None:
    assert redact(text) == text


def test_a_long_text_is_cut_and_no_key_is_left_half() -> None:
    key = "sk-" + "a1" * 40

    redacted = redact("x" * 500 + " " + key)

    assert len(redacted) <= 512
    assert "sk-a" not in redacted
