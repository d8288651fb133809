"""Runs the migrations.

The one module that imports Alembic, which with what it brings along is a sixth of a start and
11 MB: it is loaded when there is something to migrate.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade(connection: Connection, folder: Path) -> None:
    """Up to the newest revision in the folder."""
    command.upgrade(_config(connection, folder), "head")


def downgrade(connection: Connection, folder: Path, revision: str) -> None:
    """Back to an older revision."""
    command.downgrade(_config(connection, folder), revision)


def _config(connection: Connection, folder: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
