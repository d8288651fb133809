"""``/api/tags``, ``/api/show``, ``/api/ps`` and ``/api/version``, from names alone.

Shapes: docs/api.md and api/types.go of github.com/ollama/ollama, 2026-08-21.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from llmrouter.dialects.ollama.reply_encoder import write_time

_ARCHITECTURE = "llmrouter"
"""Clients look for a model's context length under the name of its architecture."""


def tags_document(names: Iterable[str], modified_s: int) -> dict[str, Any]:
    """The list of models; ``modified_s`` is when the configuration last changed."""
    return {"models": [_tag(name, modified_s) for name in names]}


def show_document(
    *,
    modified_s: int,
    context_tokens: int | None = None,
    tools: bool | None = None,
    vision: bool | None = None,
    thinking: bool | None = None,
) -> dict[str, Any]:
    """One model; a capability that is not known is not claimed, but for completion."""
    claimed = (("tools", tools), ("vision", vision), ("thinking", thinking))
    info: dict[str, Any] = {"general.architecture": _ARCHITECTURE}
    if context_tokens is not None:
        info[f"{_ARCHITECTURE}.context_length"] = context_tokens
    return {
        "modelfile": "",
        "parameters": "",
        "template": "",
        "details": _details(),
        "model_info": info,
        "capabilities": ["completion", *(name for name, has_it in claimed if has_it)],
        "modified_at": write_time(modified_s),
    }


def running_document() -> dict[str, Any]:
    """The models in memory: a router holds none."""
    return {"models": []}


def version_document(version: str) -> dict[str, Any]:
    """Our own version, in the place of Ollama's."""
    return {"version": version}


def _tag(name: str, modified_s: int) -> dict[str, Any]:
    return {
        "name": name,
        "model": name,
        "modified_at": write_time(modified_s),
        "size": 0,
        # Clients tell models apart by it.
        "digest": hashlib.sha256(name.encode()).hexdigest(),
        "details": _details(),
    }


def _details() -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "",
        "family": _ARCHITECTURE,
        "families": [_ARCHITECTURE],
        "parameter_size": "",
        "quantization_level": "",
    }
