"""The ledger's tables.

Times are microseconds since 1970 (UTC), durations microseconds, money nano-dollars, ids 63-bit
integers in order of time (`llmrouter.core.ids`); NULL is "not known", never zero.  JSON is TEXT
on SQLite and JSONB on PostgreSQL: ``data ->> 'member'`` reads both.  For people there are the
views of `llmrouter.store.views`, in dollars and ISO times.
"""

from __future__ import annotations

from llmrouter.store.schema.bodies import body, message, response_state
from llmrouter.store.schema.columns import Big, Json, metadata
from llmrouter.store.schema.configuration import config_version, price, price_card
from llmrouter.store.schema.log import attempt, event, event_head, event_row, request
from llmrouter.store.schema.replays import replay_results, replays
from llmrouter.store.schema.states import (
    account_lock,
    breaker,
    change,
    cooldown,
    node,
    node_lease,
    retention,
    token_ratio,
)
from llmrouter.store.schema.sums import (
    ATTEMPT_MEASURES,
    DECISION_MEASURES,
    HISTOGRAM_BITS,
    MEASURES,
    SUMMED,
    SUMMED_CLASSES,
    usage_attempt_day,
    usage_day,
    usage_decision_day,
    usage_hour,
    usage_mode,
    usage_total,
)

__all__ = [
    "ATTEMPT_MEASURES",
    "DECISION_MEASURES",
    "HISTOGRAM_BITS",
    "MEASURES",
    "SUMMED",
    "SUMMED_CLASSES",
    "Big",
    "Json",
    "account_lock",
    "attempt",
    "body",
    "breaker",
    "change",
    "config_version",
    "cooldown",
    "event",
    "event_head",
    "event_row",
    "message",
    "metadata",
    "node",
    "node_lease",
    "price",
    "price_card",
    "replay_results",
    "replays",
    "request",
    "response_state",
    "retention",
    "token_ratio",
    "usage_attempt_day",
    "usage_day",
    "usage_decision_day",
    "usage_hour",
    "usage_mode",
    "usage_total",
]
