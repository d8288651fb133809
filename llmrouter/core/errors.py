"""What can go wrong.

RouterError                    a client sees it: status, code, message, param
├── MalformedRequest      400  the body is no JSON, or no object, or nested too deep
├── InvalidRequest        422  fields are missing or wrong; lists every one
├── Unauthorized          401  client or admin key missing or wrong
├── Forbidden             403  a Host, Origin or key that may not do this
├── NotFound              404  no such model, category, version, request or path
├── Conflict              409  it may not be changed or removed
├── BodyTooLarge          413
├── UnsupportedMedia      415
├── RequestTimeout        408  the body did not arrive in time
├── Overloaded            503  the server drains, or its ledger or queues are full
├── AllModelsFailed            every candidate failed; carries the attempts
├── UpstreamRefused            the provider's own verdict on the client's content
└── StreamBroken               the stream broke after its first token; status is already sent
AttemptError                   one attempt failed; never leaves the call stage
ConfigurationInvalid           a configuration document that does not validate
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from llmrouter.core.records import Record

ErrorClass = Literal["client", "context", "account", "rate", "transient", "gone"]
"""What a failure says about where to go next; `llmrouter.policy.failures` has the table."""

Phase = Literal["connect", "dns", "tls", "send", "headers", "first_token", "body", "stream"]
"""How far an attempt came before it failed."""


class FieldError(Record):
    """One wrong field: where (``messages.0.role``), what is wrong, and what to do."""

    field: str
    message: str


class RouterError(Exception):
    """An error that a client sees, in its own dialect."""

    status: int = 500
    code: str = "internal_error"
    type: str = "server_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.param = param
        self.retry_after_s = retry_after_s

    def details(self) -> Mapping[str, object]:
        """Further members of the error object, beyond message, type, param and code."""
        return {}

    @property
    def headers(self) -> Mapping[str, str]:
        """Response headers that belong to this error."""
        if self.retry_after_s is None:
            return {}
        return {"retry-after": str(max(1, round(self.retry_after_s)))}


class MalformedRequest(RouterError):
    status, code, type = 400, "malformed_request", "invalid_request_error"


class InvalidRequest(RouterError):
    """Carries every wrong field, so that one round trip is enough to mend them all."""

    status, code, type = 422, "validation_error", "invalid_request_error"

    def __init__(self, errors: Sequence[FieldError], *, code: str | None = None) -> None:
        self.errors = tuple(errors)
        message = "; ".join(f"{error.field}: {error.message}" for error in errors)
        super().__init__(message, code=code, param=errors[0].field if errors else None)

    def details(self) -> Mapping[str, object]:
        return {"errors": [{"field": e.field, "message": e.message} for e in self.errors]}


class Unauthorized(RouterError):
    status, code, type = 401, "invalid_api_key", "authentication_error"


class Forbidden(RouterError):
    status, code, type = 403, "forbidden", "permission_error"


class NotFound(RouterError):
    status, code, type = 404, "not_found", "invalid_request_error"


class Conflict(RouterError):
    status, code, type = 409, "conflict", "invalid_request_error"


class BodyTooLarge(RouterError):
    status, code, type = 413, "request_too_large", "invalid_request_error"


class UnsupportedMedia(RouterError):
    status, code, type = 415, "unsupported_media_type", "invalid_request_error"


class RequestTimeout(RouterError):
    status, code, type = 408, "request_timeout", "invalid_request_error"


class Overloaded(RouterError):
    status, code, type = 503, "overloaded", "server_error"

    def __init__(
        self, message: str, *, code: str | None = None, retry_after_s: float = 1.0
    ) -> None:
        super().__init__(message, code=code, retry_after_s=retry_after_s)


class AttemptSummary(Record):
    """What a client is told of one failed attempt: no URL, no key, no provider text."""

    target: str
    error_class: str
    status: int | None


class AllModelsFailed(RouterError):
    """Every candidate was refused or failed; the status is the most useful of the chain."""

    code = "all_models_failed"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        attempts: Sequence[AttemptSummary],
        code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, code=code, retry_after_s=retry_after_s)
        self.status = status
        self.attempts = tuple(attempts)
        if status == 429:
            self.type = "rate_limit_error"
        elif status == 400:
            self.type = "invalid_request_error"

    def details(self) -> Mapping[str, object]:
        return {
            "attempts": [
                {"target": a.target, "class": a.error_class, "status": a.status}
                for a in self.attempts
            ]
        }

    @property
    def headers(self) -> Mapping[str, str]:
        # Clients retry 5xx on their own; the chain has been tried already.
        return {**super().headers, "x-should-retry": "false"}


class UpstreamRefused(RouterError):
    """The provider refused the client's own content (400, 413, 415, 422): passed on as it came."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        error_type: str | None,
        code: str | None,
        param: str | None,
    ) -> None:
        super().__init__(message, code=code or "upstream_refused", param=param)
        self.status = status
        self.type = error_type or "invalid_request_error"


class StreamBroken(RouterError):
    """A stream that broke after its first token; told as an error event, never as a status."""

    status, code, type = 502, "stream_interrupted", "server_error"


FaultKind = Literal[
    "connect",  # refused, unreachable, or not open in time
    "exhausted",  # this machine has no file or port left for a connection
    "dns",
    "tls",
    "reset",  # closed or reset by the other side
    "timeout",  # one of our clocks ran out; `phase` says which
    "too_slow",  # tokens came, but fewer than the configured rate
    "status",  # an HTTP status other than 2xx
    "redirect",  # never followed
    "error_body",  # an error object inside a 200, or an error event in a stream
    "bad_body",  # HTML, no JSON, no choices, bad framing, bad encoding
    "empty",  # 204, no bytes, or only a terminator
    "truncated",  # ended before it was complete
    "too_large",  # past a limit of ours
]
"""What was seen when an attempt failed; `llmrouter.policy.failures` says what follows from it."""


class AttemptError(Exception):
    """One attempt failed.  The call stage catches it; clients never see it as it is.

    It carries the facts only; what follows (next target, cooldown, breaker) is judged by
    `llmrouter.policy.failures`.  ``message`` is the provider's text or ours, not yet redacted.
    ``headers`` are the reply's, names in lower case.  ``error_type``, ``code`` and ``param`` are
    the provider's own words.
    """

    def __init__(
        self,
        kind: FaultKind,
        phase: Phase,
        message: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        error_type: str | None = None,
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.phase = phase
        self.message = message
        self.status = status
        self.headers = headers or {}
        self.error_type = error_type
        self.code = code
        self.param = param


class ConfigurationInvalid(Exception):
    """A configuration document that cannot be used; says where it came from and every fault."""

    code: ClassVar[str] = "invalid_configuration"

    def __init__(self, errors: Sequence[FieldError], *, source: str = "configuration") -> None:
        self.errors = tuple(errors)
        self.source = source
        super().__init__(
            f"{source}: " + "; ".join(f"{error.field}: {error.message}" for error in errors)
        )
