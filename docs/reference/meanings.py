"""What the ledger's columns and the events' fields say, by name.

An entry ``table.column`` or ``kind.field`` counts over the plain name.  `meaning` knows no default:
a column or field that nobody has described stops ``python -m docs.generate``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MEANINGS: Final[Mapping[str, str]] = {
    "account": "the credential that was used",
    "attempt.first_token.first_token_us": "from the attempt's start to its first token",
    "attempt_kind": "what the call is for",
    "attempts": "calls to providers",
    "author": "who made the version: `default`, `file`, `api` or `cli`",
    "body.data": "the request's document, its messages replaced by their hashes: JSON, or zlib "
    "over JSON",
    "body_bytes": "the size of the request's body",
    "breaker.failures": "consecutive counted failures, one per request",
    "breaker.opened.failures": "consecutive counted failures that opened it",
    "breaker.opened.until_us": "when it may be tried again",
    "cache_read_tokens": "the input that came from a cache",
    "cache_write_tokens": "the input that went to a cache",
    "candidates": "every target in order, each with why it was refused, if it was",
    "category": "the category it was given; null when the client named a model or combo itself",
    "usage_day.category": "the category; empty is none",
    "usage_attempt_day.category": "the category; empty is none",
    "usage_total.category": "the category; empty is none",
    "usage_mode.category": "the category; empty is none",
    "classify_us": "spent on classifying",
    "client": "the agent whose envelope was recognised",
    "client_request_id": "the client's `X-Request-Id`",
    "client_retry": "how often the client says that it has tried already",
    "code": "the error's code as the client got it",
    "confidence": "how sure the classifier was, 0 to 1",
    "config_version": "the configuration that the request ran with",
    "connect_us": "to open a connection; null on one that was open",
    "conversation_id": "the conversation it belongs to",
    "corrected": "the category that it should have had",
    "cost_basis": "how the cost came about",
    "cost_nusd": "what it cost; null is unknown",
    "usage_hour.cost_nusd": "the sum of all known costs",
    "usage_day.cost_nusd": "the sum of all known costs",
    "usage_attempt_day.cost_nusd": "the sum of all known costs",
    "usage_total.cost_nusd": "the sum of all known costs",
    "counted": "whether the breaker counts it",
    "created_us": "when the version was made",
    "cut": "requests that were cut at the end of the drain",
    "day": "the day of the requests' arrival, such as `2026-11-20`",
    "decided_by": "what settled the category",
    "dialect": "the client's wire format",
    "attempt.started.dialect": "the provider's wire format where it is not the client's",
    "document": "the configuration as a person wrote it, without the built-in part",
    "drained": "requests that ended by themselves while the server drained",
    "dropped": "fields of the request that the provider's wire format cannot say",
    "dt_us": "since the request was received",
    "duration_us": "from its start to its end",
    "usage_hour.duration_us": "the sum of all durations",
    "usage_day.duration_us": "the sum of all durations",
    "usage_total.duration_us": "the sum of all durations",
    "ending": "how the request ended",
    "endpoint": "the path that was called, without `/v1`",
    "error_class": "what the failure says about where to go next",
    "request.error_class": "the code of the error that it ended with",
    "request.finished.error_class": "the code of the error that it ended with",
    "errors": "every wrong field, each `{field, message}`",
    "event.data": "the event's fields; docs/events.md has them by kind",
    "event.kind": "what happened; docs/events.md lists the kinds",
    "event.request_id": "the request, or a number of its own for an event that belongs to none",
    "evidence": "what spoke for the category",
    "fell_back_from": "modes that were asked first and could not answer",
    "finish_reason": "why the model stopped, in the provider's words",
    "first_token_us": "from its start to the first token",
    "usage_hour.first_token_us": "the sum over the requests that `first_tokens` counts",
    "usage_day.first_token_us": "the sum over the requests that `first_tokens` counts",
    "usage_total.first_token_us": "the sum over the requests that `first_tokens` counts",
    "first_tokens": "requests with a known time to the first token",
    "from_target": "the target that failed, `provider/model`",
    "hash": "BLAKE2b of the message's JSON, 16 bytes",
    "headers_us": "from its start to the reply's headers",
    "hour": "the hour of the requests' arrival, such as `2026-11-20T13`",
    "http_status": "the status that the client got; 499 when it left",
    "attempt.http_status": "the provider's status",
    "attempt.succeeded.http_status": "the provider's status",
    "attempt.failed.http_status": "the provider's status",
    "id": "grows with time; headers show it as `req_` and 13 characters",
    "input_tokens": "all input, cached or not",
    "kept": "the target that an open tool loop put first",
    "key_id": "the client key it came with",
    "kind": "what the call was for",
    "last_id": "the newest request that is known to use the message",
    "message": "the error in words, secrets redacted",
    "message.data": "the message: JSON, or zlib over JSON",
    "messages": "messages in the request",
    "mode": "the routing mode that answered",
    "mode_asked": "the routing mode of the configuration",
    "model": "the provider's model",
    "n": "counts the request's attempts from 1",
    "needs": "what a target must be able to do",
    "node": "the process that served it",
    "node.node": "the process's number",
    "note": "what the version is about",
    "notes": "oddities of the reply that were mended",
    "oldest_open_id": "every request of this node that is open has at least this id",
    "open_until_us": "when it may be tried again",
    "outcome": "how the attempt went",
    "output_tokens": "all output, reasoning included",
    "overhead_us": "the time that was not spent waiting for providers",
    "param": "the field that the error is about",
    "parent": "the version that it was made from",
    "phase": "how far the attempt came",
    "previous_id": "the reply that this one went on from",
    "price_id": "the price row that was applied",
    "provider": "the provider",
    "provider_request_id": "the provider's own id for the call",
    "purpose": "`live` is a client's own request",
    "raw_usage": "the provider's usage as it came",
    "reason": "why, in a word; docs/faults.md lists them",
    "account_lock.reason": "why it is locked",
    "account.unlocked.reason": "why it is open again",
    "ledger.degraded.reason": "what the database said",
    "reasoning_tokens": "the output that was reasoning",
    "recovered": "requests of a killed process that were closed as `abandoned`",
    "recovered_us": "when they were closed",
    "replay_id": "the replay it belongs to",
    "replayed": "records that came from the spill file",
    "request_id": "the request",
    "request": "the request as headers show it",
    "request.data": "facts that have no column of their own",
    "requested_model": "the model as the client named it",
    "requests": "how many",
    "resolved_by": "how the name that the client sent was understood",
    "response_id": "the reply's id as the client got it",
    "response_model": "the model as the provider named it",
    "response_state.data": "the items of the conversation that this reply added: a JSON list, or "
    "zlib over it",
    "response_state.provider": "the provider that keeps the conversation itself; null: we do",
    "route": "the category, combo or model that was taken",
    "scores": "score by category",
    "seq": "counts the request's events from 0",
    "served_by": "the attempt whose answer the client got",
    "sha256": "of the document",
    "source": "where the configuration came from",
    "stage_us": "time spent in each stage, by its name",
    "started_us": "when it began",
    "state": "`closed`, `open` or `half_open`",
    "status": "the HTTP status that the client got",
    "stored_bytes": "what it takes in the database",
    "change.number": "counted up by each change",
    "change.topic": "what was changed: `availability`, `configuration`",
    "cooldown.reason": "why it is left alone",
    "cooldown.target": "`provider/model`, or `provider/model#account`",
    "node.stored_bytes": "what this node's bodies and messages take",
    "strategy": "how the candidates were ordered",
    "stream": "whether a stream was asked for",
    "switch": "what leaving the last turn's model costs; null when it is not left",
    "target": "`provider/model`",
    "retry.withheld.n": "the attempt that failed",
    "text_output_tokens": "the output that was no reasoning",
    "to_target": "the target that was asked next",
    "tools": "tools in the request",
    "translation_notes": "what was left out, assumed, or brought down to what the model can "
    "give, and why",
    "uncached_input_tokens": "the input that no cache had a part in",
    "unknown_costs": "requests whose cost is not known and not in the sum",
    "until_us": "until when; 0 is no longer",
    "target.cooldown.until_us": "until when it is passed over",
    "account.locked.until_us": "until when it is passed over",
    "updated_us": "when the row last changed",
    "usage_source": "who counted the tokens",
    "version": "the version's number",
    "server.started.version": "the program's version",
}

HISTOGRAM: Final = (
    "how many took from 2^(b-1) up to 2^b µs; the first column also counts what is shorter, the "
    "last what is longer"
)


def meaning(owner: str, name: str) -> str:
    """What a table's column or an event's field says.  Raises ``LookupError`` with what to do."""
    found = MEANINGS.get(f"{owner}.{name}") or MEANINGS.get(name)
    if found is None:
        raise LookupError(
            f"{owner}.{name} is not described; add a line to docs/reference/meanings.py"
        )
    return found


def unit(name: str) -> str:
    """The unit that a name's ending tells, empty when there is none."""
    endings = {"_nusd": "nano-dollars", "_tokens": "tokens", "_bytes": "bytes"}
    moments = {"started_us", "created_us", "updated_us", "until_us", "open_until_us"}
    if name in moments or name == "recovered_us":
        return "µs since 1970, UTC"
    if name == "first_tokens":
        return ""
    if name.endswith("_us"):
        return "µs"
    return next((unit for ending, unit in endings.items() if name.endswith(ending)), "")
