"""`doctor`'s rules of safety, each found held or not on the settings and files at hand.

What the guard does is tried on the guard itself, with hostile requests; nothing is only claimed
that can be tried.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from llmrouter.cli.findings import Finding, held, not_held
from llmrouter.cli.reachability import has_key
from llmrouter.core.configuration import RouterConfig
from llmrouter.core.errors import MalformedRequest, RouterError
from llmrouter.dialects.registry import DIALECTS, codec
from llmrouter.dialects.wire import TargetFacts
from llmrouter.policy.redaction import redact
from llmrouter.settings import Keyring, Settings
from llmrouter.store.engine import DatabaseAddress
from llmrouter.upstream.addresses import AddressRefused, require_allowed
from llmrouter.web.guard import Area, Guard

FOREIGN: Final = "attacker.example"
OWN: Final = {"host": "localhost", "content-type": "application/json"}
SAFE_H11: Final = (0, 16)
ENV_FILE: Final = Path(".env")


def check_safety(
    settings: Settings, keyring: Keyring, config: RouterConfig, address: DatabaseAddress
) -> list[Finding]:
    """Every rule that concerns what exists."""
    guard = _guard(settings)
    return [
        _reach(settings),
        *_guard_rules(settings, guard),
        *_files(address),
        *_secrets(keyring, config),
        _transport(keyring, config),
        _outgoing(),
        _outgoing_addresses(),
        _nesting(),
        _limits(settings, config),
        _framing(),
    ]


def _guard(settings: Settings) -> Guard:
    return Guard.build(
        loopback_only=settings.is_loopback,
        hosts=settings.allowed_hosts,
        origins=settings.allowed_origins,
        client_key=settings.api_key.get_secret_value() if settings.api_key else None,
        admin_token=settings.admin_token.get_secret_value() if settings.admin_token else None,
    )


def _refuses(guard: Guard, method: str, area: Area, headers: Mapping[str, str]) -> bool:
    try:
        guard.check(method, area, headers)
    except RouterError:
        return True
    return False


def _reach(settings: Settings) -> Finding:
    rule = "who can reach it"
    if settings.is_loopback:
        return held(rule, f"listens on {settings.host}: programs of this machine alone")
    if settings.api_key and settings.admin_token:
        return held(rule, f"listens on {settings.host}, and asks everybody for a key")
    return not_held(
        rule,
        f"{settings.host} can be reached from other machines, and keys are missing: `serve` "
        "refuses to start",
        "set LLMROUTER_API_KEY and LLMROUTER_ADMIN_TOKEN, or listen on 127.0.0.1",
    )


def _guard_rules(settings: Settings, guard: Guard) -> Iterator[Finding]:
    if _refuses(guard, "GET", "public", {"host": FOREIGN}):
        yield held("DNS rebinding", "a Host header with a foreign name is refused")
    else:
        yield not_held(
            "DNS rebinding",
            "every Host header is taken",
            "name this server's own names in LLMROUTER_ALLOWED_HOSTS",
        )
    cross_site = {**OWN, "origin": f"https://{FOREIGN}"}
    if _refuses(guard, "POST", "public", cross_site):
        allowed = ", ".join(settings.allowed_origins) or "none"
        yield held("foreign web pages", f"are refused; origins that may call: {allowed}")
    else:
        remedy = "take it out of LLMROUTER_ALLOWED_ORIGINS"
        yield not_held("foreign web pages", "may call this server", remedy)
    if _refuses(guard, "POST", "public", {**OWN, "content-type": "text/plain"}):
        yield held("forged forms", "changes are taken as application/json only")
    else:
        yield not_held("forged forms", "a plain form can make changes", "report this as a fault")
    yield _admin_rule(settings, guard)


def _admin_rule(settings: Settings, guard: Guard) -> Finding:
    rule = "admin API"
    if settings.admin_token is not None:
        client_key = settings.api_key.get_secret_value() if settings.api_key else "anything"
        if _refuses(guard, "GET", "admin", {**OWN, "authorization": f"Bearer {client_key}"}):
            return held(rule, "opens with LLMROUTER_ADMIN_TOKEN alone; client keys do not open it")
    if settings.api_key is None and settings.is_loopback:
        return held(rule, "no keys are set, so every program of this machine may use it")
    return not_held(
        rule,
        "a client needs no token to change the configuration",
        "set LLMROUTER_ADMIN_TOKEN, another than LLMROUTER_API_KEY",
    )


def _files(address: DatabaseAddress) -> Iterator[Finding]:
    """Files that hold prompts or keys belong to their owner alone."""
    if os.name != "posix":
        return
    path = address.path
    if path is not None:
        beside = [path.with_name(path.name + end) for end in ("", "-wal", "-shm", ".spill")]
        yield _private("ledger's files", [path.parent, *beside])
    if ENV_FILE.exists():
        yield _private(".env", [ENV_FILE])


def _private(rule: str, paths: list[Path]) -> Finding:
    there = [path for path in paths if path.exists()]
    if not there:
        return held(rule, "will be made readable by their owner alone")
    open_ones = [path for path in there if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if not open_ones:
        return held(rule, "can be read by their owner alone")
    shown = ", ".join(f"{p} ({stat.S_IMODE(p.stat().st_mode):04o})" for p in open_ones)
    names = " ".join(f"'{path}'" for path in open_ones)
    return not_held(rule, f"others may read {shown}", f"chmod go-rwx {names}")


def _secrets(keyring: Keyring, config: RouterConfig) -> Iterator[Finding]:
    secrets = keyring.secrets()
    text = json.dumps(config.model_dump(mode="json"))
    if any(secret in text for secret in secrets):
        remedy = "name the variable in api_key_env instead, and change the key"
        yield not_held("configuration", "it holds a secret of the environment", remedy)
    else:
        yield held("configuration", "it names variables and holds no secret of the environment")
    logged = [redact(f"Authorization: {secret} and more", secrets) for secret in secrets]
    if any(secret in line for secret in secrets for line in logged):
        remedy = "use keys of six characters or more"
        yield not_held("redaction", "a secret is too short to be kept out of logs", remedy)
    else:
        yield held("redaction", f"{len(secrets)} secrets known, kept out of logs and errors")


def _transport(keyring: Keyring, config: RouterConfig) -> Finding:
    """Keys and prompts cross a network encrypted, to a provider that is who it says it is."""
    rule = "encryption"
    plain = [
        f"{name} ({provider.base_url})"
        for name, provider in config.providers.items()
        if has_key(provider, keyring)
        and provider.base_url.startswith("http://")
        and not _is_local(urlsplit(provider.base_url).hostname or "")
    ]
    if plain:
        return not_held(
            rule, f"prompts and keys go unencrypted to {', '.join(plain)}", "use https there"
        )
    return held(rule, "to other machines by TLS only; its check has no switch to turn it off")


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _outgoing() -> Finding:
    """What a client sends beside its question must not steer our calls."""
    rule = "outgoing requests"
    fields = ("api_base", "base_url", "api_key", "extra_headers", "user_config")
    body = {"messages": [{"role": "user", "content": "x"}], **dict.fromkeys(fields, FOREIGN)}
    request = DIALECTS["openai"].parse(json.dumps(body).encode())
    sent = codec("openai", "openai").encode(
        request, "model", (), TargetFacts(provider="any", max_output_tokens=None)
    )
    if FOREIGN.encode() in sent.body or FOREIGN in str(sent.headers):
        return not_held(rule, "a client can name its own address or key", "report this as a fault")
    return held(rule, "headers are built, never copied; a client's address and key fields go")


def _outgoing_addresses() -> Finding:
    rule = "metadata services"
    try:
        require_allowed(("169.254.169.254",))
    except AddressRefused:
        return held(rule, "are never connected to, whatever a name resolves to")
    return not_held(rule, "a provider's name can lead there", "report this as a fault")


def _nesting() -> Finding:
    rule = "hostile bodies"
    try:
        DIALECTS["openai"].parse(b'{"messages":' + b"[" * 1000 + b"]" * 1000 + b"}")
    except MalformedRequest as error:
        return held(rule, f"are refused before they are read: {error.message}")
    return not_held(rule, "a thousand levels of nesting are read", "report this as a fault")


def _limits(settings: Settings, config: RouterConfig) -> Finding:
    megabytes = config.limits.request_body_bytes / 2**20
    return held(
        "limits",
        f"bodies up to {megabytes:g} MB, {settings.max_requests} requests at once, "
        f"{config.timeouts.total_s:g} s for an attempt",
    )


def _framing() -> Finding:
    installed = version("h11")
    numbers = tuple(int(part) for part in re.findall(r"\d+", installed)[:2])
    if numbers >= SAFE_H11:
        return held("request smuggling", f"h11 {installed} refuses ambiguous framing")
    remedy = "pip install --upgrade h11"
    return not_held("request smuggling", f"h11 {installed} takes ambiguous framing", remedy)
