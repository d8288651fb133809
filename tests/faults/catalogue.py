"""The fault catalogue as data: what a provider does, and what must follow from it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.provider import (
    CLOSE,
    DONE,
    FINISH,
    HTTP_2_SETTINGS,
    RESET,
    SOME_USAGE,
    STALL,
    USAGE,
    Script,
    answer,
    body,
    chunk,
    completion,
    drip,
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
WORD = b'data: {"choices":[{"delta":{"content":"Fine."}}]}'
BOM = b"\xef\xbb\xbf"
BROKEN_CALL = {
    "index": 0,
    "id": "c",
    "type": "function",
    "function": {"name": "f", "arguments": "{"},
}
ERROR: Mapping[str, Any] = {"message": "it broke", "type": "server_error"}


Place = Literal["provider", "refusing", "nowhere", "no TLS", "untrusted", "deaf"]


@dataclass(frozen=True)
class Fault:
    """What the first target does, and what is seen with and without a second one.

    ``alone``: the client's status and code when nothing else answers.  ``tries``: attempts at the
    target when it is the only one.  ``counted``: the breaker counts it.  ``after``: what the
    breaker and the account look like.  ``moves_on``: a second target is asked.  ``place``: where
    the target is said to be, when it is not the provider.  ``says``: in the ledger's words.
    ``spoke``: something of an answer came, whose tokens are estimated.
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
    place: Place = "provider"
    phase: str | None = None
    says: str = ""
    spoke: bool = False


def _json(document: object) -> Script:
    return body(json.dumps(document).encode())


def _streamed(*steps: Any, **members: Any) -> Fault:
    return Fault(stream(*steps), stream=True, **members)


FAULTS: dict[str, Fault] = {
    "1 refused": Fault(answer(), place="refusing", phase="connect", reason="connect_failed"),
    "2 a name that nobody has": Fault(answer(), place="nowhere", phase="dns", reason="dns_failed"),
    "3 not TLS": Fault(answer(), place="no TLS", phase="tls", reason="tls_failed"),
    "3 nobody we trust": Fault(answer(), place="untrusted", phase="tls", reason="tls_failed"),
    "4 a connection that hangs": Fault(
        answer(), (504, "all_models_failed"), place="deaf", phase="connect", reason="timeout",
        clocks={"connect_s": 0.1},
    ),
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
        "Hal", STALL, alone=(504, "all_models_failed"), reason="too_slow", spoke=True,
        clocks={"min_tokens_per_s": 50, "rate_window_s": 0.1},
    ),
    "9 reset after headers": Fault(
        raw(SSE_HEAD, RESET), reason="connection_lost", tries=2, stream=True
    ),
    "10 cut by its length": Fault(
        raw(OK_HEAD + b"content-length: 9999\r\n\r\n" + GOOD_BODY, CLOSE), tries=2,
        reason="connection_lost", spoke=True,
    ),
    "10 cut inside valid HTTP": Fault(
        body(GOOD_BODY[: GOOD_BODY.index(b"ole.")]), reason="connection_lost", tries=2, spoke=True
    ),
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
    "15 null": Fault(_json(None), reason="bad_reply", tries=2, says="no JSON object: null"),
    "15 no choices": Fault(
        _json({"object": "chat.completion", "choices": []}), reason="bad_reply", tries=2
    ),
    "15 an empty body": Fault(body(b""), reason="bad_reply", tries=2),
    "15 204": Fault(raw(b"HTTP/1.1 204 No Content\r\n\r\n"), reason="bad_reply", tries=2),
    "15 HTML in a 200": Fault(
        body(HTML, content_type="text/html"), reason="bad_reply", tries=2,
        says="a web page instead of JSON: <html>",
    ),
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
    "16 a head of 256 KB": Fault(
        raw(b"HTTP/1.1 200 OK\r\nx-long: " + b"x" * 262_144 + b"\r\n\r\n"), reason="bad_reply",
        tries=2,
    ),
    "16 no HTTP": Fault(raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), reason="bad_reply", tries=2),
    "17c only a terminator": _streamed(DONE, reason="bad_reply", tries=2),
    "19b HTTP/2 alone": Fault(
        raw(HTTP_2_SETTINGS), reason="bad_reply", tries=2, says="it is HTTP/2"
    ),
    "19b a word that it wants HTTP/2": Fault(
        status(426, headers={"upgrade": "h2c", "connection": "upgrade"}), reason="upstream_error"
    ),
    "20 a giant event": _streamed(b"data: " + b"x" * 20_000, CLOSE, reason="bad_reply"),
    "20 a giant body": Fault(body(b'{"a": "' + b"x" * 200_000 + b'"}'), reason="bad_reply"),
    "23 500": Fault(
        status(500, headers={"x-request-id": "req_theirs"}), reason="upstream_error", tries=2,
        says="simulated failure",
    ),
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
    "25a 429 for no time at all": Fault(
        status(429, headers={"retry-after": "0"}), (429, "all_models_failed"), error_class="rate",
        counted=False, reason="rate_limited", event="target.cooldown", tries=2,
    ),
    "25a 429 for a time that is over": Fault(
        status(429, headers={"retry-after": "-5"}), (429, "all_models_failed"), error_class="rate",
        counted=False, reason="rate_limited", event="target.cooldown",
    ),
    "25a 429 for a day": Fault(
        status(429, headers={"retry-after": "86400"}), (429, "all_models_failed"),
        error_class="rate", counted=False, reason="rate_limited", event="target.cooldown",
    ),
    "25a 429 until a limit resets": Fault(
        status(429, headers={"x-ratelimit-reset-requests": "1m30s"}), (429, "all_models_failed"),
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
        reason="redirect", says="redirected to 127.0.0.1;",
    ),
}  # fmt: skip

GOOD: dict[str, tuple[Script, str | None]] = {
    "8c slow but steady": (drip(0.06, "Fine.", *[" more"] * 5, FINISH, DONE), None),
    "17a no terminator": (stream("Fine.", FINISH), "no_done"),
    "17d data behind the terminator": (stream("Fine.", FINISH, DONE, event({"x": 1})), "trailing"),
    "17e no usage": (stream("Fine.", FINISH, DONE), None),
    "17e usage is null": (stream("Fine.", chunk(finish="stop", usage=None), DONE), None),
    "17f usage is absurd": (
        stream("Fine.", FINISH, chunk(choices=[], usage={"prompt_tokens": -(2**63)}), DONE),
        "bad_usage",
    ),
    "17f usage is text": (
        stream("Fine.", FINISH, chunk(choices=[], usage={"prompt_tokens": "many"}), DONE),
        "bad_usage",
    ),
    "17f usage in every chunk": (
        stream(
            chunk({"content": "Fine."}, usage=SOME_USAGE), chunk(finish="stop", usage=SOME_USAGE),
            DONE,
        ),
        None,
    ),
    "17g usage that the client did not ask for": (stream("Fine.", FINISH, USAGE, DONE), None),
    "18 CR": (stream(WORD + b"\r\r", FINISH, DONE), None),
    "18 CRLF and a byte order mark": (stream(BOM + WORD + b"\r\n\r\n", FINISH, DONE), None),
    "18 no space, a comment, an id": (
        stream(b': hi\nid: 7\ndata:{"choices":[{"delta":{"content":"Fine."}}]}\n\n', FINISH, DONE),
        None,
    ),
    "18 byte by byte": (
        stream(*[bytes([byte]) for byte in WORD + b"\n\n" + FINISH + DONE]), None
    ),
    "18 U+2028 inside a text": (stream("Fine.\u2028\u0085", FINISH, DONE), None),
    "18x a line that is no JSON": (stream("Fine.", b"data: {oops\n\n", FINISH, DONE), "bad_event"),
    "18x many such lines": (
        stream("Fine.", *[b"data: {oops\n\n"] * 3, FINISH, DONE), "bad_event=3"
    ),
    "18x a line that is no UTF-8": (
        stream("Fine.", b'data: {"choices": "\xff\xfe"}\n\n', FINISH, DONE), "bad_event"
    ),
    "19 gzip although nobody asked": (
        body(
            gzip.compress(WORD + b"\n\n" + FINISH + DONE), content_type="text/event-stream",
            headers={"content-encoding": "gzip"},
        ),
        None,
    ),
    "19 HTTP/1.0": (
        raw(SSE_HEAD.replace(b"1.1", b"1.0") + WORD + b"\n\n" + FINISH + DONE, CLOSE), None
    ),
    "19 hints before the reply": (
        raw(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
            + SSE_HEAD + WORD + b"\n\n" + FINISH + DONE,
            CLOSE,
        ),
        None,
    ),
    "21 JSON where a stream was asked": (body(GOOD_BODY.replace(b"Whole.", b"Fine.")), "converted"),
    "22 content filter": (stream("Fine.", event(chunk(finish="content_filter")), DONE), None),
    "22 cut at its length": (stream("Fine.", event(chunk(finish="length")), DONE), None),
    "22 a tool call whose arguments are broken": (
        stream("Fine.", chunk({"tool_calls": [BROKEN_CALL]}), chunk(finish="tool_calls"), DONE),
        None,
    ),
    "22 reasoning": (stream(chunk({"reasoning_content": "Hm."}), "Fine.", FINISH, DONE), None),
    "22 an unknown finish reason": (
        stream("Fine.", event(chunk(finish="network_error")), DONE), "finish_reason=network_error"
    ),
}  # fmt: skip
"""What looks odd and is a good answer, with the note that the attempt gets."""

INTERRUPTED: dict[str, Script] = {
    "12 silence between tokens": stream("Half", STALL),
    "13 a reset": stream("Half", RESET),
    "13 the end, too early": stream("Half", CLOSE),
    "14a an error as a chunk": stream("Half", event({"error": ERROR})),
    "14a an error event": stream("Half", b"event: error\n" + event({"error": ERROR})),
    "14a an error as the finish reason": stream("Half", chunk(finish="error")),
    "17b no finish reason and no terminator": stream("Half"),
    "18x nonsense, then the end": stream("Half", b"data: \xff{\n\n"),
    "20 an endless line": stream("Half", b"data: " + b"x" * 20_000, STALL),
}
"""What breaks off after its first token."""
