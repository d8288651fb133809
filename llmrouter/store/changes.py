"""How the nodes of one database learn that something they share was changed.

Each topic has a number, which is counted up in the transaction of the change itself: whoever sees
the new number sees the change, too.  Nodes look at the numbers twice a second, in one query of a
few rows, and read a topic's tables when its number is another than before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, select

from llmrouter.store.engine import kind_of
from llmrouter.store.schema import change
from llmrouter.store.statements import run, statements_for

AVAILABILITY: Final = "availability"
"""Breakers, account locks and cooldowns."""

CONFIGURATION: Final = "configuration"
"""The router configuration's versions."""

PRICES: Final = "prices"
"""Price cards."""


def announce(connection: Connection, topic: str) -> None:
    """Tells the other nodes of a change that this transaction makes; to be done last in it."""
    run(connection, statements_for(kind_of(connection)).announce, [(topic,)])


def change_numbers(connection: Connection) -> Mapping[str, int]:
    """Every topic's number; a topic that was never changed has none."""
    found = connection.execute(select(change.c.topic, change.c.number))
    return {row.topic: row.number for row in found}
