"""Ledger rows as JSON for people: shown ids, ISO times, milliseconds, dollars."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from llmrouter.core.chat.losses import translation_header
from llmrouter.core.ids import show_id
from llmrouter.core.ledger import AttemptRow, RequestRow
from llmrouter.core.usage import usd_from_nusd
from llmrouter.store.queries.story import RequestStory

_COUNTS: Final = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "input_audio_tokens",
    "input_image_tokens",
    "output_audio_tokens",
    "output_image_tokens",
    "web_searches",
)


def show_time(at_us: int | None) -> str | None:
    """ISO 8601 in UTC, to the microsecond."""
    if at_us is None:
        return None
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="microseconds")


def show_usd(nusd: int | None) -> float | None:
    """Dollars; None stays unknown."""
    usd = usd_from_nusd(nusd)
    return None if usd is None else float(usd)


def show_ms(us: int | None) -> float | None:
    """Milliseconds."""
    return None if us is None else us / 1000


def show_request(row: RequestRow) -> dict[str, Any]:
    """A request's row."""
    return {
        "id": show_id(row.id),
        "started_at": show_time(row.started_us),
        "ending": row.ending,
        "http_status": row.http_status,
        "endpoint": row.endpoint,
        "dialect": row.dialect,
        "requested_model": row.requested_model,
        "category": row.category,
        "decided_by": row.decided_by,
        "routing_mode": row.mode,
        "model": f"{row.provider}/{row.model}" if row.provider else None,
        "stream": row.stream,
        "attempts": row.attempts,
        "error": row.error_class,
        "duration_ms": show_ms(row.duration_us),
        "first_token_ms": show_ms(row.first_token_us),
        "overhead_ms": show_ms(row.overhead_us),
        "classify_ms": show_ms(row.classify_us),
        **{name: getattr(row, name) for name in _COUNTS},
        "usage_source": row.usage_source,
        "cost_usd": show_usd(row.cost_nusd),
        "cost_basis": row.cost_basis,
        "config_version": row.config_version,
        "conversation_id": row.conversation_id,
        "client_request_id": row.client_request_id,
        "key_id": row.key_id,
        "purpose": row.purpose,
    }


def show_attempt(row: AttemptRow) -> dict[str, Any]:
    """An attempt's row."""
    return {
        "n": row.n,
        "kind": row.kind,
        "target": f"{row.provider}/{row.model}",
        "account": row.account,
        "started_at": show_time(row.started_us),
        "outcome": row.outcome,
        "http_status": row.http_status,
        "error_class": row.error_class,
        "counted": row.counted,
        "connect_ms": show_ms(row.connect_us),
        "headers_ms": show_ms(row.headers_us),
        "first_token_ms": show_ms(row.first_token_us),
        "duration_ms": show_ms(row.duration_us),
        **{name: getattr(row, name) for name in _COUNTS},
        "usage_source": row.usage_source,
        "cost_usd": show_usd(row.cost_nusd),
        "cost_basis": row.cost_basis,
        "service_tier": row.service_tier,
        "provider_request_id": row.provider_request_id,
    }


def show_story(story: RequestStory) -> dict[str, Any]:
    """Everything that is known of a request."""
    classified = story.event("request.classified")
    selected = story.event("route.selected")
    row = story.request
    return {
        "id": show_id(story.request_id),
        "ending": row.ending if row else None,
        "request": show_request(row) if row else None,
        "classification": dict(classified.data) if classified else None,
        "decision": _decision(story, selected.data) if selected else None,
        "attempts": [show_attempt(attempt) for attempt in story.attempts],
        "events_past_retention": story.events_removed,
        "events": [
            {"seq": e.seq, "after_ms": show_ms(e.dt_us), "kind": e.kind, "data": e.data}
            for e in story.events
        ],
    }


def _decision(story: RequestStory, selected: Mapping[str, Any]) -> dict[str, Any]:
    """What was decided, and what became of the request on its way to each target that was tried."""
    started = [event.data for event in story.events if event.kind == "attempt.started"]
    return {**selected, "translations": [_translation(data) for data in started]}


def _translation(started: Mapping[str, Any]) -> dict[str, Any]:
    dropped = started.get("dropped") or ()
    return {
        "n": started["n"],
        "target": f"{started['provider']}/{started['model']}",
        "dialect": started.get("dialect"),
        "translation": translation_header(native=started.get("dialect") is None, dropped=dropped),
        "dropped": list(dropped),
        "notes": list(started.get("translation_notes") or ()),
    }
