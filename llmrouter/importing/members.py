"""The members of a foreign document: typed when they are right, told by name when they are not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from llmrouter.core.usage import nusd_from_usd
from llmrouter.importing.call import BadLine

MAX_USD: Final = 10**6
"""No call costs as much; a larger figure is a fault of the log."""

MAX_TOKENS: Final = 10**12

_EARLIEST_S: Final = 1_577_836_800  # 2020: ids begin there
_MILLISECONDS_FROM: Final = 10**11  # as seconds this would be the year 5138


class Members:
    """One object of a log.  An empty text and an empty object count as not said: exports of
    tables write them for NULL."""

    def __init__(self, document: Mapping[str, Any], place: str = "") -> None:
        self._document = document
        self._place = place

    @property
    def document(self) -> Mapping[str, Any]:
        """The object as it is."""
        return self._document

    def value(self, *names: str) -> Any:
        """The first of these members that says something."""
        for name in names:
            found = self._document.get(name)
            if found is not None and found not in ("", {}):
                return found
        return None

    def text(self, *names: str) -> str | None:
        """A text."""
        found = self.value(*names)
        if found is not None and not isinstance(found, str):
            raise self.wrong(names[0], "must be a text")
        if found is not None and "\0" in found:
            raise self.wrong(names[0], "must not hold a NUL")
        return found

    def required_text(self, *names: str) -> str:
        """A text that must be there."""
        found = self.text(*names)
        if found is None:
            raise self.wrong(names[0], "is missing")
        return found

    def count(self, *names: str) -> int | None:
        """A number of tokens."""
        found = self.number(*names)
        if found is None:
            return None
        if not 0 <= found <= MAX_TOKENS or found != int(found):
            raise self.wrong(names[0], f"must be a whole number from 0 on, not {found}")
        return int(found)

    def nusd(self, *names: str) -> int | None:
        """An amount in dollars, as nano-dollars."""
        found = self.number(*names)
        if found is None:
            return None
        if not 0 <= found <= MAX_USD:
            raise self.wrong(names[0], f"must be an amount in dollars from 0 on, not {found}")
        return nusd_from_usd(found)

    def seconds_us(self, *names: str) -> int | None:
        """A duration in seconds, as microseconds."""
        found = self.number(*names)
        return None if found is None or found < 0 else round(found * 1e6)

    def moment_us(self, *names: str) -> int | None:
        """A moment: ISO 8601 (UTC where it names no zone), or seconds or milliseconds since
        1970; as microseconds since 1970."""
        found = self.value(*names)
        if found is None:
            return None
        moment_us = _moment_us(found)
        if moment_us is None or moment_us < _EARLIEST_S * 1_000_000:
            raise self.wrong(names[0], f"is no moment since 2020: {str(found)[:40]!r}")
        return moment_us

    def required_moment_us(self, *names: str) -> int:
        """A moment that must be there."""
        found = self.moment_us(*names)
        if found is None:
            raise self.wrong(names[0], "is missing")
        return found

    def json(self, *names: str) -> Any:
        """Any JSON, also where it is written as a text; a text that is no JSON stays a text."""
        found = self.value(*names)
        if isinstance(found, str) and found.lstrip()[:1] in ("{", "["):
            try:
                found = orjson.loads(found)
            except orjson.JSONDecodeError:
                return found
        return None if found == {} else found

    def within(self, *names: str) -> Members:
        """An object inside this one; empty where it is not said, or is no object."""
        found = self.json(*names)
        return Members(found if isinstance(found, dict) else {}, f"{self._place}{names[0]}.")

    def wrong(self, name: str, what: str) -> BadLine:
        """The error that says so."""
        return BadLine(f"{self._place}{name} {what}")

    def number(self, *names: str) -> float | None:
        """A number, also where it is written as a text."""
        found = self.value(*names)
        if found is None:
            return None
        if isinstance(found, str):
            try:
                return float(found)
            except ValueError:
                raise self.wrong(names[0], f"must be a number, not {found[:40]!r}") from None
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise self.wrong(names[0], "must be a number")
        return found


def between_us(begin_us: int | None, end_us: int | None) -> int | None:
    """A duration between two moments; None where one is missing or they are the wrong way."""
    if begin_us is None or end_us is None or end_us < begin_us:
        return None
    return end_us - begin_us


def _moment_us(found: object) -> int | None:
    if isinstance(found, int | float) and not isinstance(found, bool):
        return round(found * (1e3 if found >= _MILLISECONDS_FROM else 1e6))
    if not isinstance(found, str):
        return None
    try:
        moment = datetime.fromisoformat(found)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1e6)
