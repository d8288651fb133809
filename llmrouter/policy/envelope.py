"""What the person wrote, freed of what an agent wrapped around it.

Agents send a person's ten words inside kilobytes of their own: time stamps, environment blocks,
reminders, whole messages of internal context, some of it with the role `user`.  Whoever classifies
the last message as it comes classifies the agent, and every turn looks alike.

`BLOCKS` and `TRACES` are tables of the shapes that are known, `MACHINE_MESSAGES` of user messages
that no person wrote.  To teach it a new client, add a row and a test of its shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, Literal

from llmrouter.core.records import Record
from llmrouter.core.requests import Turn

EARLIER_KEPT: Final = 3
"""Earlier texts of the person that are given along, for short follow-ups."""

HEAD_KEPT: Final = 30_000
TAIL_KEPT: Final = 10_000
"""Characters of a long text that are kept; who classifies reads less."""

SEARCHED_EACH: Final = 500_000
"""Characters at either end of a text in which wrappings are looked for: a pasted file of megabytes
is not searched two dozen times while everybody else waits."""

SYSTEM_READ: Final = 2000
"""Characters at the beginning of the system prompt in which an agent introduces itself."""


class Authored(Record):
    """What the person wrote last, and what surrounds it.

    ``earlier`` are their texts before, oldest first.  ``agent`` is the client that it looks like,
    None for a plain one.  ``in_tool_loop``: the last thing that happened is a tool's result.
    ``session`` is a session id inside the envelope.
    """

    text: str
    earlier: tuple[str, ...] = ()
    agent: str | None = None
    in_tool_loop: bool = False
    session: str | None = None

    @property
    def first(self) -> str | None:
        """Their first text of all, empty when they wrote none; None when it lies further back."""
        if len(self.earlier) == EARLIER_KEPT:
            return None
        return self.earlier[0] if self.earlier else self.text


class Block(Record):
    """A known wrapping between two marks: cut out, or (``keeps``) all but its content cut away.

    Without its second mark it is left alone, or (``open_ended``) reaches to the end.
    """

    agent: str
    begin: str
    end: str
    keeps: bool = False
    open_ended: bool = False


class Trace(Record):
    """A known wrapping without marks of its own; ``needle`` stands in every text that has it."""

    agent: str
    needle: str
    pattern: re.Pattern[str]


class MachineMessage(Record):
    """A user message that no person wrote: a tool's result in disguise, or a note between turns."""

    agent: str | None
    kind: Literal["tool_result", "note"]
    pattern: re.Pattern[str]


def _element(agent: str, tag: str, *, keeps: bool = False) -> Block:
    return Block(agent, f"<{tag}>", f"</{tag}>", keeps=keeps)


BLOCKS: Final[tuple[Block, ...]] = (
    Block(
        "openclaw",
        "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>",
        "<<<END_OPENCLAW_INTERNAL_CONTEXT>>>",
        open_ended=True,
    ),
    # Claude Code, and clients made after it.
    _element("claude-code", "system-reminder"),
    _element("claude-code", "local-command-stdout"),
    _element("claude-code", "local-command-caveat"),
    _element("claude-code", "command-name"),
    _element("claude-code", "command-message"),
    _element("claude-code", "command-args", keeps=True),
    _element("codex", "environment_context"),
    _element("codex", "user_instructions"),
    _element("codex", "turn_aborted"),
    Block("codex", "# AGENTS.md instructions", "</INSTRUCTIONS>"),
    _element("gemini-cli", "session_context"),
    # Cline, Roo Code, Kilo Code.
    _element("cline", "environment_details"),
    _element("cline", "task_progress"),
    _element("cline", "task", keeps=True),
    _element("cline", "user_message", keeps=True),
    _element("cline", "feedback", keeps=True),
    _element("copilot", "userRequest", keeps=True),
    _element("copilot", "reminderInstructions"),
    _element("copilot", "environment_info"),
    _element("copilot", "workspace_info"),
    _element("cursor", "user_query", keeps=True),
    _element("cursor", "additional_data"),
    _element("goose", "info-msg"),
)
"""Taken from the top, each out of what the ones above it left."""

TRACES: Final[tuple[Trace, ...]] = (
    # What OpenClaw knows of the chat that a message came through.
    Trace(
        "openclaw",
        "(untrusted",
        re.compile(
            r"^[A-Z][\w ]{2,60} \(untrusted[^)\n]{0,60}\):\s{0,4}```(?:json)?\n"
            r".{0,4000}?\n```\s{0,4}",
            re.DOTALL | re.MULTILINE,
        ),
    ),
    # The time (and before it, in older versions, channel and sender).
    Trace(
        "openclaw",
        "] ",
        re.compile(
            r"\A\s{0,4}\[(?:[^\[\]\n]{1,160} )?\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?"
            r"(?: [^\[\]\n]{1,40})?\]\s"
        ),
    ),
    Trace("openclaw", "Runtime: ", re.compile(r"^Runtime: (?:agent|host)=[^\n]*$", re.MULTILINE)),
    Trace("openclaw", "[message_id: ", re.compile(r"\[message_id: [^\]\n]{1,200}\]\s{0,4}\Z")),
    Trace(
        "cline",
        "# task_progress",
        re.compile(r"^# task_progress .*\Z", re.DOTALL | re.MULTILINE),
    ),
    # aider repeats its rules below the person's text.
    Trace(
        "aider",
        "# *SEARCH/REPLACE block* Rules",
        re.compile(r"# \*SEARCH/REPLACE block\* Rules.*\Z", re.DOTALL),
    ),
)
"""Cut out after the blocks, in this order."""

_BEGINNINGS: Final = {block.begin[0] for block in BLOCKS}
_TELLTALES: Final = (
    *sorted(_BEGINNINGS),
    *(trace.needle for trace in TRACES if _BEGINNINGS.isdisjoint(trace.needle)),
)
"""A text with none of these, as most are, has neither a block nor a trace to be looked for."""

MACHINE_MESSAGES: Final[tuple[MachineMessage, ...]] = (
    MachineMessage(
        "openclaw", "tool_result", re.compile(r"\AImage\(s\) from tool result\b[^\n]{0,200}\Z")
    ),
    MachineMessage(
        "cline", "tool_result", re.compile(r"\A\[[a-z]\w*(?: for '[^\n]{0,300}')?\] Result:")
    ),
    MachineMessage("cline", "note", re.compile(r"\A\[ERROR\] You did not use a tool")),
    MachineMessage(
        "gemini-cli",
        "note",
        re.compile(r"\AThis is the (?:Gemini CLI|Qwen Code)\. We are setting up"),
    ),
    MachineMessage(
        "aider",
        "note",
        re.compile(
            r"\A(?:I have \*added these files to the chat\*|I am not sharing any files"
            r"|Here are summaries of some files present|I switched to a new code base"
            r"|# Fix any errors below)"
        ),
    ),
    MachineMessage(
        "claude-code", "note", re.compile(r"\ACaveat: The messages below were generated")
    ),
    MachineMessage("claude-code", "note", re.compile(r"\A\[Request interrupted by user[^\]]*\]\Z")),
)

INTRODUCTIONS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("openclaw", re.compile(r"openclaw:attempt|running inside OpenClaw")),
    ("claude-code", re.compile(r"You are Claude Code|x-anthropic-billing-header|Claude Agent SDK")),
    ("codex", re.compile(r"You are (?:Codex|a coding agent running in the Codex CLI)|Codex CLI")),
    (
        "gemini-cli",
        re.compile(r"You are Gemini CLI|interactive CLI agent specializing in software"),
    ),
    ("qwen-code", re.compile(r"You are Qwen Code")),
    ("opencode", re.compile(r"You are opencode|\bopencode, (?:an|the) ")),
    ("cline", re.compile(r"You are (?:Cline|Roo|Kilo Code)\b")),
    ("continue", re.compile(r"<important_rules>")),
    ("copilot", re.compile(r"\"GitHub Copilot\"")),
    ("aider", re.compile(r"SEARCH/REPLACE block|Act as an expert software developer\.\n")),
    ("goose", re.compile(r"AI agent called goose")),
    ("pi", re.compile(r"operating inside pi\b")),
)
"""How agents introduce themselves in their system prompt."""

_SESSION: Final = re.compile(r"\bsessionId=([\w.:-]{1,200})")
_QUOTED: Final = re.compile(r'\A\s*"(?P<kept>[^"]+)"\s*\Z')  # opencode puts the text in quotes
_ANY_MACHINE_MESSAGE_OR_QUOTED: Final = re.compile(
    "|".join(
        f"(?:{pattern.pattern})" for pattern in (*(m.pattern for m in MACHINE_MESSAGES), _QUOTED)
    )
)


class _Opened(Record):
    """A user message out of its envelope."""

    text: str
    agent: str | None = None
    is_tool_result: bool = False


def authored_text(turns: Sequence[Turn]) -> Authored:
    """What the person wrote last in this conversation; an empty text when they wrote nothing."""
    texts: list[str] = []
    agent: str | None = None
    in_tool_loop: bool | None = None
    for turn in reversed(turns):
        role = turn.role
        if role == "user":
            opened = open_envelope(turn.text)
            text, agent = opened.text, agent or opened.agent
            if in_tool_loop is None and (text or turn.has_media or opened.is_tool_result):
                in_tool_loop = opened.is_tool_result
            if text:
                texts.append(text)
                if len(texts) > EARLIER_KEPT:
                    break
        elif in_tool_loop is None and role in ("assistant", "tool"):
            in_tool_loop = role == "tool"
    return Authored(
        text=texts[0] if texts else "",
        earlier=tuple(texts[:0:-1]),
        agent=_introduced(turns) or agent,
        in_tool_loop=bool(in_tool_loop),
        session=_session(turns),
    )


def open_envelope(text: str) -> _Opened:
    """A user message without its known wrappings.

    Of a very long text only the beginning and the end are given.
    """
    agent: str | None = None
    if len(text) > HEAD_KEPT + TAIL_KEPT or any(map(text.__contains__, _TELLTALES)):
        text, agent = _unwrapped(text)
    text = text.strip()
    if not _ANY_MACHINE_MESSAGE_OR_QUOTED.match(text):
        return _Opened(text, agent)
    message = next((m for m in MACHINE_MESSAGES if m.pattern.match(text)), None)
    if message is not None:
        return _Opened("", message.agent, message.kind == "tool_result")
    quoted = _QUOTED.match(text)
    return _Opened(quoted["kept"].strip() if quoted else text, agent)


def _unwrapped(text: str) -> tuple[str, str | None]:
    """The text, cut short, without its blocks and traces, and the agent that they tell of."""
    text, agent = _without_blocks(_ends_of(text, SEARCHED_EACH, SEARCHED_EACH))
    text = _ends_of(text, HEAD_KEPT, TAIL_KEPT)
    for trace in TRACES:
        if trace.needle in text:
            text, times = trace.pattern.subn("", text)
            agent = agent or (trace.agent if times else None)
    return text, agent


def _ends_of(text: str, head: int, tail: int) -> str:
    """A text that is not too long as it is, of another one the beginning and the end."""
    return text if len(text) <= head + tail else f"{text[:head]}\n{text[-tail:]}"


def _without_blocks(text: str) -> tuple[str, str | None]:
    """The text with every known block taken out, and the agent that had wrapped it."""
    agent: str | None = None
    for block in BLOCKS:
        if block.begin in text:
            opened = _without(text, block)
            agent = agent or (block.agent if opened != text else None)
            text = opened
    return text, agent


def _without(text: str, block: Block) -> str:
    """The text with the block taken out, or what the last such block holds."""
    if block.keeps:
        begin = text.rfind(block.begin) + len(block.begin)
        end = text.find(block.end, begin)
        return text if end < 0 else text[begin:end]
    kept: list[str] = []
    position = 0
    while (begin := text.find(block.begin, position)) >= 0:
        end = text.find(block.end, begin)
        if end < 0 and not block.open_ended:
            break
        kept.append(text[position:begin])
        position = len(text) if end < 0 else end + len(block.end)
    return "".join((*kept, text[position:]))


def _introduced(turns: Iterable[Turn]) -> str | None:
    """The agent that the system prompt names."""
    for turn in turns:
        if turn.role in ("system", "developer"):
            agent = _introduced_by(turn.text[:SYSTEM_READ])
            if agent is not None:
                return agent
        else:
            break
    return None


@lru_cache(maxsize=256)  # system prompts return with every request: half a megabyte at most
def _introduced_by(beginning: str) -> str | None:
    return next((agent for agent, pattern in INTRODUCTIONS if pattern.search(beginning)), None)


def _session(turns: Iterable[Turn]) -> str | None:
    """OpenClaw's session id, which stands in the first message of a session."""
    for turn in turns:
        if turn.role == "user" and "sessionId=" in turn.text and "Runtime: " in turn.text:
            match = _SESSION.search(turn.text)
            if match is not None:
                return match[1]
    return None
