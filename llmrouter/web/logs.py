"""Keeps secrets out of the logs."""

from __future__ import annotations

import logging

from llmrouter.pipeline.ports import Keyring
from llmrouter.policy.redaction import redact

LONGEST_LINE_CHARACTERS = 20_000


class RedactingFilter(logging.Filter):
    """Redacts a record's text, its traceback included, before it is written."""

    def __init__(self, keyring: Keyring) -> None:
        super().__init__()
        self._keyring = keyring
        self._formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if record.exc_info and not record.exc_text:
            record.exc_text = self._formatter.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._clean(record.exc_text)
        record.msg, record.args = self._clean(text), ()
        return True

    def _clean(self, text: str) -> str:
        return redact(text, self._keyring.secrets(), max_length=LONGEST_LINE_CHARACTERS)
