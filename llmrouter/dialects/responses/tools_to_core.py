"""The tools of a request to the Responses API, read as the core's.

A namespace's tools get one name each, ``<namespace>__<name>``, for no other dialect has
namespaces; `ToolNames` finds the way back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.prompt import Tool, ToolChoice
from llmrouter.dialects.fields import Fields
from llmrouter.dialects.responses.client_tools import ClientTool, by_type

LATER_TOOLS = ("tool_search_output", "additional_tools")
"""Items of the input that bring further tools."""

_HOW_IT_TRAVELS = ("defer_loading", "allowed_callers")
"""Members of a definition that say nothing about what the tool is."""


def joined_name(namespace: str | None, name: str) -> str:
    """One name for a tool of a namespace."""
    if not namespace:
        return name
    return f"{namespace}{name}" if namespace.endswith("__") else f"{namespace}__{name}"


class ToolNames:
    """What the client calls a tool, by the core's name for it."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._spaces: dict[str, tuple[str, str]] = {}
        self._client_tools: dict[str, ClientTool] = {}
        plain: set[str] = set()
        bare: dict[str, list[tuple[str, str]]] = {}
        for tool in _definitions(document):
            name = tool.get("name")
            if tool.get("type") == "namespace" and isinstance(name, str):
                for child in namespace_children(tool):
                    self._spaces[joined_name(name, child)] = (name, child)
                    bare.setdefault(child, []).append((name, child))
            elif isinstance(name, str):
                plain.add(name)
            elif (known := by_type(tool.get("type"))) is not None:
                self._client_tools[known.type] = known
        # Some models leave the namespace out; where that is clear it is put back.
        for child, places in bare.items():
            if child not in plain and len(places) == 1:
                self._spaces.setdefault(child, places[0])

    def split(self, name: str) -> tuple[str | None, str]:
        """The namespace, None for most tools, and the name in it."""
        return self._spaces.get(name, (None, name))

    def client_tool(self, name: str) -> ClientTool | None:
        """The tool of fixed form that the name stands for in this request."""
        return self._client_tools.get(name)


def read_tools(fields: Fields, losses: Losses) -> tuple[Tool, ...]:
    """Every tool that the client runs; of those with one name, the first."""
    tools: dict[str, Tool] = {}
    for definition in _each_definition(fields, losses):
        for tool in _read_definition(definition):
            tools.setdefault(tool.name, tool)
    return tuple(tools.values())


def read_tool_choice(fields: Fields) -> ToolChoice | None:
    """Whether tools may or must be called."""
    match fields.any("tool_choice"):
        case None:
            return None
        case "auto":
            return ToolChoice("auto")
        case "none":
            return ToolChoice("none")
        case "required":
            return ToolChoice("required")
        case {"type": "allowed_tools", "tools": [*tools], **rest}:
            names = tuple(name for name in map(_chosen, tools) if name is not None)
            mode: Literal["auto", "required"] = (
                "required" if rest.get("mode") == "required" else "auto"
            )
            return ToolChoice(mode, names) if names else ToolChoice("none")
        case choice if (name := _chosen(choice)) is not None:
            return ToolChoice("required", (name,))
        case _:
            fields.drop("tool_choice", "it names no tool that the client runs")
            return None


def _chosen(choice: object) -> str | None:
    match choice:
        case {"type": "function" | "custom", "name": str(name), **rest}:
            namespace = rest.get("namespace")
            return joined_name(namespace if isinstance(namespace, str) else None, name)
        case {"type": kind} if (tool := by_type(kind)) is not None:
            return tool.type
        case _:
            return None


def _each_definition(fields: Fields, losses: Losses) -> Iterator[Fields]:
    yield from fields.children("tools")
    items = fields.any("input")
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if _brings_tools(item):
            yield from Fields(item, losses, f"input.{index}").children("tools")


def _definitions(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The same, where nothing is translated."""
    items = document.get("input")
    later = [item for item in items if _brings_tools(item)] if isinstance(items, list) else []
    for holder in (document, *later):
        tools = holder.get("tools")
        for tool in tools if isinstance(tools, list) else ():
            if isinstance(tool, dict):
                yield tool


def _brings_tools(item: object) -> bool:
    return isinstance(item, dict) and item.get("type") in LATER_TOOLS


def namespace_children(namespace: Mapping[str, Any]) -> Iterator[str]:
    """The names of a namespace's tools."""
    tools = namespace.get("tools")
    for child in tools if isinstance(tools, list) else ():
        if isinstance(child, dict) and isinstance(child.get("name"), str):
            yield child["name"]


def _read_definition(tool: Fields) -> Iterator[Tool]:
    kind = tool.text("type")
    known = by_type(kind)
    if kind in ("function", "custom"):
        yield _read_own(tool, None)
    elif kind == "namespace":
        name = tool.text("name")
        for child in tool.children("tools"):
            child.ignore("type")
            yield _read_own(child, name)
        tool.drop("description", "its tools stand for themselves")
        tool.drop_rest()
    elif known is not None and (read := known.read_definition(tool)) is not None:
        yield read
        tool.ignore(*_HOW_IT_TRAVELS)
        tool.drop_rest()
    else:
        tool.drop_all("the provider was to run this tool itself")


def _read_own(tool: Fields, namespace: str | None) -> Tool:
    is_custom = tool.any("type") == "custom"
    tool.ignore(*_HOW_IT_TRAVELS)
    read = Tool(
        name=joined_name(namespace, tool.text("name") or ""),
        description=tool.text("description"),
        parameters=None if is_custom else tool.mapping("parameters"),
        strict=None if is_custom else tool.flag("strict"),
        kind="custom" if is_custom else "function",
        grammar=tool.mapping("format") if is_custom else None,
        at=tool.at,
    )
    tool.drop_rest()
    return read
