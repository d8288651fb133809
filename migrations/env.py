"""Runs the migrations on the connection that `llmrouter.store.migrate` hands over.

Called by the `alembic` command instead, it opens the database of LLMROUTER_DATABASE_URL itself.
Either way it is one transaction, views included: a process that is killed half-way leaves the old
schema whole.
"""

import os
from pathlib import Path

from alembic import context
from sqlalchemy import Connection

from llmrouter.store.engine import open_for_writing, prepare_file, read_address
from llmrouter.store.migrate import create_views, drop_views, newest_revision, revision_of
from llmrouter.store.schema import metadata


def run(connection: Connection) -> None:
    # Views are no part of the migrations: they always are those of the newest schema.
    drop_views(connection)
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
    context.run_migrations()
    if revision_of(connection) == newest_revision():
        create_views(connection)


def run_by_command() -> None:
    address = read_address(os.environ.get("LLMROUTER_DATABASE_URL"), Path.cwd())
    prepare_file(address)
    engine = open_for_writing(address)
    try:
        with engine.begin() as connection:
            run(connection)
    finally:
        engine.dispose()


handed_over = context.config.attributes.get("connection")
if handed_over is None:
    run_by_command()
else:
    run(handed_over)
