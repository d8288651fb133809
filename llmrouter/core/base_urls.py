"""Where a provider is reached: what a configuration may say of it."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator


def _http_url(value: str) -> str:
    scheme, separator, rest = value.partition("://")
    if scheme not in ("http", "https") or not separator or not rest:
        raise ValueError("must start with http:// or https://")
    if "@" in rest.split("/", 1)[0]:
        raise ValueError("must hold no user name or password; name a variable in api_key_env")
    if not _has_good_port(value):
        raise ValueError("must name a host, and no port but one from 1 to 65535")
    return value.rstrip("/")


def _has_good_port(value: str) -> bool:
    try:
        return urlsplit(value).port != 0
    except ValueError:
        return False


BaseUrl = Annotated[str, AfterValidator(_http_url)]


def native_root(base_url: Any) -> Any:
    """An Ollama address without the ``/v1`` of its compatible API."""
    return base_url.rstrip("/").removesuffix("/v1") if isinstance(base_url, str) else base_url
