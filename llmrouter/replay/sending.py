"""Sends one request again, for real, through the same stages as a client's; its row has purpose
``replay``, and no breaker hears of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from llmrouter.core.clock import Clock
from llmrouter.core.configuration import BreakerConfig
from llmrouter.core.events import RequestClassified
from llmrouter.core.ids import RequestIds
from llmrouter.core.ledger import RequestRow
from llmrouter.core.records import Record
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import DialectName, Target
from llmrouter.core.upstream import Take
from llmrouter.dialects.wire import Dialect
from llmrouter.pipeline.availability import Availability, Hindrance
from llmrouter.pipeline.exchange import Caller, Exchange, Reply
from llmrouter.pipeline.runner import Pipeline, Stage
from llmrouter.policy.failures import Verdict
from llmrouter.policy.table import RoutingTable
from llmrouter.replay.deciding import Repeated

ENDPOINT: Final = "/replay"

Gate = Callable[[Exchange], Awaitable[bool]]
"""Asked once it is decided whom to call, before anything is sent: whether to go on."""


class Onlooker(Availability):
    """Availability as it was found.  A replay asks one target once and moves no breaker."""

    def take_permit(
        self, exchange: Exchange, target: Target, config: BreakerConfig, lease_s: float
    ) -> Hindrance | None:
        # What was set aside is enough for one call.
        return Hindrance("over_budget", 0.0) if exchange.tries else None

    def take_trial(
        self, exchange: Exchange, targets: Sequence[Target], lease_s: float
    ) -> Target | None:
        return None

    def succeeded(self, exchange: Exchange, target: Target) -> None:
        return None

    def failed(
        self,
        exchange: Exchange,
        target: Target,
        verdict: Verdict,
        config: BreakerConfig,
        *,
        jitter: float,
        sole_target: bool,
    ) -> None:
        return None

    def released(self, exchange: Exchange, target: Target) -> None:
        return None


@dataclass(slots=True)
class _Collector:
    """A client that has sent everything and takes everything."""

    request: bytes
    started: bool = False
    pour: Take | None = None
    parts: list[bytes] = field(default_factory=list)

    async def body(self, limit_bytes: int) -> bytes:
        return self.request

    async def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.parts.append(body)

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started = True

    async def send(self, data: bytes) -> None:
        self.parts.append(data)

    async def end(self, data: bytes = b"") -> None:
        self.parts.append(data)


class _Gate:
    """The stage that asks whether to go on; where not, nothing is sent and nothing recorded."""

    name = "gate"

    def __init__(self, opens: Gate) -> None:
        self._opens = opens

    async def __call__(self, exchange: Exchange) -> Reply | None:
        if await self._opens(exchange):
            return None
        exchange.unrecorded = True
        return Reply(200, "application/json")


class _AsDecided:
    """The stage that takes over what was decided as of then."""

    name = "select"

    def __init__(self, decided: Repeated) -> None:
        self._decided = decided

    async def __call__(self, exchange: Exchange) -> None:
        decided = self._decided
        found, decision, selected = decided.classification, decided.decision, decided.selected
        if found is None or decision is None or selected is None:
            raise ValueError("nobody was decided on")
        exchange.classification, exchange.decision = found, decision
        exchange.route = decided.route
        exchange.emit(
            RequestClassified(
                category=found.category,
                decided_by=found.decided_by,
                mode_asked=found.mode_asked,
                mode=found.mode,
                confidence=found.confidence,
                scores=found.scores,
                evidence=found.evidence,
                duration_us=0,
            )
        )
        exchange.emit(selected)


class Sent(Record):
    """What became of one request; ``row`` is its row in the ledger.

    ``request`` is None when it could not be read; ``reply`` is empty when nothing was sent.
    """

    id: int
    row: RequestRow
    request: ChatRequest | None
    reply: bytes
    error: str | None
    was_sent: bool


class Letter(Record):
    """What is sent: a body in its dialect, under a configuration; ``provider`` where the address
    named one, ``decided`` where it is settled already whom to ask."""

    table: RoutingTable
    dialect: DialectName
    body: bytes
    provider: str | None = None
    decided: Repeated | None = None


class Sender:
    """Sends requests of one replay."""

    def __init__(
        self,
        *,
        receive: Stage,
        validate: Stage,
        deciding: Iterable[Stage],
        account: Stage,
        dialects: Mapping[DialectName, Dialect],
        ids: RequestIds,
        clock: Clock,
    ) -> None:
        self._before = (receive, validate)
        self._deciding = tuple(deciding)
        self._account = account
        self._dialects = dialects
        self._ids = ids
        self._clock = clock

    async def send(self, replay_id: int, letter: Letter, call: Stage, gate: Gate) -> Sent:
        """One request, to the first target that the configuration names, once."""
        exchange = Exchange(
            self._ids.next(), letter.table, self._dialects[letter.dialect], self._clock
        )
        exchange.caller = Caller(
            endpoint=ENDPOINT,
            headers={},
            purpose="replay",
            provider=letter.provider,
            replay_id=replay_id,
        )
        client = _Collector(letter.body)
        decided = letter.decided
        deciding = self._deciding if decided is None else (_AsDecided(decided),)
        forward = (*self._before, *deciding, _Gate(gate), call)
        pipeline = Pipeline(forward, (self._account,))
        await pipeline.run(exchange, client)
        error = exchange.error
        return Sent(
            id=exchange.id,
            row=exchange.record.request,
            request=exchange.request if hasattr(exchange, "request") else None,
            reply=b"".join(client.parts) if error is None and not exchange.unrecorded else b"",
            error=None if error is None else error.message,
            was_sent=exchange.attempts > 0,
        )
