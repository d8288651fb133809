"""What a configuration document means to this process: the one way to read it, for the server and
for commands that start no server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.configuration import RouterConfig
from llmrouter.dialects.registry import DIALECTS
from llmrouter.policy.defaults import built_in_document, load_document, with_addresses
from llmrouter.settings import Keyring, Settings


def read_configuration(
    document: Mapping[str, Any], source: str, *, settings: Settings, keyring: Keyring
) -> RouterConfig:
    """A document as the configuration that this process would run.

    Raises `ConfigurationInvalid`.
    """
    config = load_document(
        document,
        source=source,
        dialects=frozenset(DIALECTS),
        built_in=built_in_document(),
        environment_mode=settings.routing_mode,
    )
    return with_addresses(config, keyring.value)
