"""How long a provider asks us to wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.policy.waits import default_wait_s, requested_wait_s

NOW_US = 1_795_000_000_000_000  # 2026-11-18T11:06:40Z


@pytest.mark.parametrize(
    ("headers", "message", "wait_s"),
    [
        ({"retry-after": "7"}, "", 7),
        ({"retry-after": "1.5"}, "", 1.5),
        ({"retry-after": " 20 "}, "", 20),
        ({"retry-after": "0"}, "", 0.5),
        ({"retry-after": "86400"}, "", 600),
        ({"retry-after": "Wed, 18 Nov 2026 11:07:00 GMT"}, "", 20),
        ({"retry-after": "Wed, 18 Nov 2026 11:00:00 GMT"}, "", 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, "", 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, "", 9),
        ({"x-ratelimit-reset-requests": "6m0s"}, "", 360),
        ({"x-ratelimit-reset-tokens": "120ms"}, "", 0.5),
        ({"x-ratelimit-reset-requests": "2m59.56s"}, "", 179.56),
        ({"x-ratelimit-reset": "1795000012000"}, "", 12),
        ({"x-ratelimit-reset": "1795000012"}, "", 12),
        ({"anthropic-ratelimit-requests-reset": "2026-11-18T11:06:50Z"}, "", 10),
        ({"retry-after": "junk", "x-ratelimit-reset-requests": "3s"}, "", 3),
        ({}, "Rate limit reached for model `m`: Limit 6000. Please try again in 7.66s.", 7.66),
        ({}, "Please try again in 6m0s", 360),
        ({}, "Please retry in 34.07 seconds", 34.07),
        ({}, "retry after 2 minutes", 120),
    ],
)
def test_the_providers_figure_is_taken_within_bounds(
    headers: dict[str, str], message: str, wait_s: float
) -> None:
    assert requested_wait_s(headers, message, now_us=NOW_US) == pytest.approx(wait_s)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, ""),
        ({"retry-after": ""}, ""),
        ({"retry-after": "-5"}, ""),
        ({"retry-after": "nan"}, ""),
        ({"retry-after": "1e9"}, ""),
        ({"retry-after": "9" * 400}, ""),
        ({"retry-after": "Wed, 99 Nov 2026"}, ""),
        ({"x-ratelimit-reset-requests": "later"}, ""),
        ({"x-ratelimit-limit-requests": "60"}, ""),
        ({}, "try again in a while"),
    ],
)
def test_nonsense_counts_as_absent(headers: dict[str, str], message: str) -> None:
    assert requested_wait_s(headers, message, now_us=NOW_US) is None


def test_the_limit_that_is_used_up_decides() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "8s",
        "x-ratelimit-remaining-tokens": "5000",
        "x-ratelimit-reset-tokens": "90s",
    }

    assert requested_wait_s(headers, "", now_us=NOW_US) == 8


def test_of_limits_that_do_not_say_the_last_to_reset_decides() -> None:
    headers = {"x-ratelimit-reset-requests": "8s", "x-ratelimit-reset-tokens": "90s"}

    assert requested_wait_s(headers, "", now_us=NOW_US) == 90


def test_without_a_figure_it_is_five_seconds_and_some_jitter() -> None:
    assert default_wait_s(0.0) == 5.0
    assert default_wait_s(1.0) == pytest.approx(6.0)


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=80))
def test_whatever_a_provider_sends_the_wait_is_bounded(
    retry_after: str, reset: str, message: str
) -> None:
    headers = {"retry-after": retry_after, "x-ratelimit-reset-requests": reset}

    wait_s = requested_wait_s(headers, message, now_us=NOW_US)

    assert wait_s is None or 0.5 <= wait_s <= 600
