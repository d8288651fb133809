"""The vocabulary of replays: which logged requests, what was kept of them, what came out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from msgspec import field

from llmrouter.core.records import Record
from llmrouter.core.routing import AttemptKind, AttemptOutcome, Ending, Mode, Target
from llmrouter.core.usage import CostBasis, UsageSource

ReplayKind = Literal["offline", "live"]

ReplayState = Literal["running", "interrupted", "finished"]
"""``interrupted`` can be resumed; so can what says ``running`` and has not been heard of for a
while (`STALE_US`)."""

STALE_US = 60_000_000
"""A replay that runs says so every few seconds."""


Baseline = Literal["logged", "ask"]
"""What answers are compared with: what the ledger says of the old ones, or new ones of the old
target, asked beside the new target's."""

MAX_OUTPUT_TOKENS = 8192
"""Written into requests of a live replay that set no limit."""


class ReplayWindow(Record):
    """Which requests are replayed; None is any.  Times are wall clock, µs.

    ``model`` is ``provider/model`` or a model id alone.  ``sample`` takes that many of them,
    spread evenly by lot (``seed``); ``limit`` the first ones.
    """

    since_us: int | None = None
    until_us: int | None = None
    category: str | None = None
    model: str | None = None
    key_id: str | None = None
    limit: int | None = None
    sample: int | None = None
    seed: int = 1


class ReplayAsked(Record):
    """An order for a replay: a document, or a version (the newest where none is named), with
    changes as people write them (``categories.code.models=["a/b"]``), and which requests.

    ``breakers`` says whether what stood in a target's way then counts, ``prices`` at which prices
    both sides are counted.
    """

    window: ReplayWindow
    document: Mapping[str, Any] | None = None
    document_label: str | None = None
    version: int | None = None
    changes: tuple[str, ...] = ()
    mode: Mode | None = None
    breakers: Literal["then", "ignore"] = "then"
    prices: Literal["then", "today"] = "then"


class LiveAsked(Record):
    """How requests are to be sent in a live replay, as people say it: on the command line or over
    HTTP.  ``max_usd`` must be there; with ``allow_unknown_prices`` so must ``max_requests``."""

    max_usd: float | None = None
    max_requests: int | None = None
    concurrency: int = 4
    baseline: Baseline = "logged"
    judge: str | None = None
    max_output_tokens: int = MAX_OUTPUT_TOKENS
    unchanged: bool = False
    allow_unknown_prices: bool = False


class LoggedRow(NamedTuple):
    """What replays read of a request's row: made a million times over, and so a tuple."""

    id: int
    started_us: int
    node: int
    config_version: int
    key_id: str | None
    conversation_id: str | None
    endpoint: str
    dialect: str
    requested_model: str | None
    category: str | None
    provider: str | None
    model: str | None
    ending: Ending
    error_class: str | None
    duration_us: int
    first_token_us: int | None
    overhead_us: int | None
    input_tokens: int | None
    output_tokens: int | None
    cost_nusd: int | None


class LoggedAttempt(NamedTuple):
    """What replays read of an attempt's row."""

    request_id: int
    provider: str
    account: str
    model: str
    kind: AttemptKind
    outcome: AttemptOutcome
    first_token_us: int | None
    duration_us: int | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cache_write_1h_tokens: int | None
    input_audio_tokens: int | None
    input_image_tokens: int | None
    output_audio_tokens: int | None
    output_image_tokens: int | None
    web_searches: int | None
    usage_source: UsageSource
    cost_nusd: int | None
    cost_basis: CostBasis
    service_tier: str | None


class Queued(NamedTuple):
    """How long a request waited for room at a target, and whether it was let in."""

    waited_us: int
    admitted: bool


class LoggedRequest(Record):
    """A finished request as the ledger tells of it.

    ``told`` holds the data of its events ``request.received``, ``request.validated``,
    ``request.classified`` and ``route.selected`` by kind, where there are any; ``selected_us`` is
    when its decision was made (wall clock), None when none was, and ``classified_us`` when what it
    is about was settled: in between it was looked which targets could be asked.  ``queued`` tells
    of targets that were full when it came to them, by their names with the account.
    """

    row: LoggedRow
    attempts: tuple[LoggedAttempt, ...]
    told: Mapping[str, Mapping[str, Any]]
    selected_us: int | None = None
    classified_us: int | None = None
    queued: Mapping[str, Queued] = field(default_factory=dict)

    @property
    def served_by(self) -> Target | None:
        """Whose answer the client got, or began to get."""
        row = self.row
        if row.provider is None or row.model is None:
            return None
        if row.ending == "completed" or row.first_token_us is not None:
            return Target(row.provider, row.model)
        return None


class ReplayRow(Record):
    """A replay as it is kept.

    ``candidate`` is the configuration document that was tried; None replays each request under
    the version that it ran with.  ``base_version`` is the version that the candidate was made
    from; ``label`` says in words what it changes.  ``options`` hold the window and whatever else
    it was asked with, ``report`` what came out once it is finished.  ``requests`` is how many the
    window holds, ``done`` how many of them are settled, ``changed`` how many decisions differ.
    """

    id: int
    kind: ReplayKind
    state: ReplayState
    created_us: int
    updated_us: int
    label: str
    base_version: int | None = None
    candidate: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    requests: int | None = None
    done: int = 0
    changed: int = 0
    finished_us: int | None = None
    report: Mapping[str, Any] | None = None


class ReplayResult(Record):
    """What one request would have become.  Targets are ``provider/model``; None is not known, or
    (a target) nobody.

    ``old_…`` is what happened, ``new_…`` what the candidate would have led to: projected offline,
    measured live.  ``new_success`` is the chance of an answer, 0 to 1.  ``flags`` say what the
    figures rest on (`llmrouter.replay.flags`), ``data`` what has no column.
    ``new_request_id`` is the request that a live replay made for it.
    """

    replay_id: int
    request_id: int
    changed: bool
    old_category: str | None = None
    new_category: str | None = None
    old_target: str | None = None
    new_target: str | None = None
    old_cost_nusd: int | None = None
    new_cost_nusd: int | None = None
    old_duration_us: int | None = None
    new_duration_us: int | None = None
    old_first_token_us: int | None = None
    new_first_token_us: int | None = None
    old_input_tokens: int | None = None
    new_input_tokens: int | None = None
    old_output_tokens: int | None = None
    new_output_tokens: int | None = None
    old_success: bool | None = None
    new_success: float | None = None
    flags: tuple[str, ...] = ()
    new_request_id: int | None = None
    data: Mapping[str, Any] | None = None


class PastEvent(Record):
    """An event that changed what targets could be asked, at its moment (wall clock, µs).

    ``node`` is the process that it happened in.
    """

    at_us: int
    node: int
    request_id: int
    kind: str
    data: Mapping[str, Any]


class PastAttempt(Record):
    """A call to a target; when its reply began, when its first token came, and when it was over
    (wall clock, µs); None when that did not happen or is not known.

    Of an answer that came whole, the first token is dated at its end: it was somewhere between.
    """

    request_id: int
    node: int
    target: Target
    started_us: int
    headers_us: int | None
    first_token_us: int | None
    ended_us: int | None


class PastTurn(Record):
    """A request of a conversation that was answered, or began to be."""

    request_id: int
    node: int
    conversation_id: str
    finished_us: int
    completed: bool
    category: str | None
    target: Target
    cache_read_tokens: int | None


class PastAnswer(Record):
    """An attempt to answer a request, for the history of its model; ``target`` is None for a
    request that nobody was asked to answer.

    ``ok`` is None where it says nothing of the model (the client left, or was at fault).
    ``body_bytes`` is the size of the client's request.
    """

    request_id: int
    category: str | None
    target: Target | None
    ok: bool | None
    duration_us: int | None
    first_token_us: int | None
    input_tokens: int | None
    output_tokens: int | None
    body_bytes: int | None
