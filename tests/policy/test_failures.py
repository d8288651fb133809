"""What follows from a failed attempt: row by row."""

from __future__ import annotations

from typing import get_args

import pytest

from llmrouter.core.errors import AttemptError, FaultKind, Phase
from llmrouter.policy.failures import Verdict, judge, next_lock_s

NOW_US = 1_795_000_000_000_000


def refused(status: int, message: str = "", code: str | None = None) -> AttemptError:
    return AttemptError("status", "headers", message, status=status, code=code)


def verdict_on(error: AttemptError, *, duration_s: float = 0.1, committed: bool = False) -> Verdict:
    return judge(error, duration_s=duration_s, committed=committed, now_us=NOW_US)


# status, class, reason, counted, same target again, next target
STATUSES = [
    (400, "client", "client_error", False, False, False),
    (413, "client", "client_error", False, False, False),
    (415, "client", "client_error", False, False, False),
    (422, "client", "client_error", False, False, False),
    (401, "account", "upstream_auth", False, False, True),
    (403, "account", "upstream_auth", False, False, True),
    (402, "account", "upstream_quota", False, False, True),
    (404, "transient", "upstream_model", True, False, True),
    (405, "transient", "upstream_model", True, False, True),
    (408, "transient", "timeout", False, True, True),
    (409, "transient", "conflict", False, True, True),
    (429, "rate", "rate_limited", False, True, True),
    (500, "transient", "upstream_error", True, True, True),
    (502, "transient", "upstream_error", True, True, True),
    (503, "transient", "overloaded", True, True, True),
    (504, "transient", "timeout", True, True, True),
    (529, "transient", "overloaded", True, True, True),
    (599, "transient", "upstream_error", True, True, True),
]


@pytest.mark.parametrize(("status", "error_class", "reason", "counted", "same", "next_"), STATUSES)
def test_a_bare_status_is_judged_by_the_table(
    status: int, error_class: str, reason: str, counted: bool, same: bool, next_: bool
) -> None:
    verdict = verdict_on(refused(status))

    assert (verdict.error_class, verdict.reason) == (error_class, reason)
    assert (verdict.counted, verdict.retry_same, verdict.next_target) == (counted, same, next_)
    assert not verdict.may_have_billed


# kind, phase, reason, same target again, may have billed
ON_THE_WAY: list[tuple[FaultKind, Phase, str, bool, bool]] = [
    ("connect", "connect", "connect_failed", False, False),
    ("timeout", "connect", "timeout", False, False),
    ("dns", "dns", "dns_failed", False, False),
    ("timeout", "dns", "dns_failed", False, False),
    ("tls", "tls", "tls_failed", False, False),
    ("timeout", "tls", "tls_failed", False, False),
    ("reset", "send", "connection_lost", True, False),
    ("reset", "headers", "connection_lost", True, False),
    ("timeout", "headers", "timeout", False, True),
    ("timeout", "first_token", "timeout", False, True),
    ("reset", "first_token", "connection_lost", True, True),
    ("truncated", "body", "connection_lost", True, True),
    ("redirect", "headers", "redirect", False, False),
    ("bad_body", "body", "bad_reply", True, True),
    ("empty", "body", "bad_reply", True, True),
    ("too_large", "body", "bad_reply", False, True),
    ("error_body", "first_token", "upstream_error", True, False),
]


@pytest.mark.parametrize(("kind", "phase", "reason", "same", "billed"), ON_THE_WAY)
def test_what_happens_on_the_way_is_transient_and_counts(
    kind: FaultKind, phase: Phase, reason: str, same: bool, billed: bool
) -> None:
    verdict = verdict_on(AttemptError(kind, phase, "it broke"))

    assert (verdict.error_class, verdict.reason) == ("transient", reason)
    assert verdict.counted
    assert verdict.next_target
    assert (verdict.retry_same, verdict.may_have_billed) == (same, billed)


@pytest.mark.parametrize("phase", ["connect", "dns", "tls"])
def test_what_this_machine_lacks_says_nothing_of_the_provider(phase: Phase) -> None:
    verdict = verdict_on(AttemptError("exhausted", phase, "Too many open files"))

    assert (verdict.reason, verdict.scope) == ("no_connection_left", "none")
    assert (verdict.counted, verdict.may_have_billed) == (False, False)


@pytest.mark.parametrize("phase", ["connect", "dns", "tls"])
def test_an_endpoint_that_cannot_be_reached_is_the_endpoints_fault(phase: Phase) -> None:
    assert verdict_on(AttemptError("timeout", phase, "")).scope == "endpoint"


def test_every_kind_of_fault_in_every_phase_has_a_verdict() -> None:
    for kind in get_args(FaultKind):
        for phase in get_args(Phase):
            assert verdict_on(AttemptError(kind, phase, "")).next_target


def test_only_what_failed_fast_may_be_tried_at_the_same_target_again() -> None:
    assert verdict_on(refused(500), duration_s=0.9).retry_same
    assert not verdict_on(refused(500), duration_s=1.0).retry_same


# Shapes of real providers' refusals: status, type, code, message -> reason.
VENDORS = [
    # OpenAI
    (429, "insufficient_quota", "insufficient_quota", "You exceeded your quota", "upstream_quota"),
    (429, "requests", "rate_limit_exceeded", "Rate limit reached for gpt-x", "rate_limited"),
    (
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "This model's maximum context length is 8192 tokens.",
        "context_length_exceeded",
    ),
    (404, "invalid_request_error", "model_not_found", "The model `x` is gone", "upstream_model"),
    (400, "image_error", "content_policy_violation", "Your request was rejected", "content_policy"),
    (400, "invalid_request_error", "billing_hard_limit_reached", "Limit", "upstream_quota"),
    # Anthropic
    (
        400,
        "invalid_request_error",
        None,
        "prompt is too long: 209000 tokens > 200000 maximum",
        "context_length_exceeded",
    ),
    (
        400,
        "invalid_request_error",
        None,
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
        "context_length_exceeded",
    ),
    (400, "invalid_request_error", None, "Your credit balance is too low", "upstream_quota"),
    (403, "permission_error", None, "Your key may not use this", "upstream_auth"),
    (529, "overloaded_error", None, "Overloaded", "overloaded"),
    (413, "request_too_large", None, "Request exceeds the maximum size", "client_error"),
    # Google
    (400, "INVALID_ARGUMENT", "400", "API key not valid. Please pass another.", "upstream_auth"),
    (
        400,
        "INVALID_ARGUMENT",
        "400",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "context_length_exceeded",
    ),
    (
        429,
        "RESOURCE_EXHAUSTED",
        "429",
        "You exceeded your current quota, please check your plan and billing details.",
        "rate_limited",
    ),
    (503, "UNAVAILABLE", "503", "The model is overloaded.", "overloaded"),
    (404, "NOT_FOUND", "404", "models/x is not found for API version v1", "upstream_model"),
    # OpenRouter
    (402, None, "402", "Insufficient credits. Add more.", "upstream_quota"),
    (403, None, "403", "openai/x requires moderation; the input was flagged", "content_policy"),
    (403, None, "403", "Key limit exceeded (total limit).", "upstream_quota"),
    (400, None, "400", "foo/bar is not a valid model ID", "upstream_model"),
    (404, None, "404", "No endpoints found that support tool use.", "unsupported"),
    (
        400,
        None,
        "400",
        "This endpoint's maximum context length is 131072 tokens. You requested about 200000.",
        "context_length_exceeded",
    ),
    # DeepSeek
    (402, "unknown_error", "invalid_request_error", "Insufficient Balance", "upstream_quota"),
    (401, "authentication_error", None, "Authentication Fails", "upstream_auth"),
    (400, "invalid_request_error", None, "Model Not Exist", "upstream_model"),
    # Groq
    (
        413,
        "tokens",
        "rate_limit_exceeded",
        (
            "Request too large for model `x` on tokens per minute (TPM): Limit 6000, "
            "Requested 9000, please reduce your message size and try again."
        ),
        "rate_limited",
    ),
    (498, None, None, "Flex tier capacity exceeded", "overloaded"),
    (400, "invalid_request_error", "model_decommissioned", "was shut down", "upstream_model"),
    (400, "invalid_request_error", "tool_use_failed", "Failed to call a function", "bad_reply"),
    # Mistral
    (400, "invalid_model", "1500", "Invalid model: foo", "upstream_model"),
    (429, "service_tier_capacity_exceeded", "3505", "Service tier capacity", "rate_limited"),
    (
        400,
        "invalid_request_prompt",
        "3051",
        "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
        "context_length_exceeded",
    ),
    # others
    (400, None, None, "Incorrect API key provided: xai-***", "upstream_auth"),
    (403, None, None, "Your team has used all available credits", "upstream_quota"),
    (412, None, None, "Account x is suspended, possibly for unpaid invoices", "upstream_quota"),
    (429, "exceeded_current_quota_error", None, "Your account is out", "upstream_quota"),
    (429, "engine_overloaded_error", None, "The engine is overloaded", "rate_limited"),
    (429, None, "1113", "余额不足或无可用资源包,请充值。", "upstream_quota"),
    (
        400,
        "invalid_request_error",
        None,
        "Range of input length should be [1, 30720]",
        "context_length_exceeded",
    ),
    (400, None, None, "registry/library/x does not support tools", "unsupported"),
    (404, None, None, "model 'x' not found", "upstream_model"),
    (
        500,
        "exceed_context_size_error",
        None,
        "the request exceeds the available context size",
        "context_length_exceeded",
    ),
]


@pytest.mark.parametrize(("status", "error_type", "code", "message", "reason"), VENDORS)
def test_the_providers_own_words_come_before_the_status(
    status: int, error_type: str | None, code: str | None, message: str, reason: str
) -> None:
    error = AttemptError(
        "status", "headers", message, status=status, error_type=error_type, code=code
    )

    assert verdict_on(error).reason == reason


@pytest.mark.parametrize(
    ("error_type", "code", "message", "reason"),
    [
        ("overloaded_error", None, "Overloaded", "overloaded"),
        ("rate_limit_error", None, "slow down", "rate_limited"),
        ("invalid_request_error", "context_length_exceeded", "", "context_length_exceeded"),
        ("insufficient_quota", None, "", "upstream_quota"),
        ("authentication_error", None, "", "upstream_auth"),
        (None, "429", "Provider returned error", "rate_limited"),
        (None, "502", "Provider returned error", "upstream_error"),
        (None, "401", "User not found", "upstream_auth"),
        (None, None, "no idea", "upstream_error"),
    ],
)
def test_an_error_inside_a_200_goes_by_its_own_class(
    error_type: str | None, code: str | None, message: str, reason: str
) -> None:
    error = AttemptError(
        "error_body", "first_token", message, status=200, error_type=error_type, code=code
    )

    verdict = verdict_on(error)

    assert verdict.reason == reason
    assert verdict.next_target


def test_a_503_with_retry_after_is_a_request_to_wait() -> None:
    error = AttemptError("status", "headers", "", status=503, headers={"retry-after": "9"})

    verdict = verdict_on(error)

    assert (verdict.error_class, verdict.cooldown_s, verdict.counted) == ("rate", 9, False)
    assert verdict.wait_named


def test_a_429_without_a_figure_cools_down_for_five_seconds() -> None:
    verdict = verdict_on(refused(429))

    assert (verdict.cooldown_s, verdict.wait_named) == (5.0, False)


def test_a_missing_model_asks_for_somebody_to_mend_it() -> None:
    assert verdict_on(refused(404)).misconfigured
    assert not verdict_on(refused(500)).misconfigured


def test_an_exhausted_account_is_locked_twice_as_long_each_time_up_to_six_hours() -> None:
    quota = verdict_on(refused(402))

    locks = [next_lock_s(quota, None)]
    for _ in range(6):
        locks.append(next_lock_s(quota, locks[-1]))

    assert locks == [900, 1800, 3600, 7200, 14_400, 21_600, 21_600]


def test_a_refused_key_is_locked_for_an_hour_every_time() -> None:
    auth = verdict_on(refused(401))

    assert next_lock_s(auth, None) == next_lock_s(auth, 3600) == 3600
    assert next_lock_s(verdict_on(refused(500)), 3600) is None


def test_words_that_a_client_smuggles_into_a_message_do_not_lock_the_account() -> None:
    echoed = "messages.0.content: too strange: " + "x" * 300 + " insufficient_quota"

    assert verdict_on(refused(400, echoed)).error_class == "client"
    assert verdict_on(refused(422, "input was 'insufficient_quota'")).error_class == "client"


@pytest.mark.parametrize(
    "error",
    [
        AttemptError("reset", "stream", "closed"),
        AttemptError("timeout", "stream", "silence"),
        AttemptError("truncated", "stream", "no finish reason"),
        AttemptError("error_body", "stream", "server_error"),
    ],
    ids=lambda error: error.kind,
)
def test_after_the_first_token_nothing_else_is_tried_and_the_failure_counts(
    error: AttemptError,
) -> None:
    verdict = verdict_on(error, committed=True)

    assert verdict.reason == "stream_interrupted"
    assert verdict.counted
    assert not verdict.retry_same
    assert not verdict.next_target
    assert verdict.may_have_billed


def test_the_clients_own_fault_does_not_count_after_the_first_token_either() -> None:
    error = AttemptError("error_body", "stream", "", code="content_policy_violation")

    assert not verdict_on(error, committed=True).counted
