"""The client API's endpoints: which path speaks which dialect.

Clients write the ``/v1`` prefix once, twice or not at all, and may name a provider in the path
(``/v1/providers/openai/chat/completions``), which then answers alone.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from llmrouter.core.records import Record
from llmrouter.core.routing import DialectName

Operation = Literal["chat", "count"]

KNOWN_PATHS = 256
"""As many are told apart without looking closely; clients ask the same few again and again."""


class Endpoint(Record):
    """What a path asks for.  ``path`` is without prefixes, as it stands in the ledger."""

    path: str
    dialect: DialectName
    operation: Operation = "chat"
    provider: str | None = None


FIXED_PATHS: dict[str, Endpoint] = {
    endpoint.path: endpoint
    for endpoint in (
        Endpoint("/chat/completions", "openai"),
        Endpoint("/messages", "anthropic"),
        Endpoint("/messages/count_tokens", "anthropic", "count"),
        Endpoint("/responses", "responses"),
        Endpoint("/api/chat", "ollama"),
        Endpoint("/api/generate", "ollama"),
    )
}
_GEMINI_METHOD = re.compile(
    r"/(?:v1(?:beta|alpha)?/)?(?:models|tunedModels)/[^/].*"
    r":([A-Za-z]+)"
)
"""Any method: that it is none of Google's is for the dialect to say, in Google's words."""

_GEMINI_OPERATION: dict[str, Operation] = {"countTokens": "count"}
_PROVIDER = re.compile(r"/providers/(?P<provider>[^/]+)(?P<rest>/.+)")
_LISTS = re.compile(r"/(?:v1beta/)?models(?:/.+)?|/api/(?:tags|show|ps|version)")


@lru_cache(maxsize=KNOWN_PATHS)
def find_endpoint(path: str) -> Endpoint | None:
    """The chat endpoint that a POST to this path asks for; None when it is none."""
    plain = plain_path(path)
    within = _PROVIDER.fullmatch(plain)
    if within is None:
        return _endpoint(plain, None)
    return _endpoint(plain_path(within["rest"]), within["provider"])


def plain_path(path: str) -> str:
    """The path without its ``/v1`` prefixes and its trailing slash."""
    while path.startswith("/v1/"):
        path = path.removeprefix("/v1")
    return path.rstrip("/") or "/"


def is_client_path(path: str) -> bool:
    """Whether a path belongs to the client API rather than to the admin API."""
    plain = plain_path(path)
    within = _PROVIDER.fullmatch(plain)
    if within is not None:
        plain = plain_path(within["rest"])
    return _LISTS.fullmatch(plain) is not None or _endpoint(plain, None) is not None


def _endpoint(plain: str, provider: str | None) -> Endpoint | None:
    fixed = FIXED_PATHS.get(plain)
    if fixed is not None:
        return Endpoint(fixed.path, fixed.dialect, fixed.operation, provider)
    method = _GEMINI_METHOD.fullmatch(plain)
    if method is None:
        return None
    operation = _GEMINI_OPERATION.get(method[1], "chat")
    return Endpoint(f"/models:{method[1]}", "gemini", operation, provider)
