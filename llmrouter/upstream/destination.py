"""A URL, taken apart into what a connection and a request's first lines need."""

from __future__ import annotations

import re
from typing import NamedTuple

from llmrouter.upstream.faults import NotSendable

_PORTS = {"http": 80, "https": 443}

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IN_PATH = r"[-!$&'()*+,./0-9:;=@A-Z\[\]^_a-z|~]|%[0-9A-Fa-f]{2}"
_PLAIN_URL = re.compile(
    r"(https?)://"
    rf"([a-z0-9.-]*[a-z-][a-z0-9.-]*|(?:{_OCTET}\.){{3}}{_OCTET})"
    r"(?::([1-9][0-9]*))?"
    rf"((?!.*/\.)/(?:{_IN_PATH})*(?:\?(?:{_IN_PATH}|[?`{{}}])*)?)"
)
"""What nothing has to be done to; as good as every URL of a provider is."""


class Destination(NamedTuple):
    """``host`` is without the brackets of an IPv6 address; ``netloc`` is the header ``host``;
    ``target`` stands in the request line."""

    scheme: str
    host: str
    port: int
    netloc: str
    target: str


def destination(url: str) -> Destination:
    """Where a URL leads.  Raises `NotSendable`."""
    plain = _PLAIN_URL.fullmatch(url)
    if plain is None:
        return _put_right(url)
    scheme, host, port, target = plain.groups()
    if port is None or int(port) == _PORTS[scheme]:
        return Destination(scheme, host, _PORTS[scheme], host, target)
    return Destination(scheme, host, int(port), f"{host}:{port}", target)


def _put_right(url: str) -> Destination:
    """As httpx does it: names in other scripts, spaces, dots in the path, and what is no URL."""
    import httpx  # 6 MB, for a URL out of a thousand

    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise NotSendable(str(error)) from error
    if parsed.scheme not in _PORTS:
        raise NotSendable(f"`{parsed.scheme}` is neither http nor https")
    return Destination(
        parsed.scheme,
        parsed.raw_host.decode("ascii"),
        parsed.port or _PORTS[parsed.scheme],
        parsed.netloc.decode("ascii"),
        parsed.raw_path.decode("ascii"),
    )
