"""How single values are read: what is accepted, and why the rest is not."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr


@dataclass(frozen=True, slots=True)
class Bodies:
    """Which requests' bodies are kept; ``share`` is that of all (0 to 1) when sampled."""

    keep: Literal["all", "errors", "sample", "off"]
    share: float = 1.0


def _lowered(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _header_safe(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value().strip()
    if not value:
        # Blank must not mean "no key is asked for": somebody meant to set one.
        raise ValueError("must not be blank")
    if not all("!" <= character <= "~" for character in value):
        raise ValueError("must be letters, digits and punctuation of ASCII, without spaces")
    return SecretStr(value)


def _host(value: str) -> str:
    value = value.strip().removeprefix("[").removesuffix("]")
    if not value or re.search(r"[\s/\[\]]", value):
        raise ValueError("must be an address or a name alone")
    if value.count(":") == 1:
        raise ValueError("must not hold a port")
    return value


def _directory(value: Path) -> Path:
    given = str(value).strip()
    if not given:
        raise ValueError("must not be blank")
    return Path(os.path.expanduser(given)).absolute()


def _bodies(value: object) -> object:
    if not isinstance(value, str):
        return value
    word, colon, share = value.strip().lower().partition(":")
    if word == "sample":
        try:
            fraction = float(share)
        except ValueError:
            fraction = 0.0
        if 0 < fraction <= 1:
            return Bodies("sample", fraction)
        raise ValueError("must say which share is kept, above 0 and up to 1")
    if not colon:
        match word:
            case "all" | "errors" | "off":
                return Bodies(word)
            case _:
                pass
    raise ValueError("is none of the choices")


def _each(check: Callable[[str], str]) -> Callable[[object], object]:
    """A validator of lists that are written with commas or spaces between their items."""

    def checked(value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(dict.fromkeys(check(item) for item in re.split(r"[\s,]+", value) if item))

    return checked


def _host_name(item: str) -> str:
    bare_ipv6 = item.count(":") > 1 and not item.startswith("[")
    try:
        name = urlsplit(f"//[{item}]" if bare_ipv6 else f"//{item}").hostname
    except ValueError:
        name = None
    if not name or re.search(r"[*/?#@]", item):
        raise ValueError(f"`{item}` is no host name")
    return name


def _origin(item: str) -> str:
    scheme, separator, host = item.rstrip("/").partition("://")
    if not scheme or not separator or not host or re.search(r"[*/?#@]", host):
        raise ValueError(f"`{item}` is no origin")
    return f"{scheme}://{host}".lower()


def _ollama_root(value: str) -> str:
    value = value.strip().rstrip("/")
    address = urlsplit(value)
    if address.scheme not in ("http", "https") or not address.netloc:
        raise ValueError("must start with http:// or https://")
    if "@" in address.netloc or address.query or address.fragment:
        raise ValueError("must hold no user, password, `?` or `#`")
    return value.removesuffix("/v1")


LedgerMode = Annotated[Literal["bounded", "required", "best_effort"], BeforeValidator(_lowered)]
Durability = Annotated[Literal["process", "power"], BeforeValidator(_lowered)]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(_lowered)
]
RoutingMode = Annotated[
    Literal["hybrid", "keywords", "local", "ollama", "api"], BeforeValidator(_lowered)
]
HttpClient = Literal["lean", "httpx"]
HttpServer = Literal["lean", "stock"]
EventLoop = Literal["auto", "asyncio", "uvloop"]
ChosenClient = Annotated[HttpClient, BeforeValidator(_lowered)]
ChosenServer = Annotated[HttpServer, BeforeValidator(_lowered)]
ChosenLoop = Annotated[EventLoop, BeforeValidator(_lowered)]
Host = Annotated[str, AfterValidator(_host)]
Directory = Annotated[Path, AfterValidator(_directory)]
HeaderSecret = Annotated[SecretStr, AfterValidator(_header_safe)]
"""A secret that can stand in a request's header."""

KeptBodies = Annotated[Bodies, BeforeValidator(_bodies)]
HostNames = Annotated[tuple[str, ...], BeforeValidator(_each(_host_name))]
Origins = Annotated[tuple[str, ...], BeforeValidator(_each(_origin))]
OllamaRoot = Annotated[str, AfterValidator(_ollama_root)]
"""Ollama's address without the ``/v1`` of its OpenAI-compatible part."""
