"""Session names inside bodies."""

from __future__ import annotations

from typing import Any

import pytest

from llmrouter.dialects.sessions import session_in


@pytest.mark.parametrize(
    ("document", "session"),
    [
        ({}, None),
        ({"prompt_cache_key": "k", "session_id": "s"}, "k"),
        ({"prompt_cache_key": "", "session_id": "s"}, "s"),
        ({"prompt_cache_key": 7}, None),
        ({"metadata": {"session_id": "m"}}, "m"),
        ({"metadata": {"user_id": '{"device_id": "d", "session_id": "c"}'}}, "c"),
        ({"metadata": {"user_id": "user_1f_account__session_2e"}}, "2e"),
        ({"metadata": {"user_id": "{broken"}}, None),
        ({"metadata": {"user_id": "just-a-user"}}, None),
        ({"metadata": "text"}, None),
        ({"prompt_cache_key": "k" * 1_000}, "k" * 256),
    ],
)
def test_the_session_is_found_where_clients_put_it(
    document: dict[str, Any], session: str | None
) -> None:
    assert session_in(document) == session
