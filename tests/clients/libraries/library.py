"""What every client can be asked to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from llmrouter.core.routing import DialectName
from tests.clients.scene import Failure, Told


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request is to carry."""

    stream: bool = False
    tools: bool = False
    schema: bool = False
    image: bool = False


class Library(Protocol):
    """A vendor's library, pointed at the router."""

    name: str
    dialect: DialectName
    hears: frozenset[str]
    """The classes of usage that its dialect can say: ``cached``, ``reasoning``."""
    unknown_tokens: int | None
    """What stands for tokens of a class that the vendor did not report."""
    keeps_signatures: bool
    """Whether its dialect has a place for what vendors sign."""

    async def ask(self, model: str, wish: Wish) -> Sequence[Told]:
        """The answers: one, or two when tools were called in between."""

    async def fail(self, model: str) -> Failure:
        """The error that the request comes to."""

    async def aclose(self) -> None:
        """Closes its connections."""
