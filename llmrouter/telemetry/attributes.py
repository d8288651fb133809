"""What spans and metrics say of a request: OpenTelemetry's names for generative AI and for HTTP,
and ours under ``llmrouter.``.  Never what was said in it.

https://github.com/open-telemetry/semantic-conventions-genai
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from llmrouter.core.conventions import provider_name
from llmrouter.core.events import AttemptFailed, AttemptSucceeded, RequestFinished, RouteSelected
from llmrouter.core.finished import FinishedRequest
from llmrouter.core.ids import show_id
from llmrouter.core.ledger import AttemptRow, RequestRow
from llmrouter.core.records import Record
from llmrouter.core.usage import usd_from_nusd

Value = str | bool | int | float | tuple[str, ...]
Attributes = dict[str, Value]

_US_PER_S: Final = 1_000_000
_PORTS: Final = {"http": 80, "https": 443}


class Told(Record):
    """What the events of a request say that its rows do not."""

    ended: Mapping[int, AttemptSucceeded | AttemptFailed]
    selected: RouteSelected | None
    served_by: int | None

    @classmethod
    def by(cls, finished: FinishedRequest) -> Told:
        said = [event.data for event in finished.events]
        return cls(
            ended={e.n: e for e in said if isinstance(e, AttemptSucceeded | AttemptFailed)},
            selected=next((e for e in said if isinstance(e, RouteSelected)), None),
            served_by=next((e.served_by for e in said if isinstance(e, RequestFinished)), None),
        )

    @property
    def served(self) -> AttemptSucceeded | AttemptFailed | None:
        """The end of the attempt whose answer the client got."""
        return None if self.served_by is None else self.ended.get(self.served_by)


def span_name(finished: FinishedRequest, told: Told) -> str:
    """``chat {model}``."""
    model = _requested_model(finished.request, told)
    return finished.operation if model is None else f"{finished.operation} {model}"


def of_request(finished: FinishedRequest, told: Told) -> Attributes:
    """Of the request's span."""
    row, selected, served = finished.request, told.selected, told.served
    return _known(
        {
            "gen_ai.operation.name": finished.operation,
            "gen_ai.provider.name": _provider(row.provider),
            "gen_ai.request.model": _requested_model(row, told),
            "gen_ai.request.stream": row.stream or None,
            "gen_ai.response.model": served.response_model if served else None,
            "gen_ai.response.finish_reasons": _finish_reasons(served),
            "gen_ai.response.time_to_first_chunk": _seconds(row.first_token_us),
            "gen_ai.conversation.id": row.conversation_id,
            **_tokens(row),
            "http.request.method": "POST",
            "http.route": row.endpoint,
            "http.response.status_code": row.http_status or None,
            "error.type": None if row.ending == "completed" else row.ending,
            "llmrouter.request.id": show_id(row.id),
            "llmrouter.ending": row.ending,
            "llmrouter.error.code": row.error_class,
            "llmrouter.config.version": row.config_version,
            "llmrouter.purpose": row.purpose,
            "llmrouter.category": row.category,
            "llmrouter.decided_by": row.decided_by,
            "llmrouter.mode": row.mode,
            "llmrouter.route": selected.route if selected else None,
            "llmrouter.strategy": selected.strategy if selected else None,
            "llmrouter.model": f"{row.provider}/{row.model}" if row.provider else None,
            "llmrouter.attempts": row.attempts,
            "llmrouter.cost_usd": _usd(row.cost_nusd),
            "llmrouter.cost_basis": row.cost_basis,
        }
    )


def of_attempt(finished: FinishedRequest, row: AttemptRow, told: Told) -> Attributes:
    """Of an attempt's span."""
    ended = told.ended.get(row.n)
    return _known(
        {
            "gen_ai.operation.name": finished.operation,
            "gen_ai.provider.name": _provider(row.provider),
            "gen_ai.request.model": row.model,
            "gen_ai.request.stream": finished.request.stream or None,
            "gen_ai.response.model": ended.response_model if ended else None,
            "gen_ai.response.finish_reasons": _finish_reasons(ended),
            "gen_ai.response.time_to_first_chunk": _seconds(row.first_token_us),
            **_tokens(row),
            **_address(finished.addresses.get(row.provider)),
            "http.response.status_code": row.http_status,
            "error.type": row.error_class,
            "llmrouter.request.id": show_id(row.request_id),
            "llmrouter.attempt": row.n,
            "llmrouter.attempt.kind": row.kind,
            "llmrouter.attempt.outcome": row.outcome,
            "llmrouter.account": row.account,
            "llmrouter.provider.request.id": row.provider_request_id,
            "llmrouter.cost_usd": _usd(row.cost_nusd),
            "llmrouter.cost_basis": row.cost_basis,
        }
    )


def of_request_measure(finished: FinishedRequest) -> Attributes:
    """Of a request's measures: few values each, and none that a client makes up."""
    row = finished.request
    return _known(
        {
            "gen_ai.operation.name": finished.operation,
            "gen_ai.provider.name": _provider(row.provider),
            "gen_ai.request.model": row.model,
            "error.type": None if row.ending == "completed" else row.ending,
        }
    )


def of_cost_measure(finished: FinishedRequest, row: AttemptRow) -> Attributes:
    """Of what an attempt cost."""
    return _known(
        {
            "gen_ai.operation.name": finished.operation,
            "gen_ai.provider.name": _provider(row.provider),
            "gen_ai.request.model": row.model,
            "llmrouter.category": finished.request.category,
        }
    )


def of_attempt_measure(finished: FinishedRequest, row: AttemptRow, told: Told) -> Attributes:
    """Of an attempt's measures."""
    ended = told.ended.get(row.n)
    return _known(
        {
            "gen_ai.operation.name": finished.operation,
            "gen_ai.provider.name": _provider(row.provider),
            "gen_ai.request.model": row.model,
            "gen_ai.response.model": ended.response_model if ended else None,
            **_address(finished.addresses.get(row.provider)),
        }
    )


def _known(attributes: Mapping[str, Value | None]) -> Attributes:
    return {name: value for name, value in attributes.items() if value is not None}


def _requested_model(row: RequestRow, told: Told) -> str | None:
    """A name that stands for nothing is not told, for it may be anything."""
    return None if told.selected is None else row.requested_model


def _provider(provider: str | None) -> str | None:
    return None if provider is None else provider_name(provider)


def _finish_reasons(ended: AttemptSucceeded | AttemptFailed | None) -> tuple[str, ...] | None:
    return (ended.finish_reason,) if ended and ended.finish_reason else None


def _tokens(row: RequestRow | AttemptRow) -> dict[str, int | None]:
    return {
        "gen_ai.usage.input_tokens": row.input_tokens,
        "gen_ai.usage.output_tokens": row.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": row.cache_read_tokens,
        "gen_ai.usage.cache_creation.input_tokens": row.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": row.reasoning_tokens,
    }


def _address(base_url: str | None) -> dict[str, str | int | None]:
    """The host and port alone: an address may carry a password."""
    if base_url is None:
        return {}
    parts = urlsplit(base_url)
    return {
        "server.address": parts.hostname,
        "server.port": parts.port or _PORTS.get(parts.scheme),
    }


def _seconds(duration_us: int | None) -> float | None:
    return None if duration_us is None else duration_us / _US_PER_S


def _usd(cost_nusd: int | None) -> float | None:
    usd = usd_from_nusd(cost_nusd)
    return None if usd is None else float(usd)
