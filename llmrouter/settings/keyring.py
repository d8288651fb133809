"""Where the providers' keys are found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from llmrouter.settings.environment import ENV_FILE, read_environment

# Other names under which the vendors' own manuals keep the same keys; docs/providers.md.
_VENDORS_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "GOOGLE_API_KEY": ("GEMINI_API_KEY",),
    "KIMI_API_KEY": ("MOONSHOT_API_KEY",),
    "QWEN_API_KEY": ("DASHSCOPE_API_KEY",),
    "GLM_API_KEY": ("ZAI_API_KEY", "ZHIPUAI_API_KEY"),
    "COHERE_API_KEY": ("CO_API_KEY",),
}
_SECRET_NAME: Final = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)$", re.IGNORECASE)
_SHORTEST_GUESSED_SECRET: Final = 8  # `USE_KEY=yes` is none


class Keyring:
    """The providers' keys.  A snapshot of the environment: a key that changes needs a restart."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._asked: set[str] = set()
        self._secrets: frozenset[str] | None = None

    def key(self, variable: str) -> str | None:
        """The secret in a variable, or in the one that the vendor's own manual names for it."""
        for name in (variable, *_VENDORS_NAMES.get(variable, ())):
            value = self.value(name)
            if value is not None:
                if value not in self._asked:
                    self._asked.add(value)
                    self._secrets = None
                return value
        return None

    def value(self, variable: str) -> str | None:
        """What a variable holds that is no secret; None when it is not set or blank."""
        return self._environment.get(variable, "").strip() or None

    def beginning_with(self, prefix: str) -> dict[str, str]:
        """Every variable of a library's that it would otherwise look for by itself."""
        return {name: value for name, value in self._environment.items() if name.startswith(prefix)}

    def secrets(self) -> frozenset[str]:
        """Everything that must not appear anywhere: what looks like a secret by its variable's
        name, whatever was asked for as a key, and the database's password."""
        if self._secrets is None:  # asked for by every request
            self._secrets = self._find_secrets()
        return self._secrets

    def _find_secrets(self) -> frozenset[str]:
        named = (
            value.strip()
            for name, value in self._environment.items()
            if _SECRET_NAME.search(name) and len(value.strip()) >= _SHORTEST_GUESSED_SECRET
        )
        return frozenset((*named, *self._asked, *self._database_password()))

    def _database_password(self) -> tuple[str, ...]:
        url = self._environment.get("LLMROUTER_DATABASE_URL", "")
        found = re.match(r"[^:/]+://[^:@/]*:([^@]+)@", url)
        return (found[1], unquote(found[1])) if found else ()

    def __repr__(self) -> str:
        return f"Keyring({len(self._environment)} variables)"


def read_keyring(*, env_file: Path | None = ENV_FILE) -> Keyring:
    """The keys that the environment and `.env` hold.  Raises `SettingsInvalid`."""
    return Keyring(read_environment(env_file))
