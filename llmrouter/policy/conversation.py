"""By what a conversation is known over its requests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from llmrouter.core.requests import ChatRequest
from llmrouter.policy.envelope import Authored, open_envelope
from llmrouter.policy.redaction import redact

MAX_LENGTH: Final = 200
SYSTEM_READ: Final = 4000
"""Characters of the system prompt that are hashed: agents append the date and the like to it."""

SESSION_HEADERS: Final[tuple[str, ...]] = (
    "x-session-affinity",
    "x-session-id",
    "session_id",
    "session-id",
    "x-claude-code-session-id",
    "thread-id",
)
"""Where clients say their session, the most specific first."""

_SESSION_HEADERS: Final = frozenset(SESSION_HEADERS)


def conversation_id(
    headers: Mapping[str, str],
    request: ChatRequest,
    authored: Authored,
    continued: str | None = None,
) -> str | None:
    """A short stable name of the conversation, with its source in front: ``header:…``, ``body:…``,
    ``openclaw:…``, or ``text:…`` for a hash of its first words.  None when there are none.

    Header names are in lower case.  ``continued`` is the name under which the reply is known that
    the request goes on from.
    """
    if not _SESSION_HEADERS.isdisjoint(headers):
        for name in SESSION_HEADERS:
            value = headers.get(name, "").strip()
            if value:
                return _named("header", value)
    if request.conversation_hint:
        return _named("body", request.conversation_hint)
    if continued is not None:
        return continued
    if authored.session:
        return _named("openclaw", authored.session)
    first_words = _first_words(request, authored)
    if first_words is None:
        return None
    return f"text:{_digest(first_words)}"


def _first_words(request: ChatRequest, authored: Authored) -> str | None:
    """The first system text and the first text that the person wrote."""
    system = ""
    for turn in request.turns:
        if turn.role in ("system", "developer"):
            system = turn.text
            break
    person = authored.first
    if person is None:
        opened = (open_envelope(t.text).text for t in request.turns if t.role == "user")
        person = next((text for text in opened if text), "")
    return f"{system[:SYSTEM_READ]}\n\n{person}" if system or person else None


def _named(source: str, session: str) -> str:
    """The session under its own name; one that looks like a key only by its hash."""
    session = session[:MAX_LENGTH]
    shown = session if redact(session) == session else _digest(session)
    return f"{source}:{shown}"[:MAX_LENGTH]


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
