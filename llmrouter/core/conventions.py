"""How OpenTelemetry's conventions for generative AI call what we call otherwise.

https://github.com/open-telemetry/semantic-conventions-genai
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CHAT: Final = "chat"
"""``gen_ai.operation.name`` of a request for an answer, in whatever dialect."""

PROVIDER_NAMES: Final[Mapping[str, str]] = {
    "google": "gcp.gemini",
    "kimi": "moonshot_ai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
"""Our names of providers that the convention calls otherwise."""


def provider_name(provider: str) -> str:
    """``gen_ai.provider.name`` of a provider of ours."""
    return PROVIDER_NAMES.get(provider, provider)
