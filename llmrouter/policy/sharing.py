"""What a node takes over of what other nodes found out: pure rules, one for each kind of state.

Each kind has its own way to be right.  A breaker stands where it was moved last, whoever moved it.
A provider's wish to be left alone holds until the latest deadline that anybody was told, unless
somebody took it back by hand.  An account is locked or not as was said last.
"""

from __future__ import annotations

from typing import NamedTuple

from llmrouter.core.ledger import AccountLockRow, BreakerRow, CooldownRow
from llmrouter.core.records import replace
from llmrouter.policy.breaker import CLOSED, BreakerState, has_probe


class Pause(NamedTuple):
    """Until when a target is left alone, and since when that is known (wall clock, µs).

    ``until_us`` 0 is a pause that ended early: the target answered, or somebody took it back.
    """

    until_us: int
    told_us: int


def shared_breaker(
    known: BreakerState, moved_us: int, row: BreakerRow, now_us: int
) -> BreakerState | None:
    """The state that another node's row brings about here; None when it changes nothing.

    ``moved_us`` is when the breaker was moved here last.  What each node counts while the breaker
    is closed stays its own, and so do probes: every node sends its own, of which the first that
    ends decides for all.
    """
    if row.updated_us <= moved_us:
        return None
    match row.state:
        case "open":
            if has_probe(known, now_us):
                return None  # it knows more, soon
            return BreakerState(
                "open",
                row.failures,
                opened_us=min(row.updated_us, now_us),
                open_until_us=row.open_until_us,
                trial_us=known.trial_us,
            )
        case "closed" if known.position != "closed":
            return replace(CLOSED, failures=row.failures)
        case _:
            return None


def shared_pause(known: Pause, row: CooldownRow) -> Pause:
    """The pause after another node's row was seen: a deadline only moves outwards."""
    if row.until_us == 0:
        return Pause(0, row.updated_us) if row.updated_us >= known.told_us else known
    if known.until_us == 0 and row.updated_us <= known.told_us:
        return known
    if row.until_us <= known.until_us:
        return known
    return Pause(row.until_us, row.updated_us)


def shared_lock_s(locked_us: int, row: AccountLockRow) -> float | None:
    """For how long the account is locked by another node's row (0: it is unlocked); None when what
    is known here, since ``locked_us``, is not older."""
    if row.updated_us <= locked_us:
        return None
    return max(0.0, (row.until_us - row.updated_us) / 1e6)
