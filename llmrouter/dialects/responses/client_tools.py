"""Tools of a form that OpenAI fixed and that the client runs, as functions for everybody else.

The model of another vendor gets a function with the schema of the tool's call; what it asks for
comes back to the client as the call that it knows.  Forms: openai-python 3.54, `types/responses`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import field

from llmrouter.core.chat.prompt import Tool
from llmrouter.core.records import Record
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import Fields, read_object

_TEXT = {"type": "string"}
_INTEGER = {"type": "integer"}


def _schema(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


class ClientTool(Record):
    """``payload`` is the member of a call that holds what the model asked for.

    ``fixed`` and ``defaults`` are members of the payload that the model has no say in, or may
    leave out.  ``runs_at_client`` are the members of a definition by which it is the client's.
    """

    type: str
    call_type: str
    output_type: str
    id_prefix: str
    payload: str
    description: str
    parameters: Mapping[str, Any]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    call_members: Mapping[str, Any] = field(default_factory=dict)
    runs_at_client: Mapping[str, Any] = field(default_factory=dict)

    def read_definition(self, tool: Fields) -> Tool | None:
        """The function that stands for the tool; None when the provider is to run it."""
        for name, wanted in self.runs_at_client.items():
            if tool.any(name) != wanted:
                return None
        description = tool.text("description") or self.description
        parameters = tool.mapping("parameters") or self.parameters
        return Tool(self.type, description, parameters, at=tool.at)

    def read_arguments(self, item: Fields) -> str:
        """The arguments of the function, from a call in the history."""
        payload = item.any(self.payload)
        if isinstance(payload, str):
            return payload
        members = payload if isinstance(payload, dict) else {}
        kept = {k: v for k, v in members.items() if k not in self.fixed and v is not None}
        return write_document(kept).decode()

    def write_call(self, arguments: str) -> dict[str, Any]:
        """The call's own members.  Raises ``ValueError`` when the model wrote no JSON object."""
        payload = {**self.defaults, **read_object(arguments.encode()), **self.fixed}
        return {"type": self.call_type, self.payload: payload, **self.call_members}


CLIENT_TOOLS: tuple[ClientTool, ...] = (
    ClientTool(
        type="local_shell",
        call_type="local_shell_call",
        output_type="local_shell_call_output",
        id_prefix="lsh_",
        payload="action",
        description="Runs a command on the user's machine and gives its output.",
        parameters=_schema(
            ["command"],
            command={"type": "array", "items": _TEXT, "description": "program and arguments"},
            working_directory=_TEXT,
            timeout_ms=_INTEGER,
            env={"type": "object", "additionalProperties": _TEXT},
        ),
        fixed={"type": "exec"},
        defaults={"env": {}},
    ),
    ClientTool(
        type="shell",
        call_type="shell_call",
        output_type="shell_call_output",
        id_prefix="sh_",
        payload="action",
        description="Runs shell commands on the user's machine and gives their output.",
        parameters=_schema(
            ["commands"],
            commands={"type": "array", "items": _TEXT},
            timeout_ms=_INTEGER,
            max_output_length=_INTEGER,
        ),
        defaults={"timeout_ms": None, "max_output_length": None},
        call_members={"environment": {"type": "local"}},
        runs_at_client={"environment": {"type": "local"}},
    ),
    ClientTool(
        type="apply_patch",
        call_type="apply_patch_call",
        output_type="apply_patch_call_output",
        id_prefix="apc_",
        payload="operation",
        description="Creates, changes or deletes one file; `diff` is in the V4A format.",
        parameters=_schema(
            ["type", "path"],
            type={"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
            path=_TEXT,
            diff=_TEXT,
        ),
    ),
    ClientTool(
        type="tool_search",
        call_type="tool_search_call",
        output_type="tool_search_output",
        id_prefix="tsc_",
        payload="arguments",
        description="Finds further tools; those found can be called from then on.",
        parameters=_schema(["query"], query=_TEXT),
        call_members={"execution": "client"},
        runs_at_client={"execution": "client"},
    ),
)


def by_type(kind: object) -> ClientTool | None:
    """The tool of a definition's ``type``."""
    return next((tool for tool in CLIENT_TOOLS if tool.type == kind), None)


def by_call(kind: object) -> ClientTool | None:
    """The tool of a call item's ``type``."""
    return next((tool for tool in CLIENT_TOOLS if tool.call_type == kind), None)


def by_output(kind: object) -> ClientTool | None:
    """The tool of an output item's ``type``."""
    return next((tool for tool in CLIENT_TOOLS if tool.output_type == kind), None)
