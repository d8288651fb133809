"""`Assignment`: what an attempt is to do."""

from __future__ import annotations

from llmrouter.core.configuration import LimitsConfig, TimeoutsConfig
from llmrouter.core.records import record
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import AttemptKind, Target
from llmrouter.core.upstream import UpstreamCall
from llmrouter.dialects.wire import Codec, Dialect, TargetFacts
from llmrouter.pipeline.estimator import Estimator


@record
class Assignment:
    """Everything that one attempt needs to know.

    ``deadline_us`` is when its whole time is up, in microseconds since the request was received.
    """

    n: int
    kind: AttemptKind
    target: Target
    request: ChatRequest
    call: UpstreamCall
    codec: Codec
    facts: TargetFacts
    dialect: Dialect
    dropped: tuple[str, ...]
    notes: tuple[str, ...]
    timeouts: TimeoutsConfig
    limits: LimitsConfig
    report_cost: bool
    estimator: Estimator
    deadline_us: int
