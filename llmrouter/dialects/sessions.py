"""The session that a client names inside its body, so that a conversation can be followed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

MAX_CHARACTERS = 256

_PLACES = frozenset({"prompt_cache_key", "session_id", "metadata"})


def session_in(document: Mapping[str, Any]) -> str | None:
    """The first name found in ``prompt_cache_key``, ``session_id`` and ``metadata``."""
    if _PLACES.isdisjoint(document):
        return None
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        metadata = {}
    for value in (
        document.get("prompt_cache_key"),
        document.get("session_id"),
        metadata.get("session_id"),
        _session_of_user(metadata.get("user_id")),
    ):
        if isinstance(value, str) and value:
            return value[:MAX_CHARACTERS]
    return None


def _session_of_user(user_id: object) -> object:
    """Claude Code packs its session into ``metadata.user_id``: as JSON text, formerly as
    ``user_…_session_…``."""
    if not isinstance(user_id, str):
        return None
    if user_id.startswith("{"):
        try:
            return orjson.loads(user_id).get("session_id")
        except orjson.JSONDecodeError:
            return None
    _, separator, session = user_id.rpartition("_session_")
    return session if separator else None
