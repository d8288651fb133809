"""Requests from another gateway's log, as their clients would send them here.

Nothing was decided on them, and the model's name meant something to the other gateway: it counts
where the candidate gives it a meaning of its own (a category, a combo, an alias); else the request
is decided as if it had asked for `router`.
"""

from __future__ import annotations

import orjson

from llmrouter.core.events import RequestReceived
from llmrouter.core.replay import LoggedRequest
from llmrouter.core.routing import Target
from llmrouter.policy.names import Aliases
from llmrouter.policy.table import RoutingTable
from llmrouter.replay.deciding import Decided


def is_imported(logged: LoggedRequest) -> bool:
    """Whether the request was served by another gateway."""
    return bool(logged.told.get(RequestReceived.kind, {}).get("purpose") == "imported")


class SentHere:
    """Makes requests what they would be if their clients asked llmrouter, under a candidate."""

    def __init__(self, candidate: RoutingTable) -> None:
        self._candidate = candidate
        # Built-in aliases only say whose model a name is.
        own = candidate.document.get("aliases") or {}
        self._aliases = Aliases({name: target for name, target in own.items() if target})

    def body(self, body: bytes) -> bytes:
        """The request's body."""
        document = orjson.loads(body)
        name = str(document.get("model") or "").strip()
        if self._candidate.route(name) is not None or self._aliases.follow(name) is not None:
            return body
        return orjson.dumps({**document, "model": "router"})


def as_if_decided(logged: LoggedRequest, after: Decided) -> Decided:
    """What was decided, for the comparison: the model that answered; the same as the candidate
    would where it puts that model first."""
    then = next((str(Target(a.provider, a.model, a.account)) for a in logged.attempts), None)
    if after.usable[:1] == (then,):
        return after
    return Decided(category=after.category, candidates=() if then is None else ((then, None),))
