"""What happened to the process, its configuration and its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from llmrouter.core.records import record


@record
class ConfigActivated:
    """A configuration version became the running one."""

    kind: ClassVar[str] = "config.activated"
    version: int
    parent: int | None
    author: str
    note: str | None = None


@record
class ConfigRejected:
    """A configuration was offered and did not validate; the running one stays."""

    kind: ClassVar[str] = "config.rejected"
    source: str
    errors: tuple[Mapping[str, str], ...]


@record
class LedgerDegraded:
    """Rows could not be written and went to the spill file."""

    kind: ClassVar[str] = "ledger.degraded"
    reason: str


@record
class LedgerRestored:
    """Rows are written again; ``replayed`` of them came from the spill file."""

    kind: ClassVar[str] = "ledger.restored"
    replayed: int


@record
class ServerStarted:
    """A server process took up work; ``recovered`` requests were closed as abandoned."""

    kind: ClassVar[str] = "server.started"
    version: str
    node: int
    recovered: int = 0


@record
class ServerStopped:
    """A server process ended in order."""

    kind: ClassVar[str] = "server.stopped"
    node: int
    drained: int
    cut: int


@record
class ClockJumped:
    """The machine's clock was set, or the machine slept; ``by_us`` is negative when it went back.

    Durations, ids and deadlines bear it.
    """

    kind: ClassVar[str] = "clock.jumped"
    by_us: int
