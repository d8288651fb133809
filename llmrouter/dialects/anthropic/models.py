"""``GET /v1/models`` and ``/v1/models/{model}``, from names alone.

Shape: https://docs.anthropic.com/en/api/models-list.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any


def models_document(names: Sequence[str], created_s: int) -> dict[str, Any]:
    """All names on one page; ``created_s`` is when the configuration last changed."""
    return {
        "data": [model_document(name, created_s) for name in names],
        "has_more": False,
        "first_id": names[0] if names else None,
        "last_id": names[-1] if names else None,
    }


def model_document(name: str, created_s: int) -> dict[str, Any]:
    """One name."""
    created_at = datetime.fromtimestamp(created_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"type": "model", "id": name, "display_name": name, "created_at": created_at}
