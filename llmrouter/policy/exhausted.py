"""What the client is told when no target gave an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from llmrouter.core.errors import (
    AllModelsFailed,
    AttemptSummary,
    Overloaded,
    RouterError,
    UpstreamRefused,
)
from llmrouter.core.records import Record
from llmrouter.core.routing import Candidate, Refusal, Target
from llmrouter.policy.breaker import WAIT_SHOWN_S
from llmrouter.policy.failures import Reason, Verdict

# The most useful first: what the client can act upon, then when to come back, then who is at fault.
USEFULNESS: Final = (400, 429, 503, 504, 502)
NAMED_TARGETS: Final = 8

ROOM_WAIT_S: Final = 1.0
"""When to come back for a place: places become free all the time."""

# A provider's 401 or 403 is about our key, and would send the client to mend its own.
PASSED_STATUSES: Final = frozenset(range(400, 500)) - {401, 403}


_STATUSES: Final[Mapping[Reason, int]] = {
    "overloaded": 503,
    "no_connection_left": 503,
    "timeout": 504,
    "too_slow": 504,
}


class FailedAttempt(Record):
    """One attempt as the client may know of it.

    ``message``, ``error_type``, ``code`` and ``param`` are the provider's own, already redacted.
    """

    target: Target
    verdict: Verdict
    status: int | None
    message: str = ""
    error_type: str | None = None
    code: str | None = None
    param: str | None = None


class _Meaning(Record):
    """What a refusal without any attempt comes to: a status, and words for it."""

    status: int
    words: str
    passes: bool = False
    """It passes with time: worth telling although other targets were tried."""


_REFUSALS: Final[Mapping[Refusal, _Meaning]] = {
    "breaker_open": _Meaning(503, "failed too often and is being rested", passes=True),
    "cooling_down": _Meaning(429, "asked for a pause", passes=True),
    "at_capacity": _Meaning(503, "carries as many requests as it may", passes=True),
    "account_locked": _Meaning(503, "refused its key or is out of money"),
    "no_credentials": _Meaning(503, "has no key"),
    "unknown_provider": _Meaning(503, "names a provider that is not configured"),
    "no_tools": _Meaning(400, "cannot use tools"),
    "no_vision": _Meaning(400, "cannot see images"),
    "no_audio": _Meaning(400, "cannot hear audio"),
    "no_json_schema": _Meaning(400, "cannot keep to a JSON schema"),
    "context_too_small": _Meaning(400, "has too small a context window"),
    "over_budget": _Meaning(429, "is over its budget"),
    "not_allowed": _Meaning(503, "is not allowed for this key"),
}


def chain_failure(
    failed: Sequence[FailedAttempt],
    candidates: Sequence[Candidate],
    *,
    waits_s: Mapping[Target, float] | None = None,
    key_variables: Mapping[str, str] | None = None,
    true_breaker_wait: bool = False,
    withheld: bool = False,
) -> RouterError:
    """The one error for a chain without an answer.

    A provider's verdict on the client's own content comes back as the provider gave it.  When
    nothing was asked for want of room or of connections it is `Overloaded`, which clients repeat by
    themselves.
    Anything else becomes `AllModelsFailed` with the most useful status of the chain.  ``waits_s``
    says how long refused targets stay refused; ``key_variables`` which environment variable holds
    a provider's key; ``true_breaker_wait`` (``on_all_open: refuse``) shows an open breaker's whole
    wait instead of a few seconds; ``withheld`` that the retry budget kept the last target from
    being asked once more.
    """
    if failed and failed[-1].verdict.error_class == "client":
        return _passed_on(failed[-1])
    # What a target did in this request says more than the breaker that it opened by it.
    tried = {f.target for f in failed}
    refused = [c for c in candidates if c.refused is not None and c.target not in tried]
    if not failed and any(c.refused == "at_capacity" for c in refused):
        message = _message(failed, refused, {}, withheld=False)
        return Overloaded(message, code="at_capacity", retry_after_s=ROOM_WAIT_S)
    if failed and all(f.verdict.reason == "no_connection_left" for f in failed):
        words = "The router has no connection left to ask a model with; try again."
        return Overloaded(words, code="at_capacity", retry_after_s=ROOM_WAIT_S)
    status = _status(failed, refused)
    waits = _waits_s(status, failed, refused, waits_s or {}, true_breaker_wait)
    return AllModelsFailed(
        _message(failed, refused, key_variables or {}, withheld),
        status=status,
        attempts=[AttemptSummary(f.target.name, f.verdict.reason, f.status) for f in failed],
        code="context_length_exceeded" if _is_context(status, failed, refused) else None,
        retry_after_s=min(waits, default=None),
    )


def final_status(verdict: Verdict) -> int:
    """The status that this failure has for the client when nothing else answers."""
    match verdict.error_class:
        case "context":
            return 400
        case "rate":
            return 429
        case "account":
            return 503 if verdict.reason == "upstream_quota" else 502
        case "client":
            return 400
        case "transient" | "gone":
            return _STATUSES.get(verdict.reason, 502)


def _passed_on(last: FailedAttempt) -> UpstreamRefused:
    return UpstreamRefused(
        last.message or "The provider refused the request.",
        status=last.status if last.status is not None and last.status in PASSED_STATUSES else 400,
        error_type=last.error_type,
        code=last.code,
        param=last.param,
    )


def _status(failed: Sequence[FailedAttempt], refused: Sequence[Candidate]) -> int:
    statuses = {final_status(f.verdict) for f in failed if f.verdict.error_class != "client"}
    meanings = [_REFUSALS[c.refused] for c in refused if c.refused is not None]
    statuses |= {m.status for m in meanings if m.passes}
    if not statuses:
        # Nothing was tried.  That no target can do it is the answer only when it is so for all.
        statuses = {m.status for m in meanings}
        if statuses - {400}:
            statuses.discard(400)
    return next((status for status in USEFULNESS if status in statuses), 503)


def _is_context(status: int, failed: Sequence[FailedAttempt], refused: Sequence[Candidate]) -> bool:
    if status != 400:
        return False
    if failed:
        return any(f.verdict.error_class == "context" for f in failed)
    return all(c.refused == "context_too_small" for c in refused)


def _waits_s(
    status: int,
    failed: Sequence[FailedAttempt],
    refused: Sequence[Candidate],
    waits_s: Mapping[Target, float],
    true_breaker_wait: bool,
) -> list[float]:
    """The waits that a 429 or 503 may name."""
    if status == 429:
        named = [f.verdict.cooldown_s for f in failed if f.verdict.cooldown_s is not None]
        cooling = [waits_s.get(c.target) for c in refused if c.refused == "cooling_down"]
        return [*named, *(wait for wait in cooling if wait is not None)]
    if status == 503:
        resting = [
            waits_s.get(c.target, WAIT_SHOWN_S) for c in refused if c.refused == "breaker_open"
        ]
        resting += [ROOM_WAIT_S for c in refused if c.refused == "at_capacity"]
        return resting if true_breaker_wait else [min(wait, WAIT_SHOWN_S) for wait in resting]
    return []


def _message(
    failed: Sequence[FailedAttempt],
    refused: Sequence[Candidate],
    key_variables: Mapping[str, str],
    withheld: bool,
) -> str:
    if not failed and not refused:
        return "No model could be asked: the route is empty."
    overflow = next((f for f in failed if f.verdict.error_class == "context" and f.message), None)
    tried = [f"{f.target} ({_told(f)})" for f in failed]
    passed = [f"{c.target} ({_REFUSALS[c.refused].words})" for c in refused if c.refused]
    sentences = []
    if tried:
        sentences.append(f"Every model failed: {_listed(tried)}.")
        if passed:
            sentences.append(f"Passed over: {_listed(passed)}.")
        if withheld:
            sentences.append("Too many requests to it fail to ask it once more.")
    else:
        sentences.append(f"No model could be asked: {_listed(passed)}.")
    if all(f.verdict.reason == "connect_failed" for f in failed):
        # Nobody was there, such as an Ollama that does not run: a key is what is missing.
        sentences += _advice(refused, key_variables)
    if overflow is not None:
        # Agents recognise an overflow by the provider's wording, and then shorten their history.
        sentences.insert(0, overflow.message.rstrip(".") + ".")
    return " ".join(sentences)


def _told(failed: FailedAttempt) -> str:
    return f"{failed.verdict.reason} {failed.status}" if failed.status else failed.verdict.reason


def _listed(items: Sequence[str]) -> str:
    unique = list(dict.fromkeys(items))
    shown = ", ".join(unique[:NAMED_TARGETS])
    return (
        shown
        if len(unique) <= NAMED_TARGETS
        else f"{shown}, and {len(unique) - NAMED_TARGETS} more"
    )


def _advice(refused: Sequence[Candidate], key_variables: Mapping[str, str]) -> list[str]:
    keyless = [c.target.provider for c in refused if c.refused == "no_credentials"]
    variables = dict.fromkeys(key_variables[p] for p in keyless if p in key_variables)
    if not variables:
        return []
    return [f"Set {' or '.join(variables)} in the environment or in .env, then restart."]
