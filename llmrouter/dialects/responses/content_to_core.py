"""The content of messages and of tool outputs, read as parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmrouter.core.chat.parts import (
    Audio,
    CacheHint,
    Citation,
    File,
    Image,
    Inline,
    MediaSource,
    Part,
    Refusal,
    Remote,
    Text,
    Uploaded,
)
from llmrouter.dialects.fields import Fields

_AUDIO_TYPES = {"mp3": "audio/mpeg"}
_CITED = ("type", "url", "title", "start_index", "end_index")


def read_content(holder: Fields, name: str) -> Iterator[Part]:
    """The parts of a ``content`` or ``output``, which is a text or a list."""
    content = holder.any(name)
    if isinstance(content, str):
        if content:
            yield Text(content, at=holder.place(name))
        return
    for part in holder.children(name):
        read = _read_part(part)
        if read is None:
            part.drop_all(f"there is no word for a {part.any('type')!r} outside its dialect")
        else:
            part.drop_rest()
            yield read


def read_url(url: str) -> MediaSource:
    """Bytes inside a ``data:`` address, or the address."""
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:")):
        return Remote(url)
    media_type, *options = head.removeprefix("data:").split(";")
    return Inline(media_type or "text/plain", data) if "base64" in options else Remote(url)


def read_citation(annotation: Mapping[str, Any]) -> Citation | None:
    """A citation of a page; other annotations point at files that lie at the provider."""
    match annotation:
        case {"type": "url_citation", "url": str(url)}:
            title = annotation.get("title")
            start, end = annotation.get("start_index"), annotation.get("end_index")
            return Citation(
                url=url,
                title=title if isinstance(title, str) else None,
                start=start if isinstance(start, int) else None,
                end=end if isinstance(end, int) else None,
            )
        case _:
            return None


def _read_part(part: Fields) -> Part | None:
    match part.any("type"):
        case "input_text" | "text":
            return Text(part.text("text") or "", cache=_read_cache_hint(part), at=part.at)
        case "output_text":
            return _read_output_text(part)
        case "refusal":
            return Refusal(part.text("refusal") or "", at=part.at)
        case "input_image":
            return _read_image(part)
        case "input_file":
            return _read_file(part)
        case "input_audio":
            return _read_audio(part)
        case _:
            return None


def _read_cache_hint(part: Fields) -> CacheHint | None:
    hint = part.child("prompt_cache_breakpoint")
    if hint is None:
        return None
    hint.drop("ttl", "other vendors keep their caches for other times")
    return CacheHint()


def _read_output_text(part: Fields) -> Text:
    citations: list[Citation] = []
    for annotation in part.children("annotations"):
        citation = read_citation({name: annotation.any(name) for name in _CITED})
        if citation is None:
            annotation.drop_all("what it points at lies at another vendor")
        else:
            citations.append(citation)
    if not part.any("logprobs"):
        part.ignore("logprobs")
    return Text(part.text("text") or "", citations=tuple(citations), at=part.at)


def _read_image(part: Fields) -> Image | None:
    url, file_id = part.text("image_url"), part.text("file_id")
    if url is not None:
        source = read_url(url)
    elif file_id is not None:
        source = Uploaded(file_id)
    else:
        return None
    return Image(source, part.text("detail"), cache=_read_cache_hint(part), at=part.at)


def _read_file(part: Fields) -> File | None:
    data, url = part.text("file_data"), part.text("file_url")
    file_id = part.text("file_id")
    if data is not None:
        # Bare base64 is a PDF, the only document there was before files came as addresses.
        bare = f"data:application/pdf;base64,{data}"
        source = read_url(data if data.startswith("data:") else bare)
    elif url is not None:
        source = Remote(url)
    elif file_id is not None:
        source = Uploaded(file_id)
    else:
        return None
    return File(source, name=part.text("filename"), cache=_read_cache_hint(part), at=part.at)


def _read_audio(part: Fields) -> Audio | None:
    match part.any("input_audio"):
        case {"data": str(data), "format": str(kind)}:
            return Audio(Inline(_AUDIO_TYPES.get(kind, f"audio/{kind}"), data), at=part.at)
        case _:
            return None
