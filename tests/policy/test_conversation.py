"""By what a conversation is known."""

from __future__ import annotations

import pytest

from llmrouter.core.requests import ChatRequest, Turn
from llmrouter.policy.conversation import conversation_id
from llmrouter.policy.envelope import authored_text


def request(*turns: Turn, hint: str | None = None) -> ChatRequest:
    return ChatRequest(
        dialect="openai",
        body=b"",
        document={},
        model=None,
        stream=False,
        include_usage=False,
        turns=turns,
        conversation_hint=hint,
    )


def known_as(chat: ChatRequest, headers: dict[str, str] | None = None) -> str | None:
    return conversation_id(headers or {}, chat, authored_text(chat.turns))


SYSTEM = Turn("system", "Be kind.")
HELLO = Turn("user", "hello")
OPENCLAW = Turn(
    "user",
    "[Fri 2026-11-20 17:50 UTC] hi\n\nRuntime: agent=main | sessionId=abc-1 | host=box",
)

ALL_HEADERS = {
    "x-session-affinity": "a:0",
    "x-session-id": "b",
    "session_id": "c",
    "session-id": "d",
    "x-claude-code-session-id": "e",
    "thread-id": "f",
}


def test_sources_are_asked_in_their_order() -> None:
    chat = request(SYSTEM, OPENCLAW, hint="cache-1")
    headers = dict(ALL_HEADERS)
    names = []
    for name in ALL_HEADERS:
        names.append(known_as(chat, headers))
        del headers[name]
    names.append(known_as(chat))
    names.append(known_as(request(SYSTEM, OPENCLAW)))

    assert names == [
        "header:a:0",
        "header:b",
        "header:c",
        "header:d",
        "header:e",
        "header:f",
        "body:cache-1",
        "openclaw:abc-1",
    ]


def test_an_empty_header_says_nothing() -> None:
    assert known_as(request(HELLO, hint="h"), {"x-session-id": "  "}) == "body:h"


def test_without_a_name_the_first_words_tell_it() -> None:
    begun = known_as(request(SYSTEM, HELLO))
    later = known_as(request(SYSTEM, HELLO, Turn("assistant", "hi"), Turn("user", "and then?")))

    assert begun is not None
    assert begun.startswith("text:")
    assert begun == later


@pytest.mark.parametrize(
    "other",
    [
        request(SYSTEM, Turn("user", "good morning")),
        request(Turn("system", "Be short."), HELLO),
        request(HELLO),
    ],
)
def test_other_first_words_are_another_conversation(other: ChatRequest) -> None:
    assert known_as(other) != known_as(request(SYSTEM, HELLO))


@pytest.mark.parametrize("turns", range(1, 8))
def test_a_conversation_keeps_its_name_as_it_goes_on(turns: int) -> None:
    said = [Turn("user", f"{n}. question") for n in range(turns)]
    assert known_as(request(SYSTEM, HELLO, *said)) == known_as(request(SYSTEM, HELLO))


def test_the_moment_in_an_agents_envelope_does_not_matter() -> None:
    at_ten = Turn("user", "[Fri 2026-11-20 10:00 UTC] hello")
    at_noon = Turn("user", "[Fri 2026-11-20 12:00 UTC] hello")

    assert known_as(request(SYSTEM, at_ten)) == known_as(request(SYSTEM, at_noon))


def test_a_request_without_any_words_has_no_conversation() -> None:
    assert known_as(request()) is None
    assert known_as(request(Turn("user", "", has_media=True))) is None


def test_names_are_bounded() -> None:
    name = known_as(request(HELLO), {"x-session-id": "s" * 5000})

    assert name is not None
    assert len(name) == 200


def test_broken_surrogates_do_no_harm() -> None:
    assert known_as(request(Turn("user", "\ud800"))) is not None
