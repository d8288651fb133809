"""The vocabulary of a routing decision: targets, classifications, candidates, endings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from msgspec import field

from llmrouter.core.records import Record

DialectName = Literal["openai", "responses", "anthropic", "gemini", "ollama"]

Mode = Literal["keywords", "local", "ollama", "api", "hybrid"]
"""How text is classified (``routing.mode``)."""

DecidedBy = Literal[
    "requested",
    "tool_loop",
    "continuity",
    "tools",
    "keywords",
    "local",
    "ollama",
    "api",
    "hybrid",
    "default",
]
"""What settled the category: the client's own choice, the conversation, or a classifier."""

ResolvedBy = Literal["classified", "route", "alias", "model", "bare_id"]
"""How the name that the client sent as ``model`` was understood."""

Need = Literal["tools", "vision", "audio", "json_schema"]
"""A capability that a request calls for; a target must have it."""

Refusal = Literal[
    "breaker_open",
    "no_credentials",
    "unknown_provider",
    "no_tools",
    "no_vision",
    "no_audio",
    "no_json_schema",
    "context_too_small",
    "cooling_down",
    "account_locked",
    "at_capacity",
    "over_budget",
    "not_allowed",
]
"""Why a candidate was passed over."""

Purpose = Literal["live", "replay", "probe", "classify", "imported"]

Ending = Literal[
    "completed", "rejected", "failed", "interrupted", "disconnected", "shutdown", "abandoned"
]
"""How a request ended; exactly one per request.  ``disconnected`` is the client's leaving (499);
``abandoned`` is written at start-up for what a killed process left open."""

AttemptKind = Literal["chat", "classify", "hedge", "judge"]

AttemptOutcome = Literal["succeeded", "failed", "interrupted", "cancelled", "client_error", "lost"]


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Target:
    """What an attempt is sent to: a model at a provider, with one of its accounts."""

    provider: str
    model: str
    account: str = "default"
    name: str = dataclasses.field(init=False, repr=False, compare=False)
    """``provider/model``; the model id may itself contain ``/``.  Kept, for it is asked for two
    dozen times in a request."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.provider}/{self.model}")

    def __str__(self) -> str:
        return self.name if self.account == "default" else f"{self.name}#{self.account}"


class Classification(Record):
    """Which category a request belongs to, and why.

    ``category`` is ``None`` when the client named a model or combo itself.  ``mode`` is the mode
    that really answered, ``mode_asked`` the configured one.
    """

    category: str | None
    decided_by: DecidedBy
    mode_asked: Mode
    mode: Mode | None
    confidence: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()


class Candidate(Record):
    """A target that was considered, chosen for trying unless ``refused`` says why not."""

    target: Target
    refused: Refusal | None = None
    detail: str | None = None


class Decision(Record):
    """The ordered candidates of one request under one configuration version."""

    route: str
    strategy: str
    resolved_by: ResolvedBy
    candidates: tuple[Candidate, ...]
    config_version: int

    @property
    def usable(self) -> tuple[Target, ...]:
        """The targets that may be tried, in order."""
        return tuple([c.target for c in self.candidates if c.refused is None])
