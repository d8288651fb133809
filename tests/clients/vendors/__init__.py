"""Upstreams of each dialect, written from the vendors' manuals; tests/contract/*/README.md names
the pages.  Nothing here is made with the router's own encoders.
"""

from __future__ import annotations

from collections.abc import Mapping

from llmrouter.core.routing import DialectName
from tests.clients.vendors import anthropic, gemini, ollama, openai, responses
from tests.clients.vendors.vendor import Vendor

VENDORS: Mapping[DialectName, Vendor] = {
    "openai": openai.VENDOR,
    "responses": responses.VENDOR,
    "anthropic": anthropic.VENDOR,
    "gemini": gemini.VENDOR,
    "ollama": ollama.VENDOR,
}
