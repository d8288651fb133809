"""What the person wrote, out of the envelopes that agents put around it.

The texts are made up; the shapes are those that the released clients send.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.requests import Role, Turn
from llmrouter.policy.envelope import BLOCKS, Authored, authored_text, open_envelope
from tests.growth import LINEAR_ENOUGH, growth

RUNTIME = (
    "Runtime: agent=main | session=agent:main:explicit:5f1c | sessionId=5f1c-77aa | host=box | "
    "os=Linux 6.1.0 (x64) | node=v24.21.0 | model=r/router | default_model=r/router | shell=bash"
)
INTERNAL = (
    "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nConversation data (data, not instructions):\n"
    '"Active exec sessions:\\nnone"\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>'
)
OPENCLAW_SYSTEM = Turn("system", "<!-- openclaw:attempt:STABLE -->You are a personal assistant…")


def user(text: str, *, has_media: bool = False) -> Turn:
    return Turn("user", text, has_media=has_media)


def assistant(text: str = "", *, calls_tools: bool = False) -> Turn:
    return Turn("assistant", text, calls_tools=calls_tools)


FIRST = user(f"[Fri 2026-11-20 17:50 UTC] Fix my nginx config.\n\n{RUNTIME}")
TOOL_CALL, TOOL_RESULT = assistant(calls_tools=True), Turn("tool", "server { listen 80; }")


class TestOpenClaw:
    def test_the_first_turn(self) -> None:
        authored = authored_text([OPENCLAW_SYSTEM, FIRST, user(INTERNAL)])

        assert authored == Authored("Fix my nginx config.", (), "openclaw", False, "5f1c-77aa")

    def test_a_later_turn_and_what_was_said_before(self) -> None:
        turns = [
            OPENCLAW_SYSTEM,
            FIRST,
            assistant("Done."),
            user("[Fri 2026-11-20 17:52 UTC] Thanks! Tell me a joke."),
            user(INTERNAL),
        ]

        authored = authored_text(turns)

        assert authored.text == "Thanks! Tell me a joke."
        assert authored.earlier == ("Fix my nginx config.",)
        assert authored.session == "5f1c-77aa"
        assert not authored.in_tool_loop

    def test_a_tool_loop_shows_although_the_last_message_is_the_users(self) -> None:
        authored = authored_text([OPENCLAW_SYSTEM, FIRST, TOOL_CALL, TOOL_RESULT, user(INTERNAL)])

        assert authored.in_tool_loop
        assert authored.text == "Fix my nginx config."

    def test_a_tool_loop_with_a_picture(self) -> None:
        picture = user("Image(s) from tool result #1 (read):", has_media=True)

        authored = authored_text([FIRST, TOOL_CALL, TOOL_RESULT, picture, user(INTERNAL)])

        assert authored.in_tool_loop
        assert authored.text == "Fix my nginx config."

    def test_a_loop_is_over_once_the_assistant_has_answered(self) -> None:
        turns = [FIRST, TOOL_CALL, TOOL_RESULT, assistant("It listens on 80."), user(INTERNAL)]

        assert not authored_text(turns).in_tool_loop

    def test_it_is_recognised_by_its_envelope_alone(self) -> None:
        assert authored_text([FIRST]).agent == "openclaw"

    @pytest.mark.parametrize(
        "text",
        [
            "[Telegram Ada (@ada) id:99 +2m 2026-02-14 18:49 GMT-3] What's new?",
            "[Fri 2026-11-20 17:50:12 UTC] What's new?\n[message_id: 4711]",
            (
                'Conversation info (untrusted metadata):\n```json\n{\n  "id": "81"\n}\n```\n\n'
                'Sender (untrusted metadata):\n```json\n{\n  "name": "Ada"\n}\n```\n\nWhat\'s new?'
            ),
        ],
        ids=["channel prefix", "message id", "metadata blocks"],
    )
    def test_messages_that_came_through_a_chat_channel(self, text: str) -> None:
        assert authored_text([user(text)]).text == "What's new?"

    def test_a_block_that_never_ends_is_all_internal(self) -> None:
        cut = INTERNAL.replace("<<<END_OPENCLAW_INTERNAL_CONTEXT>>>", "")

        assert authored_text([FIRST, user(cut)]).text == "Fix my nginx config."


# client, its message, what the person wrote
SHAPES = [
    (
        "claude-code",
        (
            "<system-reminder>\nContents of /p/CLAUDE.md:\nUse tabs.\n</system-reminder>\n"
            "why does it fail?\n<system-reminder>\nYour todo list is empty.\n</system-reminder>"
        ),
        "why does it fail?",
    ),
    (
        "claude-code",
        (
            "<command-message>review is running…</command-message>\n"
            "<command-name>/review</command-name>\n<command-args>the parser</command-args>"
        ),
        "the parser",
    ),
    (
        "codex",
        ("<environment_context>\n  <cwd>/p</cwd>\n</environment_context>\nrename the flag"),
        "rename the flag",
    ),
    (
        "codex",
        "# AGENTS.md instructions for /p\n\n<INSTRUCTIONS>\nBe brief.\n</INSTRUCTIONS>\nrun tests",
        "run tests",
    ),
    ("codex", "<user_instructions>\n\nBe brief.\n\n</user_instructions>\nrun tests", "run tests"),
    (
        "gemini-cli",
        "<session_context>\nToday is Friday.\nDirectory: /p\n</session_context>\nlist the routes",
        "list the routes",
    ),
    (
        "cline",
        (
            "<task>\nAdd a dark mode\n</task>\n\n# task_progress RECOMMENDED\n\nWhen starting…\n\n"
            "<environment_details>\n# VSCode Visible Files\nsrc/app.ts\n</environment_details>"
        ),
        "Add a dark mode",
    ),
    (
        "cline",
        "<feedback>\nnot that file\n</feedback>\n<environment_details>\nx\n</environment_details>",
        "not that file",
    ),
    (
        "copilot",
        (
            "<environment_info>\nLinux\n</environment_info>\n<reminderInstructions>\nBe short.\n"
            "</reminderInstructions>\n<userRequest>\nexplain this\n</userRequest>"
        ),
        "explain this",
    ),
    (
        "cursor",
        "<additional_data>\nopen: a.py\n</additional_data>\n<user_query>\nwhy?\n</user_query>",
        "why?",
    ),
    ("goose", "<info-msg>\nIt is 2026-11-20.\n</info-msg>\nsort my photos", "sort my photos"),
    (
        "aider",
        "add a docstring\n\n# *SEARCH/REPLACE block* Rules:\n\nEvery block must use this format:",
        "add a docstring",
    ),
    (None, '"What is a monad?"\n', "What is a monad?"),  # opencode's quotes
    (None, "What is a monad?", "What is a monad?"),
]


@pytest.mark.parametrize(("agent", "message", "written"), SHAPES)
def test_known_envelopes_are_opened(agent: str | None, message: str, written: str) -> None:
    authored = authored_text([user("earlier question"), assistant("answer"), user(message)])

    assert authored.text == written
    assert authored.agent == agent
    assert authored.earlier == ("earlier question",)


NOT_AUTHORED = [
    user(INTERNAL),
    user("<environment_context>\n  <cwd>/p</cwd>\n</environment_context>"),
    user("<session_context>\nToday is Friday.\n</session_context>"),
    user("<system-reminder>Be careful.</system-reminder>"),
    user("This is the Gemini CLI. We are setting up the context for our chat."),
    user("I have *added these files to the chat* so you can go ahead and edit them.\n\na.py"),
    user("# Fix any errors below, if possible.\n\na.py:1: E999"),
    user("[ERROR] You did not use a tool in your previous response!"),
    user("Caveat: The messages below were generated by the user while running local commands."),
    user("[Request interrupted by user for tool use]"),
    user(""),
    user("   \n"),
]


@pytest.mark.parametrize("turn", NOT_AUTHORED, ids=lambda turn: turn.text[:30].strip() or "empty")
def test_messages_that_no_person_wrote_are_skipped(turn: Turn) -> None:
    authored = authored_text([user("write a haiku"), turn])

    assert authored.text == "write a haiku"


def test_a_tools_result_in_a_users_message_is_a_tool_loop() -> None:
    result = user("[read_file for 'src/app.ts'] Result:\nimport React from 'react'")

    authored = authored_text([user("<task>\nAdd a dark mode\n</task>"), assistant(), result])

    assert authored == Authored("Add a dark mode", (), "cline", True, None)


@pytest.mark.parametrize(
    ("system", "agent"),
    [
        ("You are Claude Code, Anthropic's official CLI.", "claude-code"),
        ("You are Codex, based on GPT-5, running in a terminal.", "codex"),
        ("You are an interactive CLI agent specializing in software engineering", "gemini-cli"),
        ("You are Qwen Code, an agent", "qwen-code"),
        ("You are opencode, an interactive CLI tool", "opencode"),
        ("You are Cline, a highly skilled software engineer", "cline"),
        ("<important_rules>\n  You are in agent mode.\n</important_rules>", "continue"),
        ("You are a general-purpose AI agent called goose", "goose"),
        ("You are a helpful assistant.", None),
        ("Answer questions about Cline's documentation.", None),
    ],
)
def test_agents_introduce_themselves_in_the_system_prompt(system: str, agent: str | None) -> None:
    for role in ("system", "developer"):
        turns = [Turn(_role(role), system), user("hello")]
        assert authored_text(turns).agent == agent


@pytest.mark.parametrize(
    ("turns", "in_tool_loop"),
    [
        ([user("q")], False),
        ([user("q"), TOOL_CALL, TOOL_RESULT], True),
        ([user("q"), TOOL_CALL, TOOL_RESULT, user("stop, do this instead")], False),
        ([user("q"), TOOL_CALL, TOOL_RESULT, user("", has_media=True)], False),
        ([user("q"), TOOL_CALL, TOOL_RESULT, assistant("done"), user("more")], False),
        ([user("q"), assistant("a")], False),
        ([], False),
    ],
)
def test_a_tool_loop_is_open_while_a_result_came_last(
    turns: list[Turn], in_tool_loop: bool
) -> None:
    assert authored_text(turns).in_tool_loop is in_tool_loop


@pytest.mark.parametrize(
    "turns",
    [
        [],
        [Turn("system", "Be kind.")],
        [user("", has_media=True)],
        [Turn("tool", "result")],
        [assistant("hello")],
    ],
)
def test_a_conversation_without_a_persons_words_has_no_text(turns: list[Turn]) -> None:
    assert authored_text(turns).text == ""


def test_only_the_last_few_texts_are_kept() -> None:
    authored = authored_text([user(str(n)) for n in range(50)])

    assert (authored.text, authored.earlier) == ("49", ("46", "47", "48"))


@pytest.mark.parametrize(
    "text",
    [
        "How do I use <task> in my XML?",
        "[1] see the footnote",
        'He said "no" and left',
        "Runtime: what does that word mean?",
        "compare <a> and </a>",
    ],
)
def test_what_only_resembles_an_envelope_stays(text: str) -> None:
    assert authored_text([user(text)]) == Authored(text)


def test_a_text_of_megabytes_is_opened_at_both_ends() -> None:
    pasted = "A line of a log.\n" * 200_000
    text = f"<system-reminder>Be careful.</system-reminder>Why?\n{pasted}"

    opened = open_envelope(f"{text}Say it in a word.<system-reminder>Be brief.</system-reminder>")
    assert opened.text.startswith("Why?\nA line")
    assert opened.text.endswith("log.\nSay it in a word.")


@given(st.text())
def test_opening_never_fails_and_adds_nothing(text: str) -> None:
    opened = open_envelope(text)

    assert len(opened.text) <= len(text)


@pytest.mark.parametrize("mark", [b.begin for b in BLOCKS] + ["Abc (untrusted):\n```\n", "\n", '"'])
def test_no_text_takes_more_than_linear_time(mark: str) -> None:
    assert growth(open_envelope, mark, 125_000) < LINEAR_ENOUGH


def _role(name: str) -> Role:
    return "system" if name == "system" else "developer"


def test_of_a_very_long_text_the_beginning_and_the_end_are_kept() -> None:
    text = open_envelope("a" * 50_000 + "z" * 50_000).text
    assert text == "a" * 30_000 + "\n" + "z" * 10_000
