"""Moments as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_AGE: Final = re.compile(r"(\d{1,6})([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def read_moment(text: str, now_us: int) -> int:
    """The moment (wall clock, µs) that an age (``90s``, ``15m``, ``24h``, ``7d``, ``2w``) or an
    ISO date means; UTC where the date names no zone.

    Raises ``ValueError`` with what was expected.
    """
    age = _AGE.fullmatch(text)
    if age is not None:
        return now_us - int(age[1]) * _SECONDS[age[2]] * 1_000_000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be an age such as 24h or 7d, or a date such as 2026-11-20") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000_000)
