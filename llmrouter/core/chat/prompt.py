"""A chat request in no vendor's words.

``None`` is "not said" everywhere: the provider's default then holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import field

from llmrouter.core.chat.parts import CacheHint, Part, Placed, Text
from llmrouter.core.records import Record

Role = Literal["system", "user", "assistant", "tool"]
"""``system`` is an instruction in the midst of a conversation (the leading ones are
`ChatPrompt.system`); ``tool`` messages hold tool results and nothing else."""

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

ServiceTier = Literal["auto", "default", "flex", "priority"]

EFFORTS: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Least first."""


class Message(Placed):
    """One turn; ``name`` tells speakers of one role apart."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    at: str = ""


class Tool(Placed):
    """A tool that the client runs.

    ``parameters`` is a JSON schema, None when the tool takes none or did not say.  A custom tool
    takes free text, in ``grammar`` (a vendor's object) where given.
    """

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] | None = None
    strict: bool | None = None
    kind: Literal["function", "custom"] = "function"
    grammar: Mapping[str, Any] | None = None
    cache: CacheHint | None = None
    at: str = ""


class ToolChoice(Record):
    """Whether tools may or must be called; with ``names``, only those."""

    mode: Literal["auto", "none", "required"]
    names: tuple[str, ...] = ()


class Sampling(Record):
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None


class Thinking(Record):
    """How much a model may think before it answers.

    ``mode``: ``on`` (within ``budget_tokens`` where given), ``adaptive`` (as it sees fit),
    ``off``.  ``effort`` is a wish on a scale.  ``shown`` asks for the thoughts in the reply.
    """

    mode: Literal["on", "adaptive", "off"] | None = None
    budget_tokens: int | None = None
    effort: Effort | None = None
    shown: bool | None = None


class JsonObject(Record):
    """The answer is some JSON object."""


class JsonSchema(Record):
    """The answer is JSON of this schema."""

    schema: Mapping[str, Any]
    name: str | None = None
    strict: bool | None = None
    description: str | None = None


OutputFormat = JsonObject | JsonSchema


class PromptCache(Record):
    """Hints for the whole prompt: requests of one ``key`` share a cache, kept for ``retention``;
    ``automatic`` lets the provider choose where to cut."""

    key: str | None = None
    retention: str | None = None
    automatic: CacheHint | None = None


class ChatPrompt(Record):
    """A whole request, but for the model and the credentials."""

    messages: tuple[Message, ...]
    system: tuple[Text, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    sampling: Sampling = Sampling()
    max_output_tokens: int | None = None
    stop: tuple[str, ...] = ()
    output: OutputFormat | None = None
    verbosity: str | None = None
    thinking: Thinking | None = None
    cache: PromptCache = PromptCache()
    user: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    service_tier: ServiceTier | None = None
    stream: bool = False
