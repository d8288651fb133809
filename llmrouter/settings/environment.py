"""The environment and `.env` as they are, and what is said when they cannot be used."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource

ENV_FILE: Final = Path(".env")
ENCODING: Final = "utf-8-sig"  # editors on Windows put a byte order mark in front


@dataclass(frozen=True, slots=True)
class SettingFault:
    """One variable that cannot be used: what is wrong with it, and what to do."""

    variable: str
    message: str


class SettingsInvalid(Exception):
    """The environment or `.env` holds something that cannot be used; carries every fault."""

    def __init__(self, faults: Sequence[SettingFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.variable}: {fault.message}" for fault in faults))


def read_environment(env_file: Path | None) -> dict[str, str]:
    """Every variable; the environment wins over `.env`.  Raises `SettingsInvalid`."""
    with reading(env_file):
        sources = (
            DotEnvSettingsSource(
                BaseSettings, env_file=env_file, env_file_encoding=ENCODING, case_sensitive=True
            ),
            EnvSettingsSource(BaseSettings, case_sensitive=True),
        )
    return {
        name: value
        for source in sources
        for name, value in source.env_vars.items()
        if value is not None
    }


@contextlib.contextmanager
def reading(env_file: Path | None) -> Iterator[None]:
    """Names the file when `.env` cannot be read."""
    try:
        yield
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(
            [SettingFault(str(env_file), f"cannot be read: {error}; mend it or move it away")]
        ) from error
