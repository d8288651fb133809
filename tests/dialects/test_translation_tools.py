"""Tools, the choice among them and their results, from one dialect to another."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dialects.translating import (
    ASKED,
    FUNCTION,
    TEXT,
    TO_ANTHROPIC,
    TO_OPENAI,
    TOOL,
    Json,
    anthropic_request,
    openai_request,
    send,
)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        (
            {"type": "tool", "name": "look"},
            {"tool_choice": {"type": "function", "function": {"name": "look"}}},
        ),
        (
            {"type": "any", "disable_parallel_tool_use": True},
            {"tool_choice": "required", "parallel_tool_calls": False},
        ),
    ],
)
def test_each_tool_choice_both_ways(theirs: Json, ours: Json) -> None:
    sent = send(TO_OPENAI, anthropic_request(tools=TOOL, tool_choice=theirs))
    back = send(TO_ANTHROPIC, openai_request(tools=FUNCTION, **ours))

    assert {name: sent.document[name] for name in ours} == ours
    assert back.document["tool_choice"] == theirs


def test_a_choice_among_several_tools_leaves_the_others_out_for_anthropic() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in "abc"]
    allowed = {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "required", "tools": [tools[0], tools[2]]},
    }

    sent = send(TO_ANTHROPIC, openai_request(tools=tools, tool_choice=allowed))

    assert [tool["name"] for tool in sent.document["tools"]] == ["a", "c"]
    assert sent.document["tool_choice"] == {"type": "any"}


class TestToolResults:
    def result(self, **members: Any) -> list[Json]:
        call = {"type": "tool_use", "id": "a", "name": "look", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "a", **members}
        return [
            *ASKED,
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
        ]

    def test_pictures_follow_the_results_as_the_users(self) -> None:
        picture = {"type": "image", "source": {"type": "url", "url": "https://lakes.example/a"}}

        sent = send(TO_OPENAI, anthropic_request(messages=self.result(content=[TEXT, picture])))

        assert sent.document["messages"][2:] == [
            {"role": "tool", "tool_call_id": "a", "content": "Which lake?"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "From the result of tool call a:"},
                    {"type": "image_url", "image_url": {"url": "https://lakes.example/a"}},
                ],
            },
        ]
        assert sent.losses == ()

    def test_that_a_tool_failed_is_a_loss_in_chat_completions(self) -> None:
        failed = self.result(content="no such city", is_error=True)

        sent = send(TO_OPENAI, anthropic_request(messages=failed))

        assert sent.document["messages"][2]["content"] == "no such city"
        assert sent.losses == ("messages.2.content.0.is_error",)

    def test_a_tool_that_gave_nothing_still_answered(self) -> None:
        sent = send(TO_OPENAI, anthropic_request(messages=self.result()))

        assert sent.document["messages"][2] == {
            "role": "tool",
            "tool_call_id": "a",
            "content": "",
        }

    def test_ids_and_arguments_are_made_to_fit_anthropic(self) -> None:
        function = {"name": "look", "arguments": "{broken"}
        call = {"id": "functions.look:0", "type": "function", "function": function}
        messages = [
            *ASKED,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "functions.look:0", "content": "ok"},
        ]

        sent = send(TO_ANTHROPIC, openai_request(messages=messages))

        use, result = (message["content"][0] for message in sent.document["messages"][1:])
        assert use["id"] == result["tool_use_id"] == "functions_look_0"
        assert use["input"] == {"arguments": "{broken"}
        assert sent.losses == ("messages.1.tool_calls.0.arguments",)
