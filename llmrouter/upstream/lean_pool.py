"""Connections that wait for another request."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, NamedTuple, Protocol, TypeVar


class Origin(NamedTuple):
    """Where a connection leads; ``host`` as it stands in a URL, without brackets."""

    host: str
    port: int


class Idling(Protocol):
    """A connection, as far as the pool is concerned."""

    origin: Origin

    def close(self) -> None: ...


C = TypeVar("C", bound=Idling)


class IdlePool(Generic[C]):
    """At most ``limit`` idle connections, none for longer than ``idle_s``.

    The one last used is taken first, so that those beyond the need grow old.  Every step takes the
    same time, however many there are.  ``now_s`` is a monotonic clock's.
    """

    def __init__(self, *, limit: int, idle_s: float) -> None:
        self._limit = limit
        self._idle_s = idle_s
        self._all_young_until_s = 0.0
        self._by_age: OrderedDict[C, float] = OrderedDict()
        self._by_origin: dict[Origin, dict[C, None]] = {}

    def __len__(self) -> int:
        return len(self._by_age)

    def take(self, origin: Origin, now_s: float) -> C | None:
        """A connection that is from here on the caller's."""
        if now_s > self._all_young_until_s:
            self._close_expired(now_s)
        idle = self._by_origin.get(origin)
        if not idle:
            return None
        connection, _ = idle.popitem()
        if not idle:
            del self._by_origin[origin]
        del self._by_age[connection]
        return connection

    def put(self, connection: C, now_s: float) -> None:
        """Keeps the connection, or closes it, or an older one, when there are too many."""
        if now_s > self._all_young_until_s:
            self._close_expired(now_s)
        self._by_age[connection] = now_s
        self._by_origin.setdefault(connection.origin, {})[connection] = None
        if len(self._by_age) > self._limit:
            self._close_oldest()

    def tidy(self, now_s: float) -> float | None:
        """Closes those that are too old; gives until when the others are young, None when there is
        no other."""
        self._close_expired(now_s)
        return self._all_young_until_s if self._by_age else None

    def discard(self, connection: C) -> None:
        """Forgets a connection that was closed from the other side."""
        if self._by_age.pop(connection, None) is None:
            return
        idle = self._by_origin[connection.origin]
        del idle[connection]
        if not idle:
            del self._by_origin[connection.origin]

    def clear(self) -> None:
        """Closes them all."""
        while self._by_age:
            self._close_oldest()

    def _close_expired(self, now_s: float) -> None:
        while self._by_age:
            self._all_young_until_s = next(iter(self._by_age.values())) + self._idle_s
            if now_s <= self._all_young_until_s:
                return
            self._close_oldest()

    def _close_oldest(self) -> None:
        oldest = next(iter(self._by_age))
        self.discard(oldest)
        oldest.close()
