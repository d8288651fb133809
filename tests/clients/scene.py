"""What is asked, what is answered, and how both look whatever the dialect."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

SYSTEM = "You keep a lighthouse."
QUESTION = "How many lamps are lit?"
THOUGHT = "Two on the pier, one on the rock."
ANSWER = "Three — and the “old” one is out. ⚓"
CUT_ANSWER = "Three lamps, and then"
MAX_TOKENS = 256
TEMPERATURE = 0.5

TOOL_NAME = "read_tide"
TOOL_WORDS = "Reads the tide at a port."
TOOL_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "port": {"type": "string", "description": "Where."},
        "hours": {"type": "integer"},
    },
    "required": ["port", "hours"],
}
CALLS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    (TOOL_NAME, {"port": "Brest", "hours": 6}),
    (TOOL_NAME, {"port": "Dover", "hours": 12}),
)
RESULTS = ("3.1 m", "5.4 m")
SIGNATURE = base64.b64encode(b"signed by the vendor").decode()
"""What a vendor signs its thoughts with; it must come back with the tools' results."""

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "lamps": {"type": "integer"},
        "colour": {"type": "string", "enum": ["white", "red"]},
    },
    "required": ["lamps", "colour"],
    "additionalProperties": False,
}
JSON_ANSWER = '{"lamps": 3, "colour": "red"}'

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)

REFUSAL = "the lighthouse takes no such order"

INPUT_TOKENS, CACHED_TOKENS, OUTPUT_TOKENS, REASONING_TOKENS = 30, 12, 9, 4
"""All input, the part of it from a cache; all output, the part of it that is reasoning."""

Scenario = Literal["plain", "stream", "tools", "stream tools", "schema", "image", "errors"]
SCENARIOS: tuple[Scenario, ...] = (
    "plain",
    "stream",
    "tools",
    "stream tools",
    "schema",
    "image",
    "errors",
)

Finish = Literal["stop", "length", "tools"]


@dataclass(frozen=True, slots=True)
class Turn:
    """What a vendor's model answers."""

    text: str = ""
    thought: str = ""
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    finish: Finish = "stop"


@dataclass(frozen=True, slots=True)
class Said:
    """One thing in a conversation: a text, a picture, a call, or a call's result."""

    role: Literal["user", "assistant"]
    kind: Literal["text", "image", "call", "result"]
    value: Any


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a vendor understands it.

    ``signatures`` are the vendor's own that came back; ``foreign`` names fields that its manual
    does not have.
    """

    system: str
    said: tuple[Said, ...]
    max_tokens: int | None
    temperature: float | None
    tools: tuple[tuple[str, str, Mapping[str, Any]], ...] = ()
    schema: Mapping[str, Any] | None = None
    stream: bool = False
    signatures: tuple[str, ...] = ()
    foreign: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Counted:
    """Usage; None is what a dialect cannot say."""

    input: int | None
    cached: int | None
    output: int | None
    reasoning: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as a library gives it to its user."""

    text: str
    finish: Finish
    counted: Counted
    thought: str = ""
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as a library raises it: the class that its user catches, and what it says."""

    is_bad_request: bool
    is_rate_limit: bool
    message: str


def turn_for(model: str, *, has_results: bool) -> Turn:
    """What the model of this name answers."""
    match model.partition("-")[0]:
        case "plain":
            return Turn(ANSWER, THOUGHT)
        case "cut":
            return Turn(CUT_ANSWER, THOUGHT, finish="length")
        case "tools" if not has_results:
            return Turn("", THOUGHT, CALLS, "tools")
        case "schema":
            return Turn(JSON_ANSWER)
        case _:
            return Turn(ANSWER)
