"""A chat completion in one piece."""

from __future__ import annotations

from typing import Any

import orjson

from llmrouter.core.errors import AttemptError
from llmrouter.dialects.documents import read_json, read_reply, write_document
from llmrouter.dialects.openai.errors import excerpt, read_error_document
from llmrouter.dialects.openai.watch import Watch


class CompletionBody:
    """Collects a body and reads it as a chat completion once it is whole."""

    def __init__(self, watch: Watch, body_bytes: int) -> None:
        self._watch = watch
        self._body_bytes = body_bytes
        self._body = bytearray()

    def feed(self, data: bytes) -> None:
        """Takes the next bytes.  Raises `AttemptError` (too_large)."""
        self._body += data
        if len(self._body) > self._body_bytes:
            raise AttemptError(
                "too_large", "body", f"the reply is longer than {self._body_bytes} bytes"
            )

    def read(self) -> tuple[dict[str, Any], bytes]:
        """The completion, and its bytes: as they came, unless something had to be set in it.

        Raises `AttemptError` (bad_body, truncated, error_body).
        """
        body = bytes(self._body)
        document = self._read_object(body)
        self._watch.require_no_error(document)
        choices = document.get("choices")
        if not isinstance(choices, list) or not any(isinstance(c, dict) for c in choices):
            if read_error_document(document) is not None and "choices" not in document:
                raise self._watch.read_error_event(document, body)
            raise self._watch.fault("bad_body", f"the reply holds no choices: {excerpt(body)}")
        is_changed = self._watch.read_choices(document, "message")
        is_changed |= self._watch.read_usage(document)
        # A whole reply is its own first token, even when it says nothing.
        self._watch.observed.first_token = True
        return document, write_document(document) if is_changed else body

    def _read_object(self, body: bytes) -> dict[str, Any]:
        try:
            document = read_reply(body.strip(), read_json)
        except orjson.JSONDecodeError:
            is_cut = body.lstrip().startswith(b"{") and not body.rstrip().endswith(b"}")
            raise self._watch.fault(
                "truncated" if is_cut else "bad_body",
                f"the reply is not valid JSON: {excerpt(body)}",
            ) from None
        if isinstance(document, dict):
            return document
        if read_error_document(document) is not None:
            raise self._watch.read_error_event(document, body)
        raise self._watch.fault("bad_body", f"the reply is no JSON object: {excerpt(body)}")
