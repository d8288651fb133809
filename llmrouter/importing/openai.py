"""OpenAI's own files: the output of a batch, stored chat completions, and pairs of both bodies.

- a line of a batch's output (https://platform.openai.com/docs/api-reference/batch/request-output);
  what was asked stands in the batch's input, which is read beside it;
- a chat completion as the list of stored completions gives it
  (https://platform.openai.com/docs/api-reference/chat/list), with its ``messages`` where whoever
  fetched them put them in;
- ``{"request": …, "response": …}``: the two bodies as a client logged them, with ``started_at``,
  ``duration_ms``, ``first_token_ms`` and ``status`` where it knew them.

None of them says what a call cost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Final

import orjson

from llmrouter.core.records import Record
from llmrouter.core.routing import DialectName
from llmrouter.dialects.openai.usage import read_usage
from llmrouter.dialects.responses.usage import read_usage as read_responses_usage
from llmrouter.importing.call import BadLine, LoggedCall, NotChat
from llmrouter.importing.members import Members

Ask = Callable[[str], Mapping[str, Any] | None]
"""What was asked under a batch's ``custom_id``: the line of the input; None when it has none."""

_SETTINGS: Final = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "tools",
    "tool_choice",
    "response_format",
)
"""What a stored completion repeats of its request."""


class _Pair(Record):
    request: Mapping[str, Any] | None
    response: Members
    dialect: DialectName


def reader(ask: Ask) -> Callable[[Mapping[str, Any]], LoggedCall | NotChat]:
    """Reads lines, of which those of a batch's output find their request by ``ask``."""

    def read_line(document: Mapping[str, Any]) -> LoggedCall | NotChat:
        line = Members(document)
        if isinstance(document.get("request"), dict):
            return _pair(line)
        if "custom_id" in document:
            return _batch(line, ask)
        if document.get("object") == "chat.completion":
            return _stored(line)
        raise BadLine(
            "is no line of a batch's output (custom_id), no chat completion (object) and no pair "
            "(request, response)"
        )

    return read_line


def _batch(line: Members, ask: Ask) -> LoggedCall | NotChat:
    custom_id = line.required_text("custom_id")
    if "response" not in line.document:
        raise BadLine("is a line of a batch's input; import its output, with --requests INPUT")
    asked = ask(custom_id)
    url = "/v1/chat/completions" if asked is None else str(asked.get("url"))
    dialect = _dialect(url)
    if dialect is None:
        return NotChat(url)
    answer = line.within("response")
    if not answer.document:
        return NotChat("batch request that never ran")
    body = answer.within("body")
    request = None if asked is None else asked.get("body")
    status = answer.count("status_code")
    succeeded = status == 200 and body.value("error") is None
    error = body.within("error").text("message") or line.within("error").text("message")
    return _call(
        _Pair(request if isinstance(request, dict) else None, body, dialect),
        source_id=answer.text("request_id") or line.text("id") or _digest(line),
        started_us=body.moment_us("created", "created_at"),
        succeeded=succeeded,
        http_status=status,
        error=None if succeeded else error,
        notes=("batch",),
    )


def _stored(line: Members) -> LoggedCall:
    said = {name: line.value(name) for name in _SETTINGS if line.value(name) is not None}
    messages = line.value("messages")
    request = None
    if isinstance(messages, list):
        request = {"model": line.required_text("model"), **said, "messages": messages}
    return _call(
        _Pair(request, line, "openai"),
        source_id=line.required_text("id"),
        started_us=line.moment_us("created"),
    )


def _pair(line: Members) -> LoggedCall:
    request = line.within("request").document
    response = line.within("response")
    dialect: DialectName = "responses" if "input" in request else "openai"
    status = line.count("status", "status_code")
    error = response.within("error").text("message") or line.text("error")
    succeeded = error is None and (status is None or status < 400)
    duration_ms, first_ms = line.number("duration_ms"), line.number("first_token_ms")
    return _call(
        _Pair(request, response, dialect),
        source_id=line.text("id", "request_id") or response.text("id") or _digest(line),
        started_us=line.moment_us("started_at", "timestamp")
        or response.moment_us("created", "created_at"),
        succeeded=succeeded,
        http_status=status or (200 if succeeded else None),
        error=error,
        duration_us=None if duration_ms is None else round(duration_ms * 1000),
        first_token_us=None if first_ms is None else round(first_ms * 1000),
    )


def _call(pair: _Pair, *, started_us: int | None, source_id: str, **said: Any) -> LoggedCall:
    """A call from its two bodies, and what else the line said."""
    response, request = pair.response, Members(pair.request or {})
    if started_us is None:
        raise BadLine("says no moment: created (or started_at beside a pair) is missing")
    # The request says what was asked for, the response which dated version of it answered.
    model = request.text("model") or response.required_text("model")
    raw_usage = response.within("usage").document
    read = read_responses_usage if pair.dialect == "responses" else read_usage
    choices = response.value("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    return LoggedCall(
        source_id=source_id,
        started_us=started_us,
        model=model,
        dialect=pair.dialect,
        request=pair.request,
        requested_model=model,
        provider="openai",
        stream=request.value("stream") is True,
        usage=read(raw_usage).usage if raw_usage else None,
        raw_usage=raw_usage or None,
        finish_reason=Members(choice).text("finish_reason") if isinstance(choice, dict) else None,
        response_model=response.text("model"),
        **said,
    )


def _dialect(url: str) -> DialectName | None:
    match url.rpartition("/v1/")[2]:
        case "chat/completions":
            return "openai"
        case "responses":
            return "responses"
        case _:
            return None


def _digest(line: Members) -> str:
    """A name for a line that has none: the same for the same line."""
    content = orjson.dumps(line.document, option=orjson.OPT_SORT_KEYS)
    return f"line-{blake2b(content, digest_size=12).hexdigest()}"
