"""The environment variables, from `llmrouter.settings` and the built-in providers."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from docs.reference.markdown import code, table
from llmrouter.settings import Bodies, Settings

_PLATFORM_FOLDER = "the platform's data folder"


def setting_reference() -> str:
    """Every variable that the process reads for itself."""
    rows = [
        (code(field.validation_alias), _default(field), field.description or "")
        for field in Settings.model_fields.values()
    ]
    return table(("variable", "default", "meaning"), rows)


def setting_names() -> tuple[str, ...]:
    """The variables of `setting_reference`."""
    return tuple(str(field.validation_alias) for field in Settings.model_fields.values())


def provider_variable_reference() -> str:
    """The variables of the built-in providers: keys and addresses."""
    rows = [
        (code(name), _coded(provider.get("api_key_env")), _coded(provider.get("base_url_env")))
        for name, provider in _built_in_providers().items()
    ]
    return table(("provider", "key", "address"), rows)


def _built_in_providers() -> dict[str, Any]:
    file = resources.files("llmrouter.policy") / "data" / "providers.json"
    providers: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return providers


def _coded(name: str | None) -> str:
    return code(name) if name else ""


def _default(field: Any) -> str:
    """A setting's default; the data folder's is another one on every machine."""
    default = field.get_default(call_default_factory=True)
    match default:
        case None | ():
            return "none"
        case Path():
            return _PLATFORM_FOLDER
        case Bodies():
            return code(default.keep)
        case float() if default.is_integer():
            return code(int(default))
        case _:
            return code(default)
