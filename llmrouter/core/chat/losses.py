"""What a translation could not say, and what it had to assume."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from llmrouter.core.clipping import clipped

_NUMBER = re.compile(r"(?<=\.)\d+(?=\.|$)")
_HEADER_CHARACTERS = 1_000
"""Well below what servers and proxies allow for one header line."""


class Losses:
    """Collects the fields that the target's dialect cannot say, each once, in order.

    A field is the client's own name for it, with its place: ``messages.2.content.0.cache_control``.
    ``names`` are the client's names for the settings of `ChatPrompt`, where they differ.
    """

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        self._names = names or {}
        self._dropped: dict[str, str] = {}
        self._assumed: dict[str, str] = {}

    def drop(self, field: str, why: str) -> None:
        """``field`` does not reach the provider."""
        self._dropped.setdefault(clipped(self._client_name(field)), clipped(why))

    def assume(self, field: str, why: str) -> None:
        """The provider needs ``field`` and the client did not say it; nothing is lost."""
        self._assumed.setdefault(clipped(self._client_name(field)), clipped(why))

    def _client_name(self, field: str) -> str:
        """The client's name, also for what lies below a named setting (``output.schema.title``)."""
        known, below = field, ""
        while known:
            if known in self._names:
                return self._names[known] + below
            known, separator, last = known.rpartition(".")
            below = separator + last + below
        return field

    @property
    def fields(self) -> tuple[str, ...]:
        """What was dropped."""
        return tuple(self._dropped)

    @property
    def notes(self) -> tuple[str, ...]:
        """One line for a person about each field, dropped ones first."""
        if not self._dropped and not self._assumed:
            return ()
        lines = [
            f"{field}: {why}" for field, why in (*self._dropped.items(), *self._assumed.items())
        ]
        return tuple(lines)


def translation_header(*, native: bool, dropped: Sequence[str]) -> str:
    """The value of ``x-llmrouter-translation``.

    Places are shown as ``*`` (``messages.*.content.*.cache_control``), each shape once.
    """
    if not dropped:
        return "native" if native else "lossless"
    shapes = list(dict.fromkeys(_NUMBER.sub("*", field) for field in dropped))
    value = "lossy; dropped=" + ",".join(_printable(shape) for shape in shapes)
    if len(value) <= _HEADER_CHARACTERS:
        return value
    cut = value.rfind(",", 0, _HEADER_CHARACTERS)
    return value[:cut] + ",..."


def _printable(field: str) -> str:
    """A field's name may be the client's invention; a header takes no control characters."""
    return "".join(c if c.isascii() and c.isprintable() and c not in ",; " else "?" for c in field)
