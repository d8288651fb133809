"""A foreign log's call as the ledger keeps it: events first, rows folded from them like any
other request's."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

import orjson

from llmrouter.core.clipping import clipped
from llmrouter.core.errors import RouterError
from llmrouter.core.events import (
    AttemptFailed,
    AttemptFirstToken,
    AttemptStarted,
    AttemptSucceeded,
    Event,
    EventData,
    RequestFinished,
    RequestReceived,
    RequestValidated,
)
from llmrouter.core.ledger import RequestRecord
from llmrouter.core.records import Record
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import DialectName, Target
from llmrouter.core.usage import UNKNOWN_COST, Cost, Usage
from llmrouter.dialects.registry import DIALECTS
from llmrouter.importing.call import LoggedCall
from llmrouter.policy.fold import STATUS_UNSEEN, fold_request
from llmrouter.policy.redaction import redact, without_secrets

NO_VERSION: Final = 0
"""The configuration version of requests that ran under none of ours."""

UNKNOWN_PROVIDER: Final = "unknown"

ENDPOINTS: Final[dict[DialectName, str]] = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "responses": "/v1/responses",
}

MAKERS: Final = (
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("claude-", "anthropic"),
    ("gemini-", "google"),
)
"""Whose a model is, by how its name begins, where a log names no provider."""

Reckon = Callable[[Target, Usage, str | None], int | None]
"""What a usage costs at a target, in nano-dollars; None when that is not known."""


class Imported(Record):
    """Everything that all records of one import share.

    ``provider`` is who answered where neither log nor model's name say it.  ``reckon`` prices
    calls of which the log says no cost; None leaves them unknown.
    """

    format: str
    node: int
    secrets: Collection[str]
    provider: str | None = None
    reckon: Reckon | None = None


def record_of(call: LoggedCall, request_id: int, shared: Imported) -> RequestRecord:
    """The record of one call, whole."""
    body, parsed = _body(call, shared.secrets)
    duration_us = call.duration_us or 0
    events = [
        Event(0, _received(call, shared)),
        Event(0, _validated(call, body, parsed)),
        Event(0, _started(call, shared)),
    ]
    if call.first_token_us is not None:
        events.append(Event(call.first_token_us, AttemptFirstToken(1, call.first_token_us)))
    events.append(Event(duration_us, _ended(call, shared)))
    finished = RequestFinished(
        ending="completed" if call.succeeded else "failed",
        http_status=call.http_status or STATUS_UNSEEN,
        duration_us=duration_us,
        served_by=1 if call.succeeded else None,
        error_class=None if call.succeeded else "imported_failure",
    )
    events.append(Event(duration_us, finished))
    row, attempts = fold_request(request_id, events)
    return RequestRecord(row, attempts, tuple(events), body=body)


def _body(call: LoggedCall, secrets: Collection[str]) -> tuple[bytes | None, ChatRequest | None]:
    """The body and what it asks; nothing where it is none that could be sent again."""
    if call.request is None:
        return None, None
    try:
        body = without_secrets(orjson.dumps(call.request), secrets)
        return body, DIALECTS[call.dialect].parse(body)
    except (RouterError, TypeError):  # not a valid request; numbers that JSON does not have
        return None, None


def _received(call: LoggedCall, shared: Imported) -> RequestReceived:
    return RequestReceived(
        started_us=call.started_us,
        node=shared.node,
        config_version=NO_VERSION,
        endpoint=ENDPOINTS[call.dialect],
        dialect=call.dialect,
        purpose="imported",
        client_request_id=call.source_id,
    )


def _validated(
    call: LoggedCall, body: bytes | None, parsed: ChatRequest | None
) -> RequestValidated:
    requested = call.requested_model or call.model
    return RequestValidated(
        requested_model=clipped(requested),
        stream=call.stream,
        messages=0 if parsed is None else len(parsed.turns),
        body_bytes=0 if body is None else len(body),
        needs=() if parsed is None else tuple(sorted(parsed.needs)),
        tools=0 if parsed is None else len(parsed.tools),
    )


def _target(call: LoggedCall, shared: Imported) -> Target:
    made_by = next((maker for start, maker in MAKERS if call.model.startswith(start)), None)
    provider = call.provider or shared.provider or made_by or UNKNOWN_PROVIDER
    return Target(provider, call.model.removeprefix(f"{provider}/"))


def _started(call: LoggedCall, shared: Imported) -> AttemptStarted:
    target = _target(call, shared)
    return AttemptStarted(1, target.provider, target.model, target.account, call.started_us)


def _ended(call: LoggedCall, shared: Imported) -> EventData:
    usage = call.usage or Usage()
    cost, cost_notes = _cost(call, shared)
    facts: dict[str, Any] = {
        "n": 1,
        "duration_us": call.duration_us,
        "http_status": call.http_status,
        "first_token_us": call.first_token_us,
        "uncached_input_tokens": usage.uncached_input_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "text_output_tokens": usage.text_output_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "usage_source": "none" if call.usage is None else "provider",
        "raw_usage": call.raw_usage,
        "service_tier": _service_tier(call),
        "cost_nusd": cost.nusd,
        "cost_basis": cost.basis,
        "finish_reason": call.finish_reason,
        "response_model": call.response_model,
        "notes": (f"imported:{shared.format}", *call.notes, *cost_notes),
    }
    if call.succeeded:
        return AttemptSucceeded(outcome="succeeded", **facts)
    message = None if call.error is None else redact(call.error, shared.secrets)
    return AttemptFailed(outcome="failed", error_class="imported_failure", message=message, **facts)


def _service_tier(call: LoggedCall) -> str | None:
    """A batch costs about half of the list price."""
    return "batch" if "batch" in call.notes else None


def _cost(call: LoggedCall, shared: Imported) -> tuple[Cost, tuple[str, ...]]:
    """What the log says; it was reckoned from tokens by whoever wrote the log."""
    if call.cost_nusd is not None:
        return Cost(call.cost_nusd, "computed"), ("cost_from_log",)
    if shared.reckon is None or call.usage is None:
        return UNKNOWN_COST, ()
    nusd = shared.reckon(_target(call, shared), call.usage, _service_tier(call))
    return (UNKNOWN_COST, ()) if nusd is None else (Cost(nusd, "computed"), ("cost_at_import",))
