"""One request's story as text: what was asked, who was considered, what happened when."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from llmrouter.cli.output import inert, print_table
from llmrouter.core.ids import show_id
from llmrouter.core.ledger import RequestRow
from llmrouter.store.queries.story import RequestStory, StoredEvent
from llmrouter.web.rows import show_ms, show_time, show_usd

MESSAGE_CHARACTERS = 160
ENDING_COLOURS = {"completed": "green", "disconnected": "yellow", "shutdown": "yellow"}


def tell(story: RequestStory) -> None:
    """Prints a request's story."""
    row = story.request
    if row is None:
        click.echo(f"{show_id(story.request_id)}  still going on")
    else:
        ending = click.style(row.ending, fg=ENDING_COLOURS.get(row.ending, "red"), bold=True)
        took = f"{row.duration_us / 1000:.0f} ms"
        click.echo(f"{show_id(row.id)}  {ending}, status {row.http_status}, after {took}\n")
        for name, value in _facts(row, story):
            click.echo(f"  {name:<12}{inert(value)}")
    _tell_candidates(story)
    if story.events_removed:
        click.echo("\nIts events are past retention (LLMROUTER_EVENTS_DAYS) and were removed.")
        return
    click.echo("\nWhat happened")
    for event in story.events:
        said = inert(_said(event))
        click.echo(f"  {event.dt_us / 1000:>9.1f} ms  {event.kind:<20} {said}".rstrip())


def _facts(row: RequestRow, story: RequestStory) -> Iterator[tuple[str, str]]:
    yield "arrived", f"{show_time(row.started_us)}"
    streamed = ", streamed" if row.stream else ""
    yield "at", f"{row.endpoint} ({row.dialect}{streamed})"
    yield "asked for", row.requested_model or "no model: the router chooses"
    if row.category:
        yield "category", f"{row.category}, decided by {row.decided_by}"
    classified = story.event("request.classified")
    if classified is not None and classified.data.get("evidence"):
        yield "evidence", ", ".join(classified.data["evidence"])
    if row.provider:
        tries = f", {row.attempts} tries" if row.attempts > 1 else ""
        name = "last tried" if row.ending == "failed" else "answered by"
        yield name, f"{row.provider}/{row.model}{tries}"
    if row.error_class:
        yield "error", row.error_class
    if row.input_tokens is not None or row.output_tokens is not None:
        shown = (_or_unknown(row.input_tokens), _or_unknown(row.output_tokens))
        yield "tokens", f"{shown[0]} in, {shown[1]} out (counted by: {row.usage_source})"
    cost = show_usd(row.cost_nusd)
    yield "cost", "not known" if cost is None else f"${cost:.6f} ({row.cost_basis})"
    yield "router", f"{_or_unknown(show_ms(row.overhead_us))} ms of its own"
    yield "version", f"configuration {row.config_version}"
    if row.client_request_id:
        yield "client's id", row.client_request_id


def _tell_candidates(story: RequestStory) -> None:
    selected = story.event("route.selected")
    if selected is None:
        return
    data = selected.data
    click.echo(f"\nCandidates (route {data['route']}, strategy {data['strategy']})")
    rows, place = [], 0
    for candidate in data.get("candidates", ()):
        refused, detail = candidate.get("refused"), candidate.get("detail")
        place += refused is None
        reason = refused + (f" ({detail})" if detail else "") if refused else ""
        rows.append(("" if refused else f"{place}.", candidate["target"], reason))
    print_table(("", "target", "passed over for"), rows)


def _said(event: StoredEvent) -> str:
    """What an event says, in a few words; the rest is in ``--json``."""
    data = event.data
    match event.kind:
        case "request.received":
            return str(data["endpoint"])
        case "request.validated":
            return f"{data['messages']} messages, {data['body_bytes']} bytes"
        case "request.rejected":
            return f"{data['status']} {data['code']}: {_short(data['message'])}"
        case "request.classified":
            return f"{data['category'] or 'none'} by {data['decided_by']}"
        case "route.selected":
            return f"{data['route']} ({data['strategy']})"
        case "attempt.started":
            return f"{data['n']}. {data['provider']}/{data['model']}"
        case "attempt.first_token":
            return f"{data['n']}. after {data['first_token_us'] / 1000:.1f} ms"
        case "attempt.succeeded":
            return f"{data['n']}. {_tokens(data)}, {data.get('finish_reason') or 'no reason given'}"
        case "attempt.failed":
            return _failure(data)
        case "fallback.taken":
            return f"{data['from_target']} -> {data['to_target']} ({data['reason']})"
        case "breaker.opened":
            until = datetime.fromtimestamp(data["until_us"] / 1e6, UTC)
            return f"{data['target']} after {data['failures']} failures, until {until:%H:%M:%S}Z"
        case "request.finished":
            return f"{data['ending']}, status {data['http_status']}"
        case _:
            return _short(" ".join(f"{name}={json.dumps(value)}" for name, value in data.items()))


def _failure(data: Mapping[str, Any]) -> str:
    status = f" {data['http_status']}" if data.get("http_status") else ""
    counted = ", counted by the breaker" if data.get("counted") else ""
    reason = data.get("reason") or data.get("error_class", "transient")
    message = f": {_short(data['message'])}" if data.get("message") else ""
    return f"{data['n']}. {reason}{status}{counted}{message}"


def _tokens(data: Mapping[str, Any]) -> str:
    def total(*classes: str) -> str:
        known = [data[name] for name in classes if data.get(name) is not None]
        return str(sum(known)) if known else "?"

    incoming = total("uncached_input_tokens", "cache_read_tokens", "cache_write_tokens")
    return f"{incoming} tokens in, {total('text_output_tokens', 'reasoning_tokens')} out"


def _short(text: str) -> str:
    plain = " ".join(text.split())
    cut = MESSAGE_CHARACTERS - 1
    return plain if len(plain) <= MESSAGE_CHARACTERS else plain[:cut] + "…"


def _or_unknown(value: float | None) -> str:
    return "?" if value is None else f"{value:g}"
