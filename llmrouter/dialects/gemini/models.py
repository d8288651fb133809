"""``GET /v1beta/models`` and ``/v1beta/models/{model}``, from names alone.

Shape: as Google's Python library reads it (``_Model_from_mldev``, 2026-08-21).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmrouter.dialects.fields import compact

_METHODS = ("generateContent", "countTokens")


def model_document(
    name: str, *, input_token_limit: int | None = None, output_token_limit: int | None = None
) -> dict[str, Any]:
    """One model; limits that are not known are left out."""
    return compact(
        name=f"models/{name}",
        baseModelId=name,
        version="1",
        displayName=name,
        inputTokenLimit=input_token_limit,
        outputTokenLimit=output_token_limit,
        supportedGenerationMethods=list(_METHODS),
    )


def models_document(
    models: Iterable[dict[str, Any]], *, page_size: int | None = None, page_token: str | None = None
) -> dict[str, Any]:
    """A page of a list; the token of the next page is the number of models before it.

    A token that is none of ours begins at the first page.
    """
    every = list(models)
    start = int(page_token) if page_token and page_token.isdecimal() else 0
    end = len(every) if not page_size or page_size < 1 else start + page_size
    next_token = str(end) if end < len(every) else None
    return compact(models=every[start:end], nextPageToken=next_token)
