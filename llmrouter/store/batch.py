"""The rows that some payloads become, by table, as tuples in the order of the columns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Final, TypeVar

from llmrouter.core.events import Event
from llmrouter.core.ledger import (
    AccountLockRow,
    AttemptRow,
    BreakerRow,
    CooldownRow,
    RequestRecord,
    RequestRow,
    ResponseState,
)
from llmrouter.store.encoding import storable
from llmrouter.store.heads import EventRows, HeadKey
from llmrouter.store.packing import BodyPolicy, PackedBody, deflate, pack
from llmrouter.store.records import (
    AVAILABILITY_KINDS,
    Noted,
    Opening,
    Payload,
    account_locks,
    cooldowns,
    made_at_us,
)

Row = TypeVar("Row", RequestRow, AttemptRow)

_data_of: Final = attrgetter("data")

StateTuple = tuple[str, int, str | None, str | None, str | None, int, bytes]
"""A row of ``response_state``."""


@dataclass(slots=True)
class Batch:
    """What one transaction writes."""

    events: EventRows
    requests: list[RequestRow] = field(default_factory=list)
    attempts: list[AttemptRow] = field(default_factory=list)
    bodies: list[PackedBody] = field(default_factory=list)
    states: list[StateTuple] = field(default_factory=list)
    breakers: dict[tuple[str, str], BreakerRow] = field(default_factory=dict)
    locks: dict[tuple[str, str], AccountLockRow] = field(default_factory=dict)
    cooldowns: dict[str, CooldownRow] = field(default_factory=dict)
    resets: list[CooldownRow] = field(default_factory=list)
    """Targets whose cooldowns, whatever the account, were taken back; after ``cooldowns``."""
    opened: list[int] = field(default_factory=list)
    """Ids of requests that go on."""

    @property
    def changes_availability(self) -> bool:
        """Whether other nodes must know what is in it."""
        return bool(self.breakers or self.locks or self.cooldowns or self.resets)


class BatchMaker:
    """Turns payloads into a batch.

    With ``whole``, events that were queued earlier are taken in again, since it is not known
    whether they arrived.  With ``mended``, texts that a database might refuse are mended first.
    """

    def __init__(
        self,
        policy: BodyPolicy,
        heads: Mapping[HeadKey, int],
        *,
        whole: bool = False,
        mended: bool = False,
    ) -> None:
        """``heads`` of events are known to be stored."""
        self._policy = policy
        self._heads = heads
        self._whole = whole
        self._mended = mended

    def make(self, payloads: Iterable[Payload]) -> Batch:
        """The rows of all payloads.  Raises ``TypeError`` for what cannot be written."""
        batch = Batch(EventRows(self._heads, mended=self._mended))
        for payload in payloads:
            match payload:
                case RequestRecord():
                    self._add_record(batch, payload)
                case Opening():
                    batch.events.add(payload.request_id, payload.first_seq, payload.events)
                    batch.opened.append(payload.request_id)
                case Noted():
                    for number, event in payload.events:
                        batch.events.add(number, 0, (event,))
                        _add_locks(batch, made_at_us(number), (event,))
                        _add_cooldowns(batch, made_at_us(number), (event,))
                    _add_breakers(batch, payload.breakers)
        return batch

    def _add_record(self, batch: Batch, record: RequestRecord) -> None:
        row = _mend(record.request) if self._mended else record.request
        batch.requests.append(row)
        batch.attempts += map(_mend, record.attempts) if self._mended else record.attempts
        first = 0 if self._whole else record.opened
        batch.events.add(row.id, first, record.events[first:])
        if record.breakers:
            _add_breakers(batch, record.breakers)
        if not AVAILABILITY_KINDS.isdisjoint(map(type, map(_data_of, record.events))):
            _add_locks(batch, row.started_us, record.events)
            _add_cooldowns(batch, row.started_us, record.events)
        if record.body is not None and self._policy.keeps(row):
            packed = pack(row.id, record.body)
            if packed is not None:
                batch.bodies.append(packed)
        if record.response_state is not None and self._policy.keeps_states:
            batch.states.append(_state_tuple(row.id, record.response_state))


def without(batch: Batch, known: Collection[int]) -> Batch:
    """The batch without what is stored already of some requests: rows, bodies, states."""
    return replace(
        batch,
        requests=[row for row in batch.requests if row.id not in known],
        bodies=[body for body in batch.bodies if body.request_id not in known],
        states=[state for state in batch.states if state[1] not in known],
    )


def _state_tuple(request_id: int, state: ResponseState) -> StateTuple:
    data = deflate(state.items)
    # An id is a provider's word: PostgreSQL takes no NUL in it.
    response_id, previous_id = storable(state.response_id), storable(state.previous_id)
    conversation_id = storable(state.conversation_id)
    return (
        response_id,
        request_id,
        previous_id,
        state.provider,
        conversation_id,
        len(data),
        data,
    )


def _add_breakers(batch: Batch, rows: Iterable[BreakerRow]) -> None:
    for row in rows:
        key = (row.provider, row.model)
        earlier = batch.breakers.get(key)
        if earlier is None or earlier.updated_us <= row.updated_us:
            batch.breakers[key] = row


def _add_locks(batch: Batch, at_us: int, events: Iterable[Event]) -> None:
    for row in account_locks(at_us, events):
        key = (row.provider, row.account)
        earlier = batch.locks.get(key)
        if earlier is None or earlier.updated_us <= row.updated_us:
            batch.locks[key] = row


def _add_cooldowns(batch: Batch, at_us: int, events: Iterable[Event]) -> None:
    for row in cooldowns(at_us, events):
        if not row.until_us:
            batch.resets.append(row)
            for target, earlier in list(batch.cooldowns.items()):
                if target.partition("#")[0] == row.target and earlier.updated_us <= row.updated_us:
                    del batch.cooldowns[target]
            continue
        known = batch.cooldowns.get(row.target)
        if known is None or known.until_us < row.until_us:
            batch.cooldowns[row.target] = row


def _mend(row: Row) -> Row:
    texts = {k: storable(v) for k, v in row._asdict().items() if isinstance(v, str)}
    return row._replace(**texts)
