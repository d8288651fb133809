"""What a router is joined of."""

from __future__ import annotations

from dataclasses import dataclass

from llmrouter.core.clock import Clock
from llmrouter.pipeline.active import ActiveConfiguration
from llmrouter.pipeline.estimator import Estimator
from llmrouter.settings import Keyring, Settings
from llmrouter.store.opening import Store
from llmrouter.telemetry.opening import OpenTelemetry
from llmrouter.upstream.client import HttpUpstream


@dataclass(frozen=True, slots=True)
class Opened:
    """What a router is joined of: what had to be opened, read or told first."""

    settings: Settings
    keyring: Keyring
    store: Store
    upstream: HttpUpstream
    configuration: ActiveConfiguration
    estimator: Estimator
    telemetry: OpenTelemetry | None
    clock: Clock
