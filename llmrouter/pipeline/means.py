"""What calls are made with."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import field

from llmrouter.core.records import Record
from llmrouter.core.routing import AttemptKind
from llmrouter.pipeline.assigning import Assigner
from llmrouter.pipeline.availability import Availability
from llmrouter.pipeline.capacity import Capacity
from llmrouter.pipeline.knowledge import Knowledge
from llmrouter.pipeline.ports import Ledger, Upstream
from llmrouter.pipeline.repeats import Repeats
from llmrouter.pipeline.tails import Tails

Chance = Callable[[], float]
"""A number between 0 and 1, for jitter."""


class Means(Record):
    """Everything that a request's way through its candidates needs beside the request.

    ``kind`` is what its attempts are booked as.
    """

    upstream: Upstream
    availability: Availability
    ledger: Ledger
    assigner: Assigner
    knowledge: Knowledge
    repeats: Repeats
    tails: Tails
    chance: Chance
    capacity: Capacity = field(default_factory=Capacity)
    kind: AttemptKind = "chat"
