"""`Assignment`: what an attempt is to do."""

from __future__ import annotations

from collections.abc import Mapping

from llmrouter.core.configuration import LimitsConfig, ProviderConfig, TimeoutsConfig
from llmrouter.core.records import Record
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import AttemptKind, Target
from llmrouter.core.upstream import UpstreamCall
from llmrouter.dialects.wire import Codec, Dialect, TargetFacts
from llmrouter.pipeline.estimator import Estimator


class Prepared(Record):
    """What every call from one dialect's clients to one target has in common, for as long as the
    configuration stays and nothing new is learned of the model.

    ``dialect`` is the provider's; ``is_native``: the client's, too.
    """

    provider: ProviderConfig
    dialect: Dialect
    codec: Codec
    is_native: bool
    credentials: Mapping[str, str]
    facts: TargetFacts
    report_cost: bool


class Assignment(Record):
    """Everything that one attempt needs to know.

    ``deadline_us`` is when its whole time is up, in microseconds since the request was received.
    """

    n: int
    kind: AttemptKind
    target: Target
    prepared: Prepared
    request: ChatRequest
    call: UpstreamCall
    dropped: tuple[str, ...]
    notes: tuple[str, ...]
    timeouts: TimeoutsConfig
    limits: LimitsConfig
    deadline_us: int
    estimator: Estimator
