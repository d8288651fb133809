"""A JSON object being read, field by field; what nobody reads is a loss and is said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmrouter.core.chat.losses import Losses
from llmrouter.dialects.documents import read_json


class Fields:
    """Typed access to an object of a client's request.

    A field that is absent, null, or not of the type asked for reads as None; the last is a loss.
    ``at`` is the object's place in the request.
    """

    def __init__(self, document: Mapping[str, Any], losses: Losses, at: str = "") -> None:
        self._document = document
        self._losses = losses
        self._read: set[str] = set()
        self.at = at

    def place(self, name: str) -> str:
        """Where a field stands in the request."""
        return f"{self.at}.{name}" if self.at else name

    def any(self, name: str) -> Any:
        """The field, whatever it is."""
        self._read.add(name)
        return self._document.get(name)

    def text(self, name: str) -> str | None:
        value = self.any(name)
        if isinstance(value, str):
            return value
        self._unfit(name, value, "text")
        return None

    def number(self, name: str) -> float | None:
        value = self.any(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        self._unfit(name, value, "a number")
        return None

    def integer(self, name: str) -> int | None:
        value = self.any(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self._unfit(name, value, "a whole number")
        return None

    def flag(self, name: str) -> bool | None:
        value = self.any(name)
        if isinstance(value, bool):
            return value
        self._unfit(name, value, "true or false")
        return None

    def mapping(self, name: str) -> Mapping[str, Any] | None:
        value = self.any(name)
        if isinstance(value, dict):
            return value
        self._unfit(name, value, "an object")
        return None

    def child(self, name: str) -> Fields | None:
        """The object in a field, to be read in its turn."""
        value = self.mapping(name)
        return None if value is None else Fields(value, self._losses, self.place(name))

    def children(self, name: str) -> Iterator[Fields]:
        """The objects of a list."""
        value = self.any(name)
        if not isinstance(value, list):
            self._unfit(name, value, "a list")
            return
        for index, item in enumerate(value):
            place = f"{self.place(name)}.{index}"
            if isinstance(item, dict):
                yield Fields(item, self._losses, place)
            else:
                self._losses.drop(place, "it is no object")

    def texts(self, name: str) -> tuple[str, ...]:
        """The strings of a list; a single string is a list of one."""
        value = self.any(name)
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list):
            self._unfit(name, value, "a list")
            return ()
        return tuple(item for item in value if isinstance(item, str))

    def drop(self, name: str, why: str) -> None:
        """Says that a field is lost, if it is there."""
        if self.any(name) is not None:
            self._losses.drop(self.place(name), why)

    def drop_all(self, why: str) -> None:
        """Says that the whole object is lost."""
        self._read.update(self._document)
        self._losses.drop(self.at, why)

    def ignore(self, *names: str) -> None:
        """Says that fields carry nothing of their own."""
        self._read.update(names)

    def drop_rest(self) -> None:
        """Says that what was not read is lost."""
        for name, value in self._document.items():
            if name not in self._read and value is not None:
                self._losses.drop(self.place(name), "there is no word for it outside its dialect")

    def _unfit(self, name: str, value: object, wanted: str) -> None:
        if value is not None:
            self._losses.drop(self.place(name), f"it is not {wanted}")


def compact(**members: Any) -> dict[str, Any]:
    """An object without the members that are None."""
    return {name: value for name, value in members.items() if value is not None}


def read_object(data: bytes) -> dict[str, Any]:
    """A JSON object from its text.  Raises ``ValueError`` for everything else."""
    document = read_json(data)
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one kind of error for bad JSON
    return document
