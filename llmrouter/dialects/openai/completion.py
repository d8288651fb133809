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

    def feed(self, data: bytes) -> tuple[bytes, ...]:
        """Takes the next bytes, of which the client gets none yet.

        Raises `AttemptError` (too_large).
        """
        self._body += data
        if len(self._body) > self._body_bytes:
            raise AttemptError(
                "too_large", "body", f"the reply is longer than {self._body_bytes} bytes"
            )
        return ()

    def finish(self) -> tuple[bytes, bytes]:
        """The completion as it came."""
        return b"", self.read()[1]

    def read(self) -> tuple[dict[str, Any], bytes]:
        """The completion, and its bytes: as they came, unless something had to be set in it.

        Raises `AttemptError` (bad_body, truncated, error_body).
        """
        body, watch = bytes(self._body), self._watch
        try:
            document = read_reply(body.strip(), read_json)
        except orjson.JSONDecodeError:
            raise self._unreadable(body) from None
        if not isinstance(document, dict):
            raise self._no_completion(document, body, "is no JSON object")
        watch.require_no_error(document)
        choices = document.get("choices")
        if not isinstance(choices, list) or dict not in map(type, choices):
            raise self._no_completion(document, body, "holds no choices")
        is_changed = watch.read_choices(document, "message")
        is_changed |= watch.read_usage(document)
        # A whole reply is its own first token, even when it says nothing.
        watch.observed.first_token = True
        return document, write_document(document) if is_changed else body

    def _unreadable(self, body: bytes) -> AttemptError:
        is_cut = body.lstrip().startswith(b"{") and not body.rstrip().endswith(b"}")
        return self._watch.fault(
            "truncated" if is_cut else "bad_body", f"the reply is not valid JSON: {excerpt(body)}"
        )

    def _no_completion(self, document: Any, body: bytes, what: str) -> AttemptError:
        """The error that the document is, in whatever form; else what is wrong with it."""
        says_choices = isinstance(document, dict) and "choices" in document
        if not says_choices and read_error_document(document) is not None:
            return self._watch.read_error_event(document, body)
        return self._watch.fault("bad_body", f"the reply {what}: {excerpt(body)}")
