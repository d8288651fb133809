"""How long a provider asks us to wait, in whichever of its ways it says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

MIN_WAIT_S: Final = 0.5
MAX_WAIT_S: Final = 600.0
DEFAULT_WAIT_S: Final = 5.0
JITTER_SHARE: Final = 0.2

_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_DURATION: Final = re.compile(
    r"(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m(?!s))?"
    r"(?:(?P<s>\d+(?:\.\d+)?)s)?(?:(?P<ms>\d+(?:\.\d+)?)ms)?"
)
_UNIT_S: Final[Mapping[str, float]] = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_IN_MESSAGE: Final = re.compile(
    r"(?:try again|retry) (?:in|after) (?P<duration>\d[\d.hms]*)(?: ?(?P<word>seconds?|minutes?))?",
    re.IGNORECASE,
)
# Plain numbers in reset headers: seconds to wait, or a moment as epoch seconds or milliseconds.
_EPOCH_S_FLOOR: Final = 1e9
_EPOCH_MS_FLOOR: Final = 1e12


def requested_wait_s(headers: Mapping[str, str], message: str, *, now_us: int) -> float | None:
    """The wait that a provider's reply names, clamped to 0.5 s - 10 min; None when it names none.

    Asked in this order: ``retry-after-ms``, ``retry-after`` (seconds or a date), the vendors'
    ``…ratelimit…reset…`` headers, the message ("try again in 7.66s").  Nonsense counts as absent.
    """
    now_s = now_us / 1e6
    sources: tuple[Callable[[], float | None], ...] = (
        lambda: _scaled(_number(headers.get("retry-after-ms", "")), 0.001),
        lambda: _retry_after_s(headers.get("retry-after", ""), now_s),
        lambda: _reset_s(headers, now_s),
        lambda: _message_s(message),
    )
    for source in sources:
        wait_s = source()
        if wait_s is not None:
            return min(max(wait_s, MIN_WAIT_S), MAX_WAIT_S)
    return None


def default_wait_s(jitter: float) -> float:
    """The wait when a provider names none: five seconds, and up to a fifth more by ``jitter``
    (0 to 1), so that a fleet does not return in step."""
    return DEFAULT_WAIT_S * (1 + JITTER_SHARE * jitter)


def _retry_after_s(value: str, now_s: float) -> float | None:
    seconds = _number(value)
    return seconds if seconds is not None else _until(_http_date(value), now_s)


def _reset_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """From ``x-ratelimit-reset-requests`` and its like: of the limits that are used up the last
    to reset; of all of them when none is said to be used up."""
    used_up: list[float] = []
    all_waits: list[float] = []
    for name, value in headers.items():
        if "ratelimit" not in name or "reset" not in name:
            continue
        wait_s = _moment_or_duration_s(value, now_s)
        if wait_s is None:
            continue
        all_waits.append(wait_s)
        if headers.get(name.replace("reset", "remaining"), "").strip() == "0":
            used_up.append(wait_s)
    return max(used_up or all_waits, default=None)


def _moment_or_duration_s(value: str, now_s: float) -> float | None:
    number = _number(value)
    if number is not None:
        if number >= _EPOCH_MS_FLOOR:
            return max(0.0, number / 1000 - now_s)
        return max(0.0, number - now_s) if number >= _EPOCH_S_FLOOR else number
    duration_s = _duration_s(value)
    return duration_s if duration_s is not None else _until(_iso_date(value), now_s)


def _message_s(message: str) -> float | None:
    match = _IN_MESSAGE.search(message)
    if match is None:
        return None
    text = match["duration"].rstrip(".")
    if match["word"]:
        return _scaled(_number(text), 60.0 if match["word"].lower().startswith("m") else 1.0)
    return _duration_s(text)


def _number(text: str) -> float | None:
    text = text.strip()
    return float(text) if len(text) <= 20 and _NUMBER.fullmatch(text) else None


def _scaled(number: float | None, factor: float) -> float | None:
    return None if number is None else number * factor


def _duration_s(text: str) -> float | None:
    """``6m0s``, ``2m59.56s``, ``120ms``, ``1h2m3s`` in seconds."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        return None
    return sum(float(value) * _UNIT_S[unit] for unit, value in match.groupdict("0").items())


def _until(moment: datetime | None, now_s: float) -> float | None:
    if moment is None:
        return None
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now_s)


def _http_date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (ValueError, IndexError):
        return None


def _iso_date(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None
