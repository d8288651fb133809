"""The fault catalogue as data: what a provider does, and what must follow from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.provider import (
    CLOSE,
    DONE,
    FINISH,
    RESET,
    STALL,
    Script,
    body,
    chunk,
    completion,
    drop,
    event,
    hang,
    raw,
    status,
    stream,
)

OK_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
SSE_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
GOOD_BODY = json.dumps(completion({"content": "Whole."})).encode()
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
ERROR: Mapping[str, Any] = {"message": "it broke", "type": "server_error"}


@dataclass(frozen=True)
class Fault:
    """What the first target does, and what is seen with and without a second one.

    ``alone``: the client's status and code when nothing else answers.  ``tries``: attempts at the
    target when it is the only one.  ``counted``: the breaker counts it.  ``after``: what the
    breaker and the account look like.  ``moves_on``: a second target is asked.
    """

    script: Script
    alone: tuple[int, str] = (502, "all_models_failed")
    error_class: str = "transient"
    reason: str = ""
    tries: int = 1
    counted: bool = True
    moves_on: bool = True
    stream: bool = False
    state: Literal["closed", "open"] = "closed"
    event: str | None = None
    clocks: Mapping[str, float] = field(default_factory=dict)


def _json(document: object) -> Script:
    return body(json.dumps(document).encode())


def _streamed(*steps: Any, **members: Any) -> Fault:
    return Fault(stream(*steps), stream=True, **members)


FAULTS: dict[str, Fault] = {
    "5 accepted, then reset": Fault(drop(RESET), reason="connection_lost", tries=2),
    "6 no headers": Fault(
        hang(), (504, "all_models_failed"), reason="timeout", clocks={"headers_s": 0.1}
    ),
    "6 half a status line": Fault(
        raw(b"HTTP/1.1 20", STALL), (504, "all_models_failed"), reason="timeout",
        clocks={"headers_s": 0.1},
    ),
    "6 past the attempt's whole time": Fault(
        hang(), (504, "all_models_failed"), reason="timeout", clocks={"total_s": 0.15}
    ),
    "7 closed before headers": Fault(drop(CLOSE), reason="connection_lost", tries=2),
    "8a no first token": Fault(
        raw(SSE_HEAD, STALL), (504, "all_models_failed"), reason="timeout", stream=True,
        clocks={"first_token_s": 0.1},
    ),
    "8b comments are no tokens": _streamed(
        *[b": wait\n\n"] * 3, STALL, alone=(504, "all_models_failed"), reason="timeout",
        clocks={"first_token_s": 0.1},
    ),
    "8b a role is no token": _streamed(
        chunk({"role": "assistant", "content": ""}), STALL, alone=(504, "all_models_failed"),
        reason="timeout", clocks={"first_token_s": 0.1},
    ),
    "8d slower than it has to be": _streamed(
        "Hal", STALL, alone=(504, "all_models_failed"), reason="too_slow",
        clocks={"min_tokens_per_s": 50, "rate_window_s": 0.1},
    ),
    "9 reset after headers": Fault(
        raw(SSE_HEAD, RESET), reason="connection_lost", tries=2, stream=True
    ),
    "10 cut by its length": Fault(
        raw(OK_HEAD + b"content-length: 9999\r\n\r\n" + GOOD_BODY, CLOSE), tries=2,
        reason="connection_lost",
    ),
    "10 cut inside valid HTTP": Fault(body(GOOD_BODY[:-9]), reason="connection_lost", tries=2),
    "10 a body that stops": Fault(
        raw(OK_HEAD + b"content-length: 9999\r\n\r\n{", STALL), (504, "all_models_failed"),
        reason="timeout", clocks={"idle_s": 0.1},
    ),
    "14b an error as the first event": _streamed(
        event({"error": ERROR}), tries=2, reason="upstream_error"
    ),
    "14b an error event": _streamed(
        b"event: error\n" + event({"error": ERROR}), tries=2, reason="upstream_error"
    ),
    "15 an error in a 200": Fault(_json({"error": ERROR}), tries=2, reason="upstream_error"),
    "15 null": Fault(_json(None), reason="bad_reply", tries=2),
    "15 no choices": Fault(
        _json({"object": "chat.completion", "choices": []}), reason="bad_reply", tries=2
    ),
    "15 an empty body": Fault(body(b""), reason="bad_reply", tries=2),
    "15 204": Fault(raw(b"HTTP/1.1 204 No Content\r\n\r\n"), reason="bad_reply", tries=2),
    "15 HTML in a 200": Fault(body(HTML, content_type="text/html"), reason="bad_reply", tries=2),
    "16 HTML in a 502": Fault(
        body(HTML, 502, content_type="text/html"), reason="upstream_error", tries=2
    ),
    "16 a bad chunk": Fault(
        raw(OK_HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n"), reason="bad_reply",
        tries=2,
    ),
    "16 two lengths": Fault(
        raw(OK_HEAD + b"content-length: 5\r\ncontent-length: 7\r\n\r\nhello"), reason="bad_reply",
        tries=2,
    ),
    "16 corrupt gzip": Fault(
        body(b"not gzip", headers={"content-encoding": "gzip"}), reason="bad_reply", tries=2
    ),
    "16 no HTTP": Fault(raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), reason="bad_reply", tries=2),
    "17c only a terminator": _streamed(DONE, reason="bad_reply", tries=2),
    "20 a giant event": _streamed(b"data: " + b"x" * 20_000, CLOSE, reason="bad_reply"),
    "20 a giant body": Fault(body(b'{"a": "' + b"x" * 200_000 + b'"}'), reason="bad_reply"),
    "23 500": Fault(status(500), reason="upstream_error", tries=2),
    "23 502": Fault(status(502), reason="upstream_error", tries=2),
    "23 503": Fault(status(503), (503, "all_models_failed"), reason="overloaded", tries=2),
    "23 504": Fault(status(504), (504, "all_models_failed"), reason="timeout", tries=2),
    "23 529": Fault(status(529), (503, "all_models_failed"), reason="overloaded", tries=2),
    "23 500 whose text never comes": Fault(
        raw(b"HTTP/1.1 500 No\r\ncontent-length: 99\r\n\r\n", STALL), reason="upstream_error",
        clocks={"idle_s": 0.1}, tries=2,
    ),
    "24a 401": Fault(
        status(401, "Incorrect API key provided"), error_class="account", counted=False,
        reason="upstream_auth", event="account.locked",
    ),
    "24a 403": Fault(
        status(403, "no access"), error_class="account", counted=False, reason="upstream_auth",
        event="account.locked",
    ),
    "24b 402": Fault(
        status(402, "pay first"), (503, "all_models_failed"), error_class="account", counted=False,
        reason="upstream_quota", event="account.locked",
    ),
    "24c 404": Fault(
        status(404, "The model `x` does not exist", code="model_not_found"), state="open",
        reason="upstream_model", event="breaker.opened",
    ),
    "24d 408": Fault(
        status(408), (504, "all_models_failed"), counted=False, reason="timeout", tries=2
    ),
    "24d 409": Fault(status(409), counted=False, reason="conflict", tries=2),
    "25a 429 without a word": Fault(
        status(429), (429, "all_models_failed"), error_class="rate", counted=False,
        reason="rate_limited", event="target.cooldown",
    ),
    "25a 429 for a minute": Fault(
        status(429, headers={"retry-after": "60"}), (429, "all_models_failed"), error_class="rate",
        counted=False, reason="rate_limited", event="target.cooldown",
    ),
    "25a 429 in milliseconds": Fault(
        status(429, headers={"retry-after-ms": "9000"}), (429, "all_models_failed"),
        error_class="rate", counted=False, reason="rate_limited", event="target.cooldown",
    ),
    "25a 429 until a date": Fault(
        status(429, headers={"retry-after": "Fri, 31 Dec 2199 23:59:59 GMT"}),
        (429, "all_models_failed"), error_class="rate", counted=False, reason="rate_limited",
        event="target.cooldown",
    ),
    "25a 429 with junk": Fault(
        status(429, headers={"retry-after": "soon"}), (429, "all_models_failed"),
        error_class="rate", counted=False, reason="rate_limited", event="target.cooldown",
    ),
    "25a 503 that asks for a pause": Fault(
        status(503, headers={"retry-after": "30"}), (429, "all_models_failed"), error_class="rate",
        counted=False, reason="rate_limited", event="target.cooldown",
    ),
    "25b 429 of an empty purse": Fault(
        status(429, "You exceeded your current quota", code="insufficient_quota"),
        (503, "all_models_failed"), error_class="account", counted=False, reason="upstream_quota",
        event="account.locked",
    ),
    "26 400": Fault(
        status(400, "temperature: too hot", type="invalid_request_error", code="bad_temperature"),
        (400, "bad_temperature"), error_class="client", counted=False, moves_on=False,
        reason="client_error",
    ),
    "26 413": Fault(
        status(413, "too much", code="too_large"), (413, "too_large"), error_class="client",
        counted=False, moves_on=False, reason="client_error",
    ),
    "26 422": Fault(
        status(422, "no such field", code="unknown_field"), (422, "unknown_field"),
        error_class="client", counted=False, moves_on=False, reason="client_error",
    ),
    "26 content policy": Fault(
        status(400, "This was flagged by our usage policies", code="content_policy_violation"),
        (400, "content_policy_violation"), error_class="client", counted=False, moves_on=False,
        reason="content_policy",
    ),
    "28 a redirect": Fault(
        raw(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"),
        reason="redirect",
    ),
}  # fmt: skip

GOOD: dict[str, tuple[Script, str | None]] = {
    "17a no terminator": (stream("Fine.", FINISH), "no_done"),
    "17d data behind the terminator": (stream("Fine.", FINISH, DONE, event({"x": 1})), "trailing"),
    "18 CR": (stream(b'data: {"choices":[{"delta":{"content":"Fine."}}]}\r\r', FINISH, DONE), None),
    "18 no space, a comment, an id": (
        stream(b': hi\nid: 7\ndata:{"choices":[{"delta":{"content":"Fine."}}]}\n\n', FINISH, DONE),
        None,
    ),
    "18x a line that is no JSON": (stream("Fine.", b"data: {oops\n\n", FINISH, DONE), "bad_event"),
    "21 JSON where a stream was asked": (body(GOOD_BODY.replace(b"Whole.", b"Fine.")), "converted"),
    "22 content filter": (stream("Fine.", event(chunk(finish="content_filter")), DONE), None),
    "an unknown finish reason": (
        stream("Fine.", event(chunk(finish="network_error")), DONE),
        "finish_reason=network_error",
    ),
}
