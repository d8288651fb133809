"""The configuration file: imported at the start, then watched."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from llmrouter.core.errors import ConfigurationInvalid, Overloaded
from llmrouter.core.ledger import ConfigurationVersion
from llmrouter.pipeline.active import ActiveConfiguration

CONFIG_FILE = "router_config.json"
"""Imported from the working directory when it is there and no other file is named."""

WATCH_EVERY_S = 1.0

_log = logging.getLogger(__name__)


async def import_at_start(configuration: ActiveConfiguration, named: Path | None) -> None:
    """A file that was named must be there and valid; the one that lies around need not exist."""
    path = named or Path(CONFIG_FILE)
    if named is None and not path.exists():
        return
    imported = await configuration.load_file(path)
    if imported is not None:
        _log_import(path, imported)


async def watch(configuration: ActiveConfiguration, path: Path) -> None:
    """Imports the file whenever it changes.  One that does not validate is told of and leaves
    the running version in place."""
    seen: int | None = None  # so that what changed since it was imported is found at once
    while True:
        await asyncio.sleep(WATCH_EVERY_S)
        modified_ns = await asyncio.to_thread(_modified_ns, path)
        if modified_ns in (seen, None):
            continue
        seen = modified_ns
        try:
            imported = await configuration.load_file(path)
        except ConfigurationInvalid as error:
            _log.error("the running configuration stays: %s", error)  # no trace
            continue
        except Overloaded as error:
            _log.warning("%s is not imported yet: %s", path, error)
            seen = None
            continue
        if imported is not None:
            _log_import(path, imported)


def _modified_ns(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _log_import(path: Path, version: ConfigurationVersion) -> None:
    _log.info("%s imported as configuration version %d", path, version.number)
