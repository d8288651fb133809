"""A library's complaints, each once in a while: it would repeat them with every batch."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence


class Sparing(logging.Filter):
    """Lets a message pass that its logger has not said within the last ``every_s``, whatever it
    names; from `spare` until `stop`."""

    def __init__(self, loggers: Sequence[str], every_s: float) -> None:
        super().__init__()
        self._loggers = [logging.getLogger(name) for name in loggers]
        self._every_s = every_s
        self._said_at_s: dict[tuple[str, object], float] = {}

    def spare(self) -> None:
        """Begins to listen."""
        for logger in self._loggers:
            logger.addFilter(self)

    def stop(self) -> None:
        """Lets everything pass again."""
        for logger in self._loggers:
            logger.removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        said, now_s = (record.name, record.msg), time.monotonic()
        if now_s - self._said_at_s.get(said, -self._every_s) < self._every_s:
            return False
        self._said_at_s[said] = now_s
        return True
