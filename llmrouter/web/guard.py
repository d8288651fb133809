"""Who may ask what: Host and Origin checks, client key, admin token.

One function decides for every request, whichever part of the server answers it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

from llmrouter.core.errors import (
    Forbidden,
    MalformedRequest,
    RouterError,
    Unauthorized,
    UnsupportedMedia,
)
from llmrouter.core.records import Record
from llmrouter.web.connection import is_framed_twice

Area = Literal["public", "client", "admin"]
"""``public``: health alone.  ``client``: what a client's key opens.  ``admin``: the rest."""

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})
KNOWN_HOSTS = 64
"""As many Host headers are taken apart once; honest clients write one or two."""

_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SELDOM = frozenset(
    {
        "access-control-request-method",
        "content-encoding",
        "origin",
        "sec-fetch-site",
        "transfer-encoding",
    }
)
"""Headers that programs' requests do without."""


class Guard(Record):
    """The rules of one server.

    ``hosts`` are the names that a Host header may carry beyond loopback's, ``origins`` the web
    origins that may call; keys are kept as SHA-256 digests.
    """

    loopback_only: bool
    hosts: frozenset[str]
    origins: frozenset[str]
    client_key_sha256: bytes | None = None
    admin_token_sha256: bytes | None = None

    @classmethod
    def build(
        cls,
        *,
        loopback_only: bool,
        hosts: Sequence[str] = (),
        origins: Sequence[str] = (),
        client_key: str | None = None,
        admin_token: str | None = None,
    ) -> Guard:
        """A guard from plain settings; the secrets are hashed and forgotten."""
        return cls(
            loopback_only=loopback_only,
            hosts=LOOPBACK_NAMES | {host.lower() for host in hosts},
            origins=frozenset(origin.lower().rstrip("/") for origin in origins),
            client_key_sha256=_digest(client_key) if client_key else None,
            admin_token_sha256=_digest(admin_token) if admin_token else None,
        )

    def grants(self, method: str, headers: Mapping[str, str]) -> dict[str, str]:
        """The CORS headers for a page of an allowed origin; none for any other, so that browsers
        keep replies from it."""
        origin = headers.get("origin")
        if origin is None or origin.lower() not in self.origins:
            return {}
        granted = {"access-control-allow-origin": origin, "vary": "Origin"}
        if not is_preflight(method, headers):
            return granted | {"access-control-expose-headers": "*"}
        return granted | {
            "access-control-allow-methods": "GET, POST, PUT, DELETE",
            "access-control-allow-headers": headers.get("access-control-request-headers", "*"),
            "access-control-max-age": "600",
        }

    def check(self, method: str, area: Area, headers: Mapping[str, str]) -> str | None:
        """The id of the key that was used, None in keyless mode.

        Raises `MalformedRequest`, `Forbidden`, `UnsupportedMedia` or `Unauthorized`.
        """
        # A page on a foreign name that resolves to this machine (DNS rebinding) still sends its
        # own name here.
        host = headers.get("host", "")
        if _host_name(host) not in self.hosts and not self._takes_any_host:
            raise _foreign_host(host)
        if not _SELDOM.isdisjoint(headers):
            self._check_seldom(method, headers)
            if is_preflight(method, headers):
                return None  # browsers send no key with it
        if method in _CHANGING and headers.get("content-type") != "application/json":
            _check_media_type(headers)
        return self._check_key(area, headers)

    @property
    def _takes_any_host(self) -> bool:
        return not self.loopback_only and len(self.hosts) == len(LOOPBACK_NAMES)

    def _check_seldom(self, method: str, headers: Mapping[str, str]) -> None:
        """What only requests with one of the headers of `_SELDOM` can be refused for."""
        if is_framed_twice(headers):
            raise MalformedRequest("send Content-Length or Transfer-Encoding, not both")
        self._check_origin(headers)
        if method in _CHANGING:
            _check_coding(headers.get("content-encoding", ""))

    def _check_origin(self, headers: Mapping[str, str]) -> None:
        origin = headers.get("origin")
        if origin is None:
            if headers.get("sec-fetch-site") == "cross-site":
                raise _foreign_origin("cross-site")
            return
        if origin.lower() in self.origins:
            return
        own = urlsplit(origin).netloc.lower()
        if not own or own != headers.get("host", "").lower():
            raise _foreign_origin(origin)

    def _check_key(self, area: Area, headers: Mapping[str, str]) -> str | None:
        if area == "public":
            return None
        wanted = self.admin_token_sha256 if area == "admin" else self.client_key_sha256
        if wanted is None:
            return None
        given = presented_key(headers)
        if given is None or not hmac.compare_digest(_digest(given), wanted):
            variable = "LLMROUTER_ADMIN_TOKEN" if area == "admin" else "LLMROUTER_API_KEY"
            raise Unauthorized(
                ("no key was sent" if given is None else "this key is not valid here")
                + f"; send `Authorization: Bearer <the server's {variable}>`",
            )
        return "admin" if area == "admin" else "default"


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser asks if a page may send a request."""
    return method == "OPTIONS" and "access-control-request-method" in headers


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The key in a request's headers, wherever its dialect puts it."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return headers.get("x-api-key") or headers.get("x-goog-api-key") or None


def refusal_headers(error: RouterError) -> dict[str, str]:
    """Response headers of a request that the guard turned away."""
    headers = dict(error.headers)
    if isinstance(error, Unauthorized):
        headers["www-authenticate"] = "Bearer"
    return headers


@lru_cache(maxsize=KNOWN_HOSTS)
def _host_name(host: str) -> str:
    """The name in a Host header, in lower case; empty when there is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:  # brackets that do not hold an address
        return ""


def _check_media_type(headers: Mapping[str, str]) -> None:
    # Only types that a browser sends without asking first are refused: a form on a foreign page
    # cannot set application/json.  A body without any type comes from curl -d-less tools.
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if media_type == "application/json" or media_type.endswith("+json"):
        return
    if media_type or has_body:
        raise UnsupportedMedia(
            f"Content-Type `{media_type or 'none'}` is not accepted; send application/json"
        )


def _check_coding(coding: str) -> None:
    if coding.strip().lower() not in ("", "identity"):
        raise UnsupportedMedia(
            f"Content-Encoding `{coding[:100]}` is not read; send the body uncompressed"
        )


def _foreign_host(host: str) -> Forbidden:
    return Forbidden(
        f"Host `{host[:100]}` is not one of this server's names; add it to LLMROUTER_ALLOWED_HOSTS",
        code="host_not_allowed",
    )


def _foreign_origin(origin: str) -> Forbidden:
    return Forbidden(
        f"requests from the web origin `{origin[:200]}` are not allowed; "
        "add it to LLMROUTER_ALLOWED_ORIGINS",
        code="origin_not_allowed",
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
