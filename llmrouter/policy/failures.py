"""What follows from a failed attempt: judged by kind, status and the provider's own words.

`RULES` is the whole policy: a table read from the top, the first row that fits decides.  Words
come before statuses, because providers send the same trouble under different ones: an exhausted
account is a 400 at one, a 402, 403, 412 or 429 at others.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final, Literal

from llmrouter.core.errors import AttemptError, ErrorClass, FaultKind, Phase
from llmrouter.core.records import Record, replace
from llmrouter.core.routing import Need
from llmrouter.policy.waits import default_wait_s, requested_wait_s

Scope = Literal["none", "target", "account", "endpoint"]

Reason = Literal[
    "client_error",
    "content_policy",
    "unsupported",
    "context_length_exceeded",
    "upstream_auth",
    "upstream_quota",
    "upstream_model",
    "rate_limited",
    "overloaded",
    "upstream_error",
    "conflict",
    "timeout",
    "too_slow",
    "no_connection_left",
    "connect_failed",
    "dns_failed",
    "tls_failed",
    "connection_lost",
    "redirect",
    "bad_reply",
    "stream_interrupted",
]
"""Short words for people, the ledger and an error's ``attempts``."""

FAST_S: Final = 1.0  # only what failed within a second is tried at the same target again
AUTH_LOCK_S: Final = 3600.0  # until the key changes, or an hourly probe
QUOTA_LOCK_S: Final = 900.0
QUOTA_LOCK_MAX_S: Final = 6 * 3600.0
WORDS_READ: Final = 300
"""Characters of a message that are searched.  Some providers quote the request further on, and a
client must not be able to talk us into locking an account."""


class Verdict(Record):
    """What to do after a failed attempt.

    ``counted``: the breaker counts it.  ``retry_same`` and ``next_target`` are permissions, which
    the fallback plan uses or not.  ``cooldown_s`` passes the target over for a while, ``lock_s``
    the account, ``misconfigured`` opens the target until somebody mends it.  ``may_have_billed``:
    the provider may have worked, so that the cost is unknown and not zero.  ``wait_named``: the
    cooldown is the provider's own figure.
    """

    error_class: ErrorClass
    reason: Reason
    counted: bool = False
    retry_same: bool = False
    next_target: bool = True
    scope: Scope = "target"
    cooldown_s: float | None = None
    lock_s: float | None = None
    misconfigured: bool = False
    may_have_billed: bool = False
    wait_named: bool = False


class Rule(Record):
    """A row of the table: its conditions, all of which must hold, and its verdict.

    ``says`` is searched in the provider's type, code and message; ``asks_to_wait`` wants a
    ``Retry-After`` header.  None (or False) is no condition; a status of None is that of an error
    inside a 200.
    """

    verdict: Verdict
    kinds: tuple[FaultKind, ...] | None = None
    phases: tuple[Phase, ...] | None = None
    statuses: tuple[int | None, ...] | range | None = None
    says: re.Pattern[str] | None = None
    asks_to_wait: bool = False

    def fits(self, fault: _Fault) -> bool:
        """Whether this row is the one for the fault."""
        if self.kinds is not None and fault.kind not in self.kinds:
            return False
        if self.phases is not None and fault.phase not in self.phases:
            return False
        if self.statuses is not None and fault.status not in self.statuses:
            return False
        if self.asks_to_wait and not fault.asks_to_wait:
            return False
        return self.says is None or self.says.search(fault.words) is not None


class _Fault(Record):
    """An `AttemptError` as the table reads it."""

    kind: FaultKind
    phase: Phase
    status: int | None
    words: str
    asks_to_wait: bool


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


_CONTEXT: Final = _words(
    r"context_length_exceeded|context_window_exceeded|exceed_context_size|string_above_max_length",
    r"maximum (context|prompt|input|sequence) length",  # OpenAI, OpenRouter, vLLM, xAI, Mistral
    r"prompt (is )?too long|input (is|was) too long for|too many tokens: ",  # Anthropic, Cohere
    r"exceeds? (the |this )?(model'?s? )?(maximum |available |allowed )*"
    r"(context|token limit|number of tokens|input length|model token limit)",
    r"(input|prompt|max_tokens`?) exceed(s|ed)? (the )?context (limit|window)",
    r"input token count.{0,40} exceeds",  # Google
    r"reduce the length of the (messages|prompt|input)|context (window|size|length).{0,20}exceed",
    r"range of input length should be|prompt exceeds max length",  # Qwen, Zhipu
    r"inputs?`? tokens \+ `?max_new_tokens|too large for model with \d+ maximum context",
    r"greater than the context length|model token limit: ?\d+",  # LM Studio, Kimi
)
_POLICY: Final = _words(
    r"content_policy|content[_ ]filter|content management policy|responsible ?ai",
    r"moderation|flagged (by|as|for)|data_?inspection_?failed|safety (system|filter|reasons?)",
    r"prohibited_content|usage polic(y|ies)|considered high risk",
    r"violat(es|ed|ing|ion) .{0,40}polic",
)
_QUOTA: Final = _words(
    r"insufficient[_ ](quota|credits?|balance|funds)|exceeded_current_quota|\bbilling_(hard|not)_",
    r"billing_error|payment_required|credit balance is (too low|exhausted)|out of credits",
    r"(spend(ing)?|usage|budget|key|credit) limit (was |is |has been )?(reached|exceeded)",
    r"(reached|exceeded|hit) (your|its|the) .{0,40}(spend(ing)?|usage|budget|credit) limits?",
    r"used all available credits|(doesn't|does not) have any (credits|licenses)",
    r"requires more credits",
    r"arrearage|account (is )?.{0,40}(suspended|deactivated|not in good standing)|余额不足|欠费",
)
_AUTH: Final = _words(
    r"invalid[_ ](api|x-api)[_ -]?key|incorrect api key|api[_ ]key[_ ](is )?(not valid|invalid)",
    r"authentication_error|invalid_authentication|authentication fails|unauthenticated",
    r"no (auth|authentication) credentials|missing (api|authentication)|organization_restricted",
    r"user location is not supported|permission_denied|permission_error",
)
_MODEL: Final = _words(
    r"model_not_found|model_decommissioned|invalid_model|invalid model|model[_ ]not[_ ]exist",
    r"not a valid model|model .{0,120}(does not exist|not found|is not available|decommissioned)",
    r"no endpoints found|is not found for api version|unknown model|no such model",
)
_SCHEMA_WORDS: Final = r"(json[_ ]schema|response[_ ]format|structured[_ ]outputs?)"
_UNSUPPORTED: Final = _words(
    r"(does not|doesn't|do not) support (the )?(tools?|function|image|vision|audio|multimodal)",
    r"no endpoints found that support|(tools?|images?|vision|audio) (is|are) not supported",
    r"is not a multimodal model",
    rf"(does not|doesn't|do not) support (the )?(parameter )?[`'\"]?{_SCHEMA_WORDS}",
    rf"{_SCHEMA_WORDS}[`'\"]? (of type .{{0,40}} )?(is|are) not supported",
)
_NAMES_NEED: Final[Mapping[Need, re.Pattern[str]]] = {
    "tools": _words(r"\btools?\b|tool[_ ](use|call|choice)|\bfunctions?\b|function[_ ]call"),
    "vision": _words(r"\bimages?\b|\bvision\b|image_url|image input|multimodal"),
    "audio": _words(r"\baudio\b|input_audio"),
    "json_schema": _words(_SCHEMA_WORDS),
}
_GENERATION: Final = _words(r"tool_use_failed|json_validate_failed")  # the model wrote nonsense
_RATE: Final = _words(
    r"rate_?limit|too[_ ]many[_ ]requests|resource_exhausted|throttl|tokens per (minute|day)",
    r"engine_overloaded|service_tier_capacity|concurrency",
)
_OVERLOADED: Final = _words(r"overloaded|at capacity|unavailable|slow_down|capacity exceeded")

_STATE: Final = _words(r"previous_response_not_found|previous response with id .{0,100} not found")

_ANSWERED: Final[tuple[FaultKind, ...]] = ("status", "error_body")
_REFUSED: Final = (400, 401, 402, 403, 404, 412, 429, None)

_QUOTA_VERDICT: Final = Verdict("account", "upstream_quota", scope="account", lock_s=QUOTA_LOCK_S)
_AUTH_VERDICT: Final = Verdict("account", "upstream_auth", scope="account", lock_s=AUTH_LOCK_S)
_MODEL_VERDICT: Final = Verdict("transient", "upstream_model", counted=True, misconfigured=True)
_RATE_VERDICT: Final = Verdict("rate", "rate_limited", retry_same=True)
_CLIENT_VERDICT: Final = Verdict("client", "client_error", next_target=False, scope="none")


def _transient(
    reason: Reason, *, retry: bool = False, billed: bool = False, scope: Scope = "target"
) -> Verdict:
    return Verdict(
        "transient", reason, counted=True, retry_same=retry, may_have_billed=billed, scope=scope
    )


RULES: Final[tuple[Rule, ...]] = (
    # What the provider said, whatever the status.
    Rule(
        _RATE_VERDICT,
        ("status",),
        statuses=(413,),
        says=_words("rate_limit_exceeded|tokens per minute"),  # Groq: too much for this plan
    ),
    Rule(
        Verdict("context", "context_length_exceeded", scope="none"),
        _ANSWERED,
        statuses=(400, 413, 422, 500, None),
        says=_CONTEXT,
    ),
    Rule(
        Verdict("client", "content_policy", next_target=False, scope="none"),
        _ANSWERED,
        statuses=(400, 403, 422, 451, None),
        says=_POLICY,
    ),
    Rule(_QUOTA_VERDICT, _ANSWERED, statuses=_REFUSED, says=_QUOTA),
    Rule(_AUTH_VERDICT, _ANSWERED, statuses=(400, 401, 403, None), says=_AUTH),
    Rule(Verdict("client", "unsupported", scope="none"), _ANSWERED, None, _REFUSED, _UNSUPPORTED),
    Rule(
        # The one that kept the conversation no longer has it; others get it from us.
        Verdict("client", "client_error", scope="none"),
        _ANSWERED,
        statuses=(400, 404, None),
        says=_STATE,
    ),
    Rule(_MODEL_VERDICT, _ANSWERED, statuses=(400, 403, 404, 410, 422, None), says=_MODEL),
    Rule(
        Verdict("transient", "bad_reply", retry_same=True, may_have_billed=True),
        _ANSWERED,
        statuses=(400, None),
        says=_GENERATION,
    ),
    Rule(_RATE_VERDICT, ("error_body",), says=_RATE),
    Rule(_transient("overloaded", retry=True), ("error_body",), says=_OVERLOADED),
    # Statuses.
    Rule(_AUTH_VERDICT, ("status",), statuses=(401, 403)),
    Rule(_QUOTA_VERDICT, ("status",), statuses=(402,)),
    Rule(_MODEL_VERDICT, ("status",), statuses=(404, 405, 410)),
    Rule(_RATE_VERDICT, ("status",), statuses=(429,)),
    Rule(_RATE_VERDICT, ("status",), statuses=(503,), asks_to_wait=True),
    Rule(Verdict("transient", "timeout", retry_same=True), ("status",), statuses=(408,)),
    Rule(Verdict("transient", "conflict", retry_same=True), ("status",), statuses=(409, 425)),
    Rule(_transient("overloaded", retry=True), ("status",), statuses=(498, 503, 529)),
    Rule(_transient("timeout", retry=True), ("status",), statuses=(504, 522, 524)),
    Rule(_transient("upstream_error"), ("status",), statuses=(421, 426)),  # of the connection
    Rule(_CLIENT_VERDICT, ("status",), statuses=range(400, 499)),
    Rule(_transient("upstream_error", retry=True), ("status",)),
    # What happened on the way.
    Rule(Verdict("transient", "no_connection_left", scope="none"), ("exhausted",)),  # our fault
    Rule(_transient("redirect"), ("redirect",)),
    Rule(_transient("dns_failed", scope="endpoint"), phases=("dns",)),
    Rule(_transient("tls_failed", scope="endpoint"), phases=("tls",)),
    Rule(_transient("dns_failed", scope="endpoint"), ("dns",)),
    Rule(_transient("tls_failed", scope="endpoint"), ("tls",)),
    Rule(_transient("timeout", scope="endpoint"), ("timeout",), ("connect",)),
    Rule(_transient("connect_failed", scope="endpoint"), ("connect",)),
    Rule(_transient("timeout", billed=True), ("timeout",)),
    Rule(_transient("too_slow", billed=True), ("too_slow",)),
    Rule(
        _transient("connection_lost", retry=True),
        ("reset", "truncated"),
        ("connect", "send", "headers"),
    ),
    Rule(_transient("connection_lost", retry=True, billed=True), ("reset", "truncated")),
    Rule(_transient("upstream_error", retry=True), ("error_body",)),
    Rule(_transient("bad_reply", billed=True), ("too_large",)),
    Rule(_transient("bad_reply", retry=True, billed=True)),
)


def judge(
    error: AttemptError,
    *,
    duration_s: float,
    committed: bool,
    now_us: int,
    jitter: float = 0.0,
) -> Verdict:
    """What follows from this error.

    ``duration_s`` is how long the attempt took, ``committed`` that its first token has gone out,
    ``now_us`` the wall clock (for a ``Retry-After`` that is a date), ``jitter`` between 0 and 1.
    """
    fault = _read(error)
    base = next(rule.verdict for rule in RULES if rule.fits(fault))
    if committed:
        return _mid_stream(base)
    if base.error_class == "rate":
        return _with_cooldown(base, error, now_us=now_us, jitter=jitter)
    if base.retry_same and duration_s >= FAST_S:
        return replace(base, retry_same=False)
    return base


def refused_needs(verdict: Verdict, error: AttemptError, needs: Collection[Need]) -> set[Need]:
    """Which of a request's needs the target refused it for; empty when it was something else."""
    if verdict.reason != "unsupported":
        return set()
    words = _read(error).words
    return {need for need in needs if _NAMES_NEED[need].search(words)}


def next_lock_s(verdict: Verdict, previous_s: float | None) -> float | None:
    """How long an account stays locked, given its previous lock: one for money doubles each time,
    up to six hours."""
    if verdict.lock_s is None or verdict.reason != "upstream_quota" or previous_s is None:
        return verdict.lock_s
    return min(max(2 * previous_s, QUOTA_LOCK_S), QUOTA_LOCK_MAX_S)


def _read(error: AttemptError) -> _Fault:
    kind, status = error.kind, error.status
    if kind == "error_body":
        # Some wrap another provider's status into a 200: `{"error": {"code": 429}}`.
        code = error.code or ""
        wrapped = code.isascii() and code.isdigit() and len(code) == 3 and code[0] in "45"
        kind, status = ("status", int(code)) if wrapped else (kind, None)
    said = (error.error_type, error.code, error.message[:WORDS_READ])
    return _Fault(
        kind,
        error.phase,
        status,
        " ".join(part for part in said if part),
        asks_to_wait=not {"retry-after", "retry-after-ms"}.isdisjoint(error.headers),
    )


def _mid_stream(base: Verdict) -> Verdict:
    """After the first token nothing else is tried, and every failure but a verdict on the client's
    content counts."""
    is_clients = base.error_class in ("client", "context")
    return replace(
        base,
        reason="stream_interrupted" if base.error_class == "transient" else base.reason,
        counted=not is_clients,
        retry_same=False,
        next_target=False,
        may_have_billed=True,
    )


def _with_cooldown(base: Verdict, error: AttemptError, *, now_us: int, jitter: float) -> Verdict:
    named_s = requested_wait_s(error.headers, error.message, now_us=now_us)
    if named_s is None:
        return replace(base, cooldown_s=default_wait_s(jitter))
    return replace(base, cooldown_s=named_s, wait_named=True)
