"""What a message is made of.

A part's ``at`` is where the client said it (``messages.2.content.0``), for naming what was lost.
"""

from __future__ import annotations

from typing import Literal

from llmrouter.core.records import Record, Remarked


class CacheHint(Record):
    """A provider may cut its prompt cache here; ``ttl`` as said (``5m``, ``1h``), or unsaid."""

    ttl: str | None = None


class Citation(Record):
    """Where a text comes from: a page (``url``) or one of the request's documents.

    ``start`` and ``end`` count characters of the answer's text, where the provider says so.
    """

    url: str | None = None
    title: str | None = None
    cited_text: str | None = None
    document_index: int | None = None
    start: int | None = None
    end: int | None = None


class Inline(Record):
    """Bytes inside the request; ``data`` is base64."""

    media_type: str
    data: str


class Remote(Record):
    """Bytes at an address that the provider fetches."""

    url: str


class Uploaded(Record):
    """Bytes that lie at one provider already; no other one knows the id."""

    file_id: str


class PlainText(Record):
    """A document that is text."""

    text: str


class Placed(Remarked):
    """What a client said somewhere: its ``at`` takes no part in comparisons."""

    remarks = frozenset({"at"})


MediaSource = Inline | Remote | Uploaded
FileSource = Inline | Remote | Uploaded | PlainText


class Text(Placed):
    text: str
    cache: CacheHint | None = None
    citations: tuple[Citation, ...] = ()
    at: str = ""


class Image(Placed):
    """``detail`` is how closely to look: low, high, auto."""

    source: MediaSource
    detail: str | None = None
    cache: CacheHint | None = None
    at: str = ""


class Audio(Placed):
    """``transcript`` belongs to audio that a model produced."""

    source: MediaSource
    transcript: str | None = None
    cache: CacheHint | None = None
    at: str = ""


class File(Placed):
    """A document; ``context`` is said of it to the model, ``cite`` asks for citations of it."""

    source: FileSource
    name: str | None = None
    context: str | None = None
    cite: bool = False
    cache: CacheHint | None = None
    at: str = ""


class Reasoning(Placed):
    """What a model thought.

    ``signature`` proves ``text``; ``encrypted`` replaces it.  Only ``origin``, the endpoint that
    made them, takes them back (`llmrouter.core.chat.sealing`).
    """

    text: str = ""
    signature: str | None = None
    encrypted: str | None = None
    origin: str | None = None
    id: str | None = None
    at: str = ""


class ToolCall(Placed):
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
    at: str = ""


class ToolResult(Placed):
    """What a tool gave back for the call ``call_id``; ``name`` is the tool's, where known."""

    call_id: str
    parts: tuple[Text | Image | Audio | File, ...]
    is_error: bool = False
    name: str | None = None
    kind: Literal["function", "custom"] = "function"
    cache: CacheHint | None = None
    at: str = ""


class Refusal(Placed):
    """A model's words for why it does not answer."""

    text: str
    at: str = ""


Part = Text | Image | Audio | File | Reasoning | ToolCall | ToolResult | Refusal
