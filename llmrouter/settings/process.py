"""The process's settings, variable by variable."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from llmrouter.settings.environment import (
    ENV_FILE,
    SettingFault,
    SettingsInvalid,
    read_environment,
)
from llmrouter.settings.values import (
    Bodies,
    ChosenClient,
    ChosenLoop,
    ChosenServer,
    Directory,
    Durability,
    HeaderSecret,
    Host,
    HostNames,
    KeptBodies,
    LedgerMode,
    LogLevel,
    OllamaRoot,
    Origins,
    RoutingMode,
)

_SECRETS: Final = frozenset(
    {"LLMROUTER_API_KEY", "LLMROUTER_ADMIN_TOKEN", "LLMROUTER_DATABASE_URL"}
)

# What Kubernetes sets in every pod beside a service that is called `llmrouter`.
_SERVICE_LINK: Final = re.compile(r"LLMROUTER_(?:PORT_\d+_|SERVICE_)")


def _data_dir() -> Path:
    return platformdirs.user_data_path("llmrouter", appauthor=False)


class Settings(BaseModel):
    """Where the process listens, what it keeps, and who may use it."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)

    host: Host = Field(
        "127.0.0.1",
        validation_alias="LLMROUTER_HOST",
        description="the address to listen on, such as 127.0.0.1, ::1 or 0.0.0.0",
    )
    port: int = Field(
        3456,
        ge=0,
        le=65_535,
        validation_alias="LLMROUTER_PORT",
        description="the port to listen on, 0 to 65535; 0 takes a free one",
    )
    database_url: SecretStr | None = Field(
        None,
        validation_alias="LLMROUTER_DATABASE_URL",
        description="the ledger's database: sqlite:////path/to/file.db or "
        "postgresql://user:password@host/name; default: llmrouter.db in the data folder",
    )
    workers: int = Field(
        1,
        ge=1,
        le=256,
        validation_alias="LLMROUTER_WORKERS",
        description="processes that serve the port, 1 to 256; more than one need PostgreSQL",
    )
    data_dir: Directory = Field(
        default_factory=_data_dir,
        validation_alias="LLMROUTER_DATA_DIR",
        description="the folder for the ledger and what belongs to it; default: the platform's",
    )
    api_key: HeaderSecret | None = Field(
        None,
        validation_alias="LLMROUTER_API_KEY",
        description="the key that clients must send; none: no key is asked for",
    )
    admin_token: HeaderSecret | None = Field(
        None,
        validation_alias="LLMROUTER_ADMIN_TOKEN",
        description="the token that opens the admin endpoints, another than LLMROUTER_API_KEY",
    )
    ledger_mode: LedgerMode = Field(
        "bounded",
        validation_alias="LLMROUTER_LEDGER_MODE",
        description="when the ledger cannot be written: bounded (wait, then spill to a file), "
        "required (refuse requests) or best_effort (go on)",
    )
    durability: Durability = Field(
        "process",
        validation_alias="LLMROUTER_DURABILITY",
        description="what a record survives: process (the process's death) or power (a power "
        "cut, too; slower)",
    )
    bodies: KeptBodies = Field(
        Bodies("all"),
        validation_alias="LLMROUTER_BODIES",
        description="which requests' bodies are kept for replay: all, errors, off, or a share "
        "such as sample:0.05",
    )
    bodies_days: int = Field(
        30,
        ge=1,
        le=36_500,
        validation_alias="LLMROUTER_BODIES_DAYS",
        description="days that bodies are kept, 1 to 36500",
    )
    bodies_mb: int = Field(
        2048,
        ge=1,
        le=100_000_000,
        validation_alias="LLMROUTER_BODIES_MB",
        description="megabytes that bodies may take, the oldest go first",
    )
    requests_days: int = Field(
        0,
        ge=0,
        le=36_500,
        validation_alias="LLMROUTER_REQUESTS_DAYS",
        description="days that requests are kept with everything of theirs, up to 36500; 0 is for "
        "ever. Sums by day stay",
    )
    events_days: int = Field(
        0,
        ge=0,
        le=36_500,
        validation_alias="LLMROUTER_EVENTS_DAYS",
        description="days that requests' events are kept, up to 36500; 0 is as long as requests",
    )
    drain_s: float = Field(
        30.0,
        ge=0,
        le=3600,
        validation_alias="LLMROUTER_DRAIN_S",
        description="seconds that running requests get when the server is told to stop, 0 to 3600",
    )
    max_requests: int = Field(
        1000,
        ge=1,
        le=1_000_000,
        validation_alias="LLMROUTER_MAX_REQUESTS",
        description="requests in flight at once, above which new ones are turned away",
    )
    allowed_hosts: HostNames = Field(
        (),
        validation_alias="LLMROUTER_ALLOWED_HOSTS",
        description="further names of this server for the Host header, with commas between",
    )
    allowed_origins: Origins = Field(
        (),
        validation_alias="LLMROUTER_ALLOWED_ORIGINS",
        description="web origins that may call, such as https://chat.example.org, with commas "
        "between",
    )
    log_level: LogLevel = Field(
        "info",
        validation_alias="LLMROUTER_LOG_LEVEL",
        description="debug, info, warning, error or critical",
    )
    node: int = Field(
        0,
        ge=0,
        le=1023,
        validation_alias="LLMROUTER_NODE",
        description="this process's number among those that share a database, 0 to 1023",
    )
    http_client: ChosenClient = Field(
        "lean",
        validation_alias="LLMROUTER_HTTP_CLIENT",
        description="whose connections carry calls to providers: lean (the router's own, fast) or "
        "httpx (the stock ones, to settle a doubt)",
    )
    http_server: ChosenServer = Field(
        "lean",
        validation_alias="LLMROUTER_HTTP_SERVER",
        description="whose connections carry clients' requests: lean (the router's own, fast) or "
        "stock (Hypercorn's, to settle a doubt)",
    )
    event_loop: ChosenLoop = Field(
        "auto",
        validation_alias="LLMROUTER_EVENT_LOOP",
        description="what the server runs on: auto (uvloop where it is installed), asyncio or "
        "uvloop",
    )
    routing_mode: RoutingMode | None = Field(
        None,
        validation_alias="ROUTING_MODE",
        description="hybrid, keywords, local, ollama or api; counts where the configuration says "
        "nothing of routing.mode",
    )
    ollama_base_url: OllamaRoot = Field(
        "http://localhost:11434",
        validation_alias="OLLAMA_BASE_URL",
        description="where Ollama listens, such as http://localhost:11434",
    )
    ollama_router_model: str = Field(
        "qwen2.5:0.5b",
        validation_alias="OLLAMA_ROUTER_MODEL",
        description="the Ollama model that classifies in the mode `ollama`",
    )
    router_api_model: str = Field(
        "qwen/qwen3-1.7b",
        validation_alias="ROUTER_API_MODEL",
        description="the model that classifies in the mode `api`; OpenRouter's, or provider/model",
    )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address to listen on."""
        if self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_settings(*, env_file: Path | None = ENV_FILE, **given: object) -> Settings:
    """The settings; ``given`` ones (by their field's name) count over the environment's.

    A given None is not given.  Raises `SettingsInvalid` with every fault.
    """
    variables = _variables()
    names = {variables[name]: name for name, value in given.items() if value is not None}
    values = {variable: given[name] for variable, name in names.items()}
    environment = read_environment(env_file, without_empty=True)
    try:
        settings = Settings.model_validate({**environment, **values})
    except ValidationError as error:
        raise SettingsInvalid(
            [_fault(details, names) for details in error.errors(include_url=False)]
        ) from None
    if settings.api_key is not None and settings.api_key == settings.admin_token:
        message = (
            "is the same as LLMROUTER_API_KEY, so that every client could change the "
            "configuration; choose another"
        )
        raise SettingsInvalid([SettingFault("LLMROUTER_ADMIN_TOKEN", message)])
    return settings


def misspelt_variables(*, env_file: Path | None = ENV_FILE) -> list[SettingFault]:
    """Variables that begin like ours and are none, with the nearest: worth a warning."""
    known = tuple(_variables().values())
    faults = []
    for name in sorted(read_environment(env_file)):
        if not name.startswith("LLMROUTER_") or name in known or _SERVICE_LINK.match(name):
            continue
        guess = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {guess[0]}?" if guess else ""
        faults.append(SettingFault(name, f"is no setting{hint}"))
    return faults


def _variables() -> dict[str, str]:
    """The variable of each field."""
    return {name: str(field.validation_alias) for name, field in Settings.model_fields.items()}


def _fault(details: ErrorDetails, names: Mapping[str, str]) -> SettingFault:
    """An error of Pydantic's in our words; ``names`` are those of variables that were given."""
    variable = str(details["loc"][0])
    field = next(f for f in Settings.model_fields.values() if f.validation_alias == variable)
    reason = details["msg"].removeprefix("Value error, ")
    reason = reason[:1].lower() + reason[1:]
    value = details["input"]
    if isinstance(value, str) and variable not in _SECRETS:
        reason = f"`{value[:100]}` does not do: {reason}"
        if variable == "LLMROUTER_PORT" and "://" in value:
            reason += " (Kubernetes sets this beside a service that is called llmrouter: give it "
            reason += "another name, or set enableServiceLinks: false)"
    return SettingFault(names.get(variable, variable), f"{reason}. Expected: {field.description}")
