"""Requests as the pipeline hands them over, and databases that cannot be written for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from llmrouter.core.events import (
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    Event,
    FallbackTaken,
    RequestClassified,
    RequestFinished,
    RequestReceived,
    RequestRejected,
    RequestValidated,
    RouteSelected,
)
from llmrouter.core.ledger import BreakerRow, RequestRecord
from llmrouter.core.routing import Ending, Purpose
from llmrouter.core.usage import BILLED_CLASSES, Usage
from llmrouter.policy.fold import fold_request
from llmrouter.store.engine import DatabaseAddress

NOW_US = 1_790_000_000_000_000  # where a FakeClock begins: 2026-09-21T14:13:20Z

BODY: Mapping[str, Any] = {
    "model": "router",
    "messages": [
        {"role": "system", "content": "You are brief."},
        {"role": "user", "content": "Which port does the lighthouse stand in?"},
    ],
    "stream": False,
}


USAGE = Usage(uncached_input_tokens=30, cache_read_tokens=12, text_output_tokens=7)


def answered(
    request_id: int,
    *,
    started_us: int = NOW_US,
    node: int = 0,
    category: str = "conversation",
    model: str = "harbour/beacon-1",
    usage: Usage = USAGE,
    cost_nusd: int | None = 1_500_000,
    failed_nusd: int | None = 0,
    duration_us: int = 250_000,
    ending: Ending = "completed",
    purpose: Purpose = "live",
    conversation_id: str | None = None,
    client_request_id: str | None = None,
    key_id: str | None = None,
    finish_reason: str = "stop",
    opened: int = 0,
    breakers: tuple[BreakerRow, ...] = (),
    body: Mapping[str, Any] | None = None,
) -> RequestRecord:
    """A request whose first target failed and whose second answered."""
    provider, _, model_id = model.partition("/")
    events = (
        *beginning(
            started_us=started_us,
            node=node,
            category=category,
            purpose=purpose,
            conversation_id=conversation_id,
            client_request_id=client_request_id,
            key_id=key_id,
        ),
        Event(
            9_000,
            AttemptFailed(
                1,
                "failed",
                8_000,
                http_status=503,
                cost_nusd=failed_nusd,
                cost_basis="unknown" if failed_nusd is None else "computed",
                error_class="transient",
                counted=True,
            ),
        ),
        Event(9_100, FallbackTaken("harbour/fog-2", model, "transient")),
        Event(9_200, AttemptStarted(2, provider, model_id, "default", started_us + 9_200)),
        Event(
            duration_us,
            AttemptSucceeded(
                2,
                "succeeded",
                duration_us - 9_200,
                http_status=200,
                first_token_us=40_000,
                **{name: getattr(usage, name) for name in BILLED_CLASSES},
                usage_source="provider",
                raw_usage={"prompt_tokens": 42, "completion_tokens": 7},
                cost_nusd=cost_nusd,
                cost_basis="unknown" if cost_nusd is None else "computed",
                finish_reason=finish_reason,
            ),
        ),
        Event(duration_us, RequestFinished(ending, 200, duration_us, served_by=2)),
    )
    row, attempts = fold_request(request_id, events)
    content = None if body is None else orjson.dumps(body)
    return RequestRecord(row, attempts, events, opened, breakers, content)


def beginning(
    *,
    started_us: int = NOW_US,
    node: int = 0,
    category: str = "conversation",
    purpose: Purpose = "live",
    conversation_id: str | None = None,
    client_request_id: str | None = None,
    key_id: str | None = None,
) -> tuple[Event, ...]:
    """The events of a request up to its first call upstream."""
    return (
        Event(
            0,
            RequestReceived(
                started_us,
                node,
                3,
                "/v1/chat/completions",
                "openai",
                purpose=purpose,
                key_id=key_id,
                client_request_id=client_request_id,
            ),
        ),
        Event(
            120,
            RequestValidated("router", False, 2, 140, tools=1, conversation_id=conversation_id),
        ),
        Event(
            300,
            RequestClassified(
                category, "keywords", "hybrid", "keywords", 0.75, {category: 0.75}, ("port",), 90
            ),
        ),
        Event(
            350,
            RouteSelected(
                category,
                "priority",
                "classified",
                (
                    {"target": "harbour/fog-2", "account": "default", "refused": None},
                    {"target": "harbour/beacon-1", "account": "default", "refused": None},
                ),
            ),
        ),
        Event(400, AttemptStarted(1, "harbour", "fog-2", "default", started_us + 400)),
    )


def rejected(request_id: int, *, started_us: int = NOW_US, message: str = "no") -> RequestRecord:
    """A request that was refused before anything was sent."""
    events = (
        Event(0, RequestReceived(started_us, 0, 3, "/v1/chat/completions", "openai")),
        Event(
            80,
            RequestRejected(
                422,
                "validation_error",
                message,
                "messages",
                ({"field": "messages", "message": "must not be empty"},),
            ),
        ),
        Event(90, RequestFinished("rejected", 422, 90, code="validation_error")),
    )
    row, attempts = fold_request(request_id, events)
    return RequestRecord(row, attempts, events)


@contextmanager
def locked(database: DatabaseAddress) -> Iterator[None]:
    """Somebody else holds the database; nothing can be written until this is left."""
    engine = create_engine(database.url, poolclass=NullPool)
    with engine.connect() as connection:
        if database.kind == "sqlite":
            driver: Any = connection.connection.driver_connection
            driver.isolation_level = None
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("LOCK TABLE request, event, node IN ACCESS EXCLUSIVE MODE"))
        yield
        connection.rollback()


def ask(database: DatabaseAddress, statement: str) -> list[tuple[Any, ...]]:
    """What a person would see who asks this."""
    with create_engine(database.url, poolclass=NullPool).connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def files(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder whose names fit."""
    return sorted(folder.glob(pattern))
