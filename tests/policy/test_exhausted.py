"""What a client is told when no target answered."""

from __future__ import annotations

from typing import get_args

import pytest

from llmrouter.core.errors import AllModelsFailed, RouterError, UpstreamRefused
from llmrouter.core.routing import Candidate, Refusal, Target
from llmrouter.policy.exhausted import FailedAttempt, chain_failure
from llmrouter.policy.failures import Verdict

A, B, C = (Target("lab", name) for name in "abc")

CONTEXT = Verdict("context", "context_length_exceeded")
RATE = Verdict("rate", "rate_limited", cooldown_s=20)
OVERLOADED = Verdict("transient", "overloaded", counted=True)
TIMEOUT = Verdict("transient", "timeout", counted=True)
BROKEN = Verdict("transient", "upstream_error", counted=True)
AUTH = Verdict("account", "upstream_auth")
QUOTA = Verdict("account", "upstream_quota")
MODEL = Verdict("transient", "upstream_model", misconfigured=True)
CLIENT = Verdict("client", "client_error", next_target=False)
UNSUPPORTED = Verdict("client", "unsupported")


def failed(*verdicts: Verdict, status: int | None = 500) -> list[FailedAttempt]:
    return [FailedAttempt(A, verdict, status, "the provider's words") for verdict in verdicts]


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ([BROKEN], 502),
        ([AUTH], 502),
        ([MODEL], 502),
        ([QUOTA], 503),
        ([OVERLOADED], 503),
        ([TIMEOUT], 504),
        ([RATE], 429),
        ([CONTEXT], 400),
        ([BROKEN, TIMEOUT], 504),
        ([TIMEOUT, OVERLOADED, BROKEN], 503),
        ([OVERLOADED, RATE, BROKEN], 429),
        ([RATE, CONTEXT, BROKEN], 400),
        ([UNSUPPORTED, OVERLOADED], 503),
    ],
)
def test_the_status_is_the_most_useful_of_the_chain(verdicts: list[Verdict], status: int) -> None:
    error = chain_failure(failed(*verdicts), [])

    assert isinstance(error, AllModelsFailed)
    assert error.status == status


def test_attempts_are_listed_with_their_reasons() -> None:
    chain = [FailedAttempt(A, AUTH, 401, "no"), FailedAttempt(B, TIMEOUT, None)]

    error = chain_failure(chain, [])

    assert error.code == "all_models_failed"
    assert error.details() == {
        "attempts": [
            {"target": "lab/a", "class": "upstream_auth", "status": 401},
            {"target": "lab/b", "class": "timeout", "status": None},
        ]
    }
    assert "lab/a (upstream_auth 401), lab/b (timeout)" in error.message
    assert error.headers["x-should-retry"] == "false"


def test_a_verdict_on_the_clients_content_comes_back_as_the_provider_gave_it() -> None:
    refused = FailedAttempt(A, CLIENT, 422, "seed must be an int", "bad_thing", "bad_seed", "seed")

    error = chain_failure([*failed(BROKEN), refused], [])

    assert isinstance(error, UpstreamRefused)
    assert (error.status, error.message, error.type) == (422, "seed must be an int", "bad_thing")
    assert (error.code, error.param) == ("bad_seed", "seed")


@pytest.mark.parametrize(("status", "shown"), [(400, 400), (413, 413), (403, 400), (None, 400)])
def test_a_providers_403_never_becomes_the_clients_own(status: int | None, shown: int) -> None:
    assert _status(chain_failure(failed(CLIENT, status=status), [])) == shown


def test_an_overflow_keeps_the_code_and_the_words_that_agents_look_for() -> None:
    chain = [FailedAttempt(A, CONTEXT, 400, "prompt is too long: 9 tokens > 8 maximum")]

    error = chain_failure(chain, [])

    assert error.code == "context_length_exceeded"
    assert error.message.startswith("prompt is too long: 9 tokens > 8 maximum.")


def test_the_smallest_wait_of_the_chain_is_named() -> None:
    quick = Verdict("rate", "rate_limited", cooldown_s=3)
    cooling = Candidate(C, "cooling_down")

    assert chain_failure(failed(RATE, quick), []).retry_after_s == 3
    assert chain_failure(failed(RATE), [cooling], waits_s={C: 1.0}).retry_after_s == 1.0


def test_a_target_that_cools_down_makes_a_later_failure_a_429() -> None:
    error = chain_failure(failed(BROKEN), [Candidate(C, "cooling_down")], waits_s={C: 7.0})

    assert (_status(error), error.retry_after_s) == (429, 7.0)


def test_a_target_without_a_key_does_not_change_the_status_of_one_that_was_tried() -> None:
    assert _status(chain_failure(failed(BROKEN), [Candidate(C, "no_credentials")])) == 502


def test_open_breakers_never_name_more_than_five_seconds() -> None:
    resting = [Candidate(A, "breaker_open"), Candidate(B, "breaker_open")]
    waits_s = {A: 250.0, B: 120.0}

    assert chain_failure([], resting, waits_s=waits_s).retry_after_s == 5
    assert chain_failure([], resting, waits_s={A: 2.0, B: 120.0}).retry_after_s == 2
    true_wait = chain_failure([], resting, waits_s=waits_s, true_breaker_wait=True)
    assert true_wait.retry_after_s == 120
    assert _status(true_wait) == 503


def test_missing_keys_name_the_variables_to_set() -> None:
    keyless = [
        Candidate(Target("east", "m1"), "no_credentials"),
        Candidate(Target("east", "m2"), "no_credentials"),
        Candidate(Target("west", "m"), "no_credentials"),
    ]

    error = chain_failure(
        [], keyless, key_variables={"east": "EAST_API_KEY", "west": "WEST_API_KEY", "x": "X"}
    )

    assert _status(error) == 503
    assert "Set EAST_API_KEY or WEST_API_KEY" in error.message
    assert "east/m1 (has no key)" in error.message


@pytest.mark.parametrize(
    ("refusals", "status"),
    [
        (["no_vision", "no_vision"], 400),
        (["no_vision", "no_credentials"], 503),
        (["context_too_small"], 400),
        (["breaker_open", "cooling_down"], 429),
        (["account_locked"], 503),
    ],
)
def test_when_nothing_was_tried_the_refusals_give_the_status(
    refusals: list[Refusal], status: int
) -> None:
    candidates = [Candidate(Target("lab", str(i)), why) for i, why in enumerate(refusals)]

    assert _status(chain_failure([], candidates)) == status


def test_every_refusal_can_be_told() -> None:
    for refusal in get_args(Refusal):
        error = chain_failure([], [Candidate(A, refusal)])
        assert "lab/a (" in error.message


def test_a_request_that_fits_no_window_is_an_overflow() -> None:
    error = chain_failure([], [Candidate(A, "context_too_small")])

    assert error.code == "context_length_exceeded"


def test_long_chains_are_told_in_short() -> None:
    many = [Candidate(Target("lab", f"m{i}"), "no_credentials") for i in range(30)]

    error = chain_failure([], many)

    assert "lab/m7" in error.message
    assert "lab/m8" not in error.message
    assert "and 22 more" in error.message


def _status(error: RouterError) -> int:
    return error.status
