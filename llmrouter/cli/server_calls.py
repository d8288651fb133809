"""Asking the running server, when there is one: it alone may write to its database."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from llmrouter.cli.output import fail
from llmrouter.settings import Settings

TIMEOUT_S = 15.0
HEALTH_TIMEOUT_S = 3.0
SERVICE = "llm-router"
"""How the router names itself at ``/health``."""

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # where to call, not to listen


def server_url(settings: Settings) -> str:
    """Where the server with these settings is called from this machine."""
    host = _WILDCARDS.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def call_server(
    settings: Settings,
    method: str,
    path: str,
    body: object = None,
    *,
    query: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Any:
    """The server's JSON answer.  An error of the server's ends the command with its message;
    no server at all raises ``ConnectionError``."""
    headers = {"content-type": "application/json"}
    if settings.admin_token is not None:
        headers["authorization"] = f"Bearer {settings.admin_token.get_secret_value()}"
    call = urllib.request.Request(  # noqa: S310  # http:// is fixed above
        server_url(settings) + path + ("?" + urllib.parse.urlencode(query) if query else ""),
        data=None if body is None else json.dumps(body).encode(),
        headers=headers,
        method=method,
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(call, timeout=timeout_s) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        fail(_message(error))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ConnectionError(f"no server answers at {server_url(settings)}") from error


def ask_health(settings: Settings) -> str | None:
    """The version of the router that answers at these settings' address; None when none does."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(server_url(settings) + "/health", timeout=HEALTH_TIMEOUT_S) as answer:
            health = json.load(answer)
    except (OSError, http.client.HTTPException, ValueError):
        return None
    if not isinstance(health, dict) or health.get("service") != SERVICE:
        return None
    return str(health.get("version"))


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {error.code}"
