"""What all of a router's processes know: many connections are made, among which each has some."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

CONNECTIONS = 20
"""Of two processes, one would be left out once in half a million times."""

PATIENCE_S = 60.0
LOOK_EVERY_S = 0.05

DOOMED = "lab/doomed"
"""A model that always fails; the route ``doomed`` goes on to another."""


class Nodes:
    """The processes behind one port."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}"

    def open_a_breaker(self) -> None:
        """Lets one of them, or several, learn that a model fails."""
        words = {"model": "doomed", "messages": [{"role": "user", "content": "Hello"}]}
        for _ in range(3 * CONNECTIONS):
            self._ask("/v1/chat/completions", words)

    def s_until_ready(self) -> float:
        """How long it takes until all are ready for work."""
        return _s_until(lambda: self._all(lambda: self._status("/health/ready") == 200))

    def s_until_breaker_known(self) -> float:
        """How long it takes until all know of the breaker that was opened; it is closed then."""

        def opened() -> bool:
            breakers = self._ask("/providers")["lab"]["breakers"]
            return bool(breakers.get(DOOMED, {}).get("state") == "open")

        waited_s = _s_until(lambda: self._all(opened))
        self._ask(f"/circuit-breaker/reset/{DOOMED}", {})
        return waited_s

    def s_until_configured(self) -> float:
        """How long it takes until all run with a change of the configuration."""
        version = self._ask("/config/category", {"name": "soak", "models": ["lab/steady"]})
        return _s_until(
            lambda: self._all(lambda: bool(self._ask("/config")["version"] >= version["version"]))
        )

    def _all(self, holds: Callable[[], bool]) -> bool:
        return all(holds() for _ in range(CONNECTIONS))

    def _status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(self._address + path, timeout=30) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            return error.code

    def _ask(self, path: str, document: Mapping[str, Any] | None = None) -> Any:
        data = None if document is None else json.dumps(document).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self._address + path, data, headers)
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.loads(reply.read())


def _s_until(holds: Callable[[], bool]) -> float:
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > PATIENCE_S:
            return PATIENCE_S
        time.sleep(LOOK_EVERY_S)
    return time.monotonic() - began
