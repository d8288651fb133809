"""Takes secrets out of a text before it is stored, logged or sent on."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

MAX_LENGTH: Final = 512
HIDDEN: Final = "[redacted]"
MIN_SECRET_LENGTH: Final = 6  # a shorter "secret" (a test's `x`) would black out half the text

_PLAIN: Final = re.compile(r"[0-9A-Fa-f-]{1,64}")  # a UUID or its like, which no shape fits

_SHAPES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (
        re.compile(r"\b(Bearer|Basic|Token)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE),
        rf"\1 {HIDDEN}",
    ),
    # user:password in a URL
    (re.compile(r"\b([a-z][a-z0-9+.-]*://)[^\s/@]+@", re.IGNORECASE), rf"\1{HIDDEN}@"),
    # JSON Web Tokens: three base64url parts, the first an encoded `{"`
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"), HIDDEN),
    # OpenAI, Anthropic, OpenRouter, DeepSeek (sk-), Groq, xAI, Perplexity, NVIDIA, Cerebras,
    # Fireworks, Hugging Face, our own
    (
        re.compile(
            r"(?<![A-Za-z0-9])(?:sk|rk|pk|gsk|xai|pplx|nvapi|csk|fw|hf|tgp|lr)[-_][A-Za-z0-9_*-]{8,}"
        ),
        HIDDEN,
    ),
    (re.compile(r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{16,}"), HIDDEN),  # Google
    (re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{12,}"), HIDDEN),  # AWS
    # key=…, "api_key": "…", x-api-key: …, ?access_token=…
    (
        re.compile(
            r"(?i)((?:api[_-]?key|x-goog-api-key|[?&]key|access[_-]?token|secret|password|passwd)"
            r"[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;}{)]{4,}"
        ),
        rf"\1{HIDDEN}",
    ),
)


def without_secrets(data: bytes, secrets: Collection[str]) -> bytes:
    """The bytes without the secrets themselves; everything else stays as it is."""
    for secret in secrets:
        if len(secret) >= MIN_SECRET_LENGTH:
            data = data.replace(secret.encode(), HIDDEN.encode())
    return data


def redact(text: str, secrets: Collection[str] = (), *, max_length: int = MAX_LENGTH) -> str:
    """The text without anything that looks like a key, without the ``secrets`` themselves, and no
    longer than ``max_length`` characters."""
    # What stands beyond the limit goes anyway; some slack keeps a key that straddles it whole.
    text = text[: 4 * max_length]
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= MIN_SECRET_LENGTH:
            text = text.replace(secret, HIDDEN)
    if _PLAIN.fullmatch(text):
        return text
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text if len(text) <= max_length else text[: max_length - 1] + "…"
