"""The environment and `.env` as they are, and what is said when they cannot be used."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

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


def read_environment(env_file: Path | None, *, without_empty: bool = False) -> dict[str, str]:
    """Every variable; the environment wins over `.env`.  Raises `SettingsInvalid`."""
    return {
        name: value
        for variables in (_in_file(env_file), os.environ)
        for name, value in variables.items()
        if value is not None and (value or not without_empty)
    }


def _in_file(env_file: Path | None) -> Mapping[str, str | None]:
    """The variables in a file, if there is one (a pipe, for those who keep secrets elsewhere)."""
    if env_file is None:
        return {}
    try:
        if not (env_file.is_file() or env_file.is_fifo()):
            return {}
        return dotenv_values(env_file, encoding=ENCODING)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(
            [SettingFault(str(env_file), f"cannot be read: {error}; mend it or move it away")]
        ) from error
