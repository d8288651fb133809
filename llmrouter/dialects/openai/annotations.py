"""Citations as the annotations of a chat completion."""

from __future__ import annotations

from typing import Any

from llmrouter.core.chat.parts import Citation


class Spans:
    """Where in the answer each cited text part stands, counted in characters."""

    def __init__(self) -> None:
        self._start = 0
        self._end = 0
        self._pending: list[Citation] = []

    def extend(self, text: str) -> None:
        self._end += len(text)

    def cite(self, citation: Citation, dropped: list[str]) -> None:
        """Keeps a citation of a page; chat completions know no other ones."""
        if citation.url is None:
            dropped.append("citation")
        else:
            self._pending.append(citation)

    def end(self) -> list[dict[str, Any]]:
        """The annotations of the part that ends here."""
        annotations = [
            {
                "type": "url_citation",
                "url_citation": {
                    "url": citation.url,
                    "title": citation.title or "",
                    "start_index": self._start if citation.start is None else citation.start,
                    "end_index": self._end if citation.end is None else citation.end,
                },
            }
            for citation in self._pending
        ]
        self._pending.clear()
        self._start = self._end
        return annotations
