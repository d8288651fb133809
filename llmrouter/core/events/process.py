"""What happened to the process, its configuration and its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from llmrouter.core.records import Record


class ConfigActivated(Record):
    """A configuration version became the running one."""

    kind: ClassVar[str] = "config.activated"
    version: int
    parent: int | None
    author: str
    note: str | None = None


class ConfigRejected(Record):
    """A configuration was offered and did not validate; the running one stays."""

    kind: ClassVar[str] = "config.rejected"
    source: str
    errors: tuple[Mapping[str, str], ...]


class LedgerDegraded(Record):
    """Rows could not be written and went to the spill file."""

    kind: ClassVar[str] = "ledger.degraded"
    reason: str


class LedgerRestored(Record):
    """Rows are written again; ``replayed`` of them came from the spill file."""

    kind: ClassVar[str] = "ledger.restored"
    replayed: int


class ServerStarted(Record):
    """A server process took up work; ``recovered`` requests were closed as abandoned."""

    kind: ClassVar[str] = "server.started"
    version: str
    node: int
    recovered: int = 0


class ServerStopped(Record):
    """A server process ended in order."""

    kind: ClassVar[str] = "server.stopped"
    node: int
    drained: int
    cut: int


class ClockJumped(Record):
    """The machine's clock was set, or the machine slept; ``by_us`` is negative when it went back.

    Durations, ids and deadlines bear it.
    """

    kind: ClassVar[str] = "clock.jumped"
    by_us: int
