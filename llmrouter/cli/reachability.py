"""`doctor`'s checks of the providers: which have their key, and which answer."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from llmrouter.cli.findings import Finding
from llmrouter.core.configuration import ProviderConfig, RouterConfig
from llmrouter.policy.needs import key_variable
from llmrouter.policy.table import DEFAULT_ACCOUNT, compile_table
from llmrouter.settings import Keyring

CONNECT_TIMEOUT_S: Final = 3.0


async def check_providers(config: RouterConfig, keyring: Keyring) -> Sequence[Finding]:
    """One line for each provider that could be asked, and one for all the others."""
    ready = {name: p for name, p in config.providers.items() if has_key(p, keyring)}
    reached = await asyncio.gather(*(_reach(provider) for provider in ready.values()))
    answering = {name for name, said in zip(ready, reached, strict=True) if said.answers}
    findings = [
        _provider_finding(name, provider, said)
        for (name, provider), said in zip(ready.items(), reached, strict=True)
    ]
    findings += _keyless(config, ready)
    if not answering:
        findings.append(
            Finding(
                "providers",
                "failed",
                "none can be asked",
                "set a key, such as OPENROUTER_API_KEY, or start Ollama",
            )
        )
        return findings
    return [*findings, *_dead_routes(config, answering)]


def has_key(provider: ProviderConfig, keyring: Keyring) -> bool:
    """Whether the provider could be asked: it needs no key, or one of its accounts has it."""
    variables = [key_variable(provider, name) for name in (DEFAULT_ACCOUNT, *provider.accounts)]
    return provider.key_optional or any(
        variable is None or keyring.key(variable) is not None for variable in variables
    )


class _Reached:
    """How a connection went."""

    def __init__(self, took_ms: float | None, reason: str = "") -> None:
        self.took_ms = took_ms
        self.reason = reason

    @property
    def answers(self) -> bool:
        return self.took_ms is not None


async def _reach(provider: ProviderConfig) -> _Reached:
    """Opens a connection, with TLS where the address asks for it, and closes it again."""
    address = urlsplit(provider.base_url)
    secure = address.scheme == "https"
    port = address.port or (443 if secure else 80)
    begun = time.monotonic()
    try:
        context = ssl.create_default_context(cafile=provider.ca_file) if secure else None
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(address.hostname, port, ssl=context)
    except TimeoutError:
        return _Reached(None, f"no connection within {CONNECT_TIMEOUT_S:g} s")
    except OSError as error:  # ssl.SSLError and socket.gaierror are of its kind
        return _Reached(None, error.strerror or str(error))
    took_ms = (time.monotonic() - begun) * 1000
    writer.transport.abort()  # a polite TLS goodbye would wait for the other side
    return _Reached(took_ms)


def _provider_finding(name: str, provider: ProviderConfig, said: _Reached) -> Finding:
    host = urlsplit(provider.base_url).netloc
    key = f"{provider.api_key_env} is set" if provider.api_key_env else "needs no key"
    if said.answers:
        return Finding(name, "ok", f"{key}; {host} answers after {said.took_ms:.0f} ms")
    if provider.key_optional or provider.api_key_env is None:
        remedy = "start it, if you want to use it"
    else:
        remedy = "check the network (the router uses no proxy) and the provider's base_url"
    return Finding(name, "warning", f"{key}; {host} cannot be reached: {said.reason}", remedy)


def _keyless(config: RouterConfig, ready: dict[str, ProviderConfig]) -> Sequence[Finding]:
    missing = [
        f"{name} ({provider.api_key_env})"
        for name, provider in config.providers.items()
        if name not in ready
    ]
    if not missing:
        return []
    remedy = "set the variables of those that you want to use; the others are passed over"
    return [Finding("without a key", "note", ", ".join(missing), remedy)]


def _dead_routes(config: RouterConfig, answering: set[str]) -> Sequence[Finding]:
    """Routes none of whose models could be asked now."""
    table = compile_table(0, {}, config)
    findings = []
    for name in (*config.categories, *config.combos):
        providers = dict.fromkeys(target.provider for target in table.targets(name))
        if answering.isdisjoint(providers):
            findings.append(
                Finding(
                    f"route {name}",
                    "failed",
                    f"none of its models can be asked; its providers: {', '.join(providers)}",
                    "give one of these its key, or put another model into the route",
                )
            )
    return findings
