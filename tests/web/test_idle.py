"""What an idle server has in memory, as far as modules go, and what the first request adds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from llmrouter.store.engine import DatabaseAddress
from tests.endings.process import served
from tests.provider import Provider
from tests.running import lab

UNUSED = (
    "alembic",  # there is nothing to migrate
    "httpcore",
    "httpx",  # the connections are our own
    "jsonschema",
    "llmrouter.demo",
    "llmrouter.importing",
    "llmrouter.pages",
    "llmrouter.replay",
    "llmrouter.reports",
    "mako",
    "opentelemetry",
    "pygments",
    "rich",  # it prints no table
    "sqlalchemy.dialects.postgresql",  # the ledger is a file
    "sqlalchemy.orm",  # rows are read as they are
)


@pytest.mark.parametrize("empty_database", ["sqlite"], indirect=True)
async def test_a_server_loads_no_module_that_it_does_not_use(
    empty_database: DatabaseAddress, tmp_path: Path
) -> None:
    async with (
        Provider() as provider,
        served(empty_database, lab(provider), tmp_path, PYTHONPROFILEIMPORTTIME="1") as server,
    ):
        assert (await server.http.get("/health")).status_code == 200
        before = loaded(server.log)
        assert {"llmrouter.web.health", "sqlalchemy"} <= before  # the log says what is loaded
        assert not before.intersection(UNUSED)

        assert (await server.chat()).status_code == 200
        assert loaded(server.log) - before == set()


def loaded(log: Path) -> set[str]:
    """The modules that a process under PYTHONPROFILEIMPORTTIME has told of."""
    return set(re.findall(r"^import time: .*\| +(\S+)$", log.read_text(), re.MULTILINE))
