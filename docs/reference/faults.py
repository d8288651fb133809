"""What follows from a failed attempt, from the table of `llmrouter.policy.failures`."""

from __future__ import annotations

from collections.abc import Iterable

from docs.reference.markdown import code, table
from llmrouter.policy.exhausted import final_status
from llmrouter.policy.failures import FAST_S, RULES, Rule, Verdict
from llmrouter.policy.fallback import MAX_RATE_WAIT_S

_HEADINGS = ("seen", "class", "reason", "next model", "same again", "counts", "rests", "status")
_NO_STATUS = "an error in a 200"


def failure_reference() -> str:
    """The table, row by row: the first that fits decides."""
    return table(_HEADINGS, (_row(rule) for rule in RULES))


def _row(rule: Rule) -> tuple[str, ...]:
    verdict = rule.verdict
    return (
        _seen(rule),
        verdict.error_class,
        code(verdict.reason),
        _yes(verdict.next_target),
        _again(verdict),
        _yes(verdict.counted),
        _rests(verdict),
        "the provider's" if verdict.error_class == "client" else str(final_status(verdict)),
    )


def _seen(rule: Rule) -> str:
    conditions = []
    if rule.kinds == ("status", "error_body"):
        conditions.append("an error reply")
    elif rule.kinds is not None and rule.kinds != ("status",):
        conditions.append(_listed(code(kind) for kind in rule.kinds))
    if rule.statuses is not None:
        conditions.append(_statuses(rule.statuses))
    elif rule.kinds == ("status",):
        conditions.append("any other status")
    if rule.phases is not None:
        conditions.append("while " + _listed(code(phase) for phase in rule.phases))
    if rule.says is not None:
        conditions.append("whose words say so")
    if rule.asks_to_wait:
        conditions.append("with `Retry-After`")
    return ", ".join(conditions) or "anything else"


def _statuses(statuses: range | tuple[int | None, ...]) -> str:
    if isinstance(statuses, range):
        return f"{statuses.start} to {statuses.stop - 1}"
    return _listed(_NO_STATUS if status is None else str(status) for status in statuses)


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _again(verdict: Verdict) -> str:
    if not verdict.retry_same:
        return ""
    if verdict.error_class == "rate":
        return f"once, if the provider's wait is {MAX_RATE_WAIT_S:g} s at most"
    return f"once, if it failed within {FAST_S:g} s"


def _rests(verdict: Verdict) -> str:
    if verdict.misconfigured:
        return "the model, an hour"
    if verdict.lock_s is not None:
        return f"the account, {verdict.lock_s / 60:g} min"
    return "the model, as long as the provider asks" if verdict.error_class == "rate" else ""


def _yes(holds: bool) -> str:
    return "yes" if holds else ""
