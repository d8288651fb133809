"""What a message is made of.

A part's ``at`` is where the client said it (``messages.2.content.0``), for naming what was lost;
it takes no part in comparisons.
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from llmrouter.core.records import record


@record
class CacheHint:
    """A provider may cut its prompt cache here; ``ttl`` as said (``5m``, ``1h``), or unsaid."""

    ttl: str | None = None


@record
class Citation:
    """Where a text comes from: a page (``url``) or one of the request's documents.

    ``start`` and ``end`` count characters of the answer's text, where the provider says so.
    """

    url: str | None = None
    title: str | None = None
    cited_text: str | None = None
    document_index: int | None = None
    start: int | None = None
    end: int | None = None


@record
class Inline:
    """Bytes inside the request; ``data`` is base64."""

    media_type: str
    data: str


@record
class Remote:
    """Bytes at an address that the provider fetches."""

    url: str


@record
class Uploaded:
    """Bytes that lie at one provider already; no other one knows the id."""

    file_id: str


@record
class PlainText:
    """A document that is text."""

    text: str


MediaSource = Inline | Remote | Uploaded
FileSource = Inline | Remote | Uploaded | PlainText


@record
class Text:
    text: str
    cache: CacheHint | None = None
    citations: tuple[Citation, ...] = ()
    at: str = field(default="", compare=False, repr=False)


@record
class Image:
    """``detail`` is how closely to look: low, high, auto."""

    source: MediaSource
    detail: str | None = None
    cache: CacheHint | None = None
    at: str = field(default="", compare=False, repr=False)


@record
class Audio:
    """``transcript`` belongs to audio that a model produced."""

    source: MediaSource
    transcript: str | None = None
    cache: CacheHint | None = None
    at: str = field(default="", compare=False, repr=False)


@record
class File:
    """A document; ``context`` is said of it to the model, ``cite`` asks for citations of it."""

    source: FileSource
    name: str | None = None
    context: str | None = None
    cite: bool = False
    cache: CacheHint | None = None
    at: str = field(default="", compare=False, repr=False)


@record
class Reasoning:
    """What a model thought.

    ``signature`` proves ``text``; ``encrypted`` replaces it.  Only ``origin``, the endpoint that
    made them, takes them back (`llmrouter.core.chat.sealing`).
    """

    text: str = ""
    signature: str | None = None
    encrypted: str | None = None
    origin: str | None = None
    id: str | None = None
    at: str = field(default="", compare=False, repr=False)


@record
class ToolCall:
    """A model asks for a tool.

    ``arguments`` is the text that the model wrote: JSON for a function, though perhaps broken,
    anything for a custom tool.  ``signature`` is reasoning that some providers bind to the call.
    """

    id: str
    name: str
    arguments: str
    kind: Literal["function", "custom"] = "function"
    signature: str | None = None
    origin: str | None = None
    cache: CacheHint | None = None
    at: str = field(default="", compare=False, repr=False)


@record
class ToolResult:
    """What a tool gave back for the call ``call_id``; ``name`` is the tool's, where known."""

    call_id: str
    parts: tuple[Text | Image | Audio | File, ...]
    is_error: bool = False
    name: str | None = None
    kind: Literal["function", "custom"] = "function"
    cache: CacheHint | None = None
    at: str = field(default="", compare=False, repr=False)


@record
class Refusal:
    """A model's words for why it does not answer."""

    text: str
    at: str = field(default="", compare=False, repr=False)


Part = Text | Image | Audio | File | Reasoning | ToolCall | ToolResult | Refusal
