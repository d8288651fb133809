"""Process settings and keys, from the environment and `.env`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import get_args
from unittest import mock

import pytest

from llmrouter.core.routing import Mode
from llmrouter.settings import (
    Bodies,
    Keyring,
    Settings,
    SettingsInvalid,
    misspelt_variables,
    read_keyring,
    read_settings,
)


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name != "HOME":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def setenv(monkeypatch: pytest.MonkeyPatch) -> SetEnv:
    return SetEnv(monkeypatch)


class SetEnv:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, environment: Mapping[str, str]) -> None:
        for name, value in environment.items():
            self._monkeypatch.setenv(name, value)


def faults(**given: object) -> dict[str, str]:
    with pytest.raises(SettingsInvalid) as caught:
        read_settings(**given)
    return {fault.variable: fault.message for fault in caught.value.faults}


# --- what is read --------------------------------------------------------------------------------


def test_without_any_variable_the_documented_defaults_hold() -> None:
    settings = read_settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 3456)
    assert settings.database_url is None
    assert settings.data_dir.is_absolute()
    assert settings.data_dir.name == "llmrouter"
    assert settings.api_key is None
    assert settings.admin_token is None
    assert (settings.ledger_mode, settings.durability) == ("bounded", "process")
    assert settings.bodies == Bodies("all")
    assert (settings.bodies_days, settings.bodies_mb) == (30, 2048)
    assert (settings.drain_s, settings.max_requests, settings.node) == (30, 1000, 0)
    assert settings.allowed_hosts == settings.allowed_origins == ()
    assert settings.log_level == "info"
    assert settings.routing_mode is None
    assert settings.ollama_base_url == "http://localhost:11434"
    assert settings.ollama_router_model == "qwen2.5:0.5b"
    assert settings.router_api_model == "qwen/qwen3-1.7b"


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("LLMROUTER_HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("LLMROUTER_HOST", "[::]", "host", "::"),
        ("LLMROUTER_PORT", "8080", "port", 8080),
        ("LLMROUTER_PORT", "", "port", 3456),
        ("LLMROUTER_DATA_DIR", "/srv/llm", "data_dir", Path("/srv/llm")),
        ("LLMROUTER_LEDGER_MODE", "Required", "ledger_mode", "required"),
        ("LLMROUTER_DURABILITY", "power", "durability", "power"),
        ("LLMROUTER_BODIES", "off", "bodies", Bodies("off")),
        ("LLMROUTER_BODIES", "Errors ", "bodies", Bodies("errors")),
        ("LLMROUTER_BODIES", "sample:0.05", "bodies", Bodies("sample", 0.05)),
        ("LLMROUTER_BODIES", "sample:1", "bodies", Bodies("sample", 1)),
        ("LLMROUTER_BODIES_DAYS", "7", "bodies_days", 7),
        ("LLMROUTER_BODIES_MB", "10", "bodies_mb", 10),
        ("LLMROUTER_DRAIN_S", "0.5", "drain_s", 0.5),
        ("LLMROUTER_MAX_REQUESTS", "5", "max_requests", 5),
        ("LLMROUTER_ALLOWED_HOSTS", "a.lan, b.lan:80,,[::1]:9 ::2", "allowed_hosts",
         ("a.lan", "b.lan", "::1", "::2")),
        ("LLMROUTER_ALLOWED_ORIGINS", "https://Chat.example.org/ vscode-webview://x",
         "allowed_origins", ("https://chat.example.org", "vscode-webview://x")),
        ("LLMROUTER_LOG_LEVEL", "DEBUG", "log_level", "debug"),
        ("LLMROUTER_NODE", "1023", "node", 1023),
        ("ROUTING_MODE", "Keywords", "routing_mode", "keywords"),
        ("OLLAMA_BASE_URL", "http://box:11434/", "ollama_base_url", "http://box:11434"),
        ("OLLAMA_BASE_URL", "http://box:11434/v1", "ollama_base_url", "http://box:11434"),
        ("OLLAMA_ROUTER_MODEL", "qwen3:1.7b", "ollama_router_model", "qwen3:1.7b"),
        ("ROUTER_API_MODEL", "openai/gpt-4o-mini", "router_api_model", "openai/gpt-4o-mini"),
    ],
)  # fmt: skip
def test_a_variable_sets_its_field(
    setenv: SetEnv, variable: str, value: str, field: str, expected: object
) -> None:
    setenv({variable: value})
    assert getattr(read_settings(), field) == expected


def test_a_relative_or_home_folder_becomes_absolute(setenv: SetEnv, tmp_path: Path) -> None:
    setenv({"LLMROUTER_DATA_DIR": "state", "HOME": "/home/ada"})
    assert read_settings().data_dir == tmp_path / "state"
    setenv({"LLMROUTER_DATA_DIR": "~/llm"})
    assert read_settings().data_dir == Path("/home/ada/llm")


def test_the_environment_counts_over_the_file_and_what_is_given_over_both(
    setenv: SetEnv,
) -> None:
    Path(".env").write_text("LLMROUTER_PORT=1\nLLMROUTER_HOST=::1\nLLMROUTER_NODE=5\nOTHER=x\n")
    setenv({"LLMROUTER_PORT": "2", "LLMROUTER_HOST": "0.0.0.0"})
    settings = read_settings(port=3, host=None)
    assert (settings.port, settings.host, settings.node) == (3, "0.0.0.0", 5)


def test_a_file_can_be_named_or_refused() -> None:
    Path(".env").write_text("LLMROUTER_PORT=1\n")
    Path("other.env").write_text("\ufeffLLMROUTER_PORT='2' # ours\n", encoding="utf-8")
    assert read_settings(env_file=Path("other.env")).port == 2
    assert read_settings(env_file=None).port == 3456
    assert read_settings(env_file=Path("absent.env")).port == 3456


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("localhost.example.org", False),
    ],
)
def test_only_loopback_addresses_keep_others_out(host: str, loopback: bool) -> None:
    assert read_settings(host=host).is_loopback is loopback


def test_every_routing_mode_can_be_asked_for(setenv: SetEnv) -> None:
    for mode in get_args(Mode):
        setenv({"ROUTING_MODE": mode})
        assert read_settings().routing_mode == mode


def test_settings_show_no_secret(setenv: SetEnv) -> None:
    setenv({
        "LLMROUTER_API_KEY": "client-secret",
        "LLMROUTER_ADMIN_TOKEN": " admin-secret ",
        "LLMROUTER_DATABASE_URL": "postgresql://me:db-secret@host/name",
    })  # fmt: skip
    settings = read_settings()
    assert "secret" not in repr(settings)
    assert "secret" not in settings.model_dump_json()
    assert settings.admin_token is not None
    assert settings.admin_token.get_secret_value() == "admin-secret"


# --- what cannot be used -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("LLMROUTER_HOST", "http://0.0.0.0", "an address or a name alone"),
        ("LLMROUTER_HOST", "127.0.0.1:80", "must not hold a port"),
        ("LLMROUTER_PORT", "http", "`http`"),
        ("LLMROUTER_PORT", "70000", "65535"),
        ("LLMROUTER_PORT", "-1", "0 to 65535"),
        ("LLMROUTER_PORT", "tcp://10.0.0.1:3456", "enableServiceLinks"),
        ("LLMROUTER_DATA_DIR", " ", "must not be blank"),
        ("LLMROUTER_LEDGER_MODE", "strict", "'required'"),
        ("LLMROUTER_DURABILITY", "disk", "'power'"),
        ("LLMROUTER_BODIES", "some", "sample:0.05"),
        ("LLMROUTER_BODIES", "all:0.5", "sample:0.05"),
        ("LLMROUTER_BODIES", "sample", "which share"),
        ("LLMROUTER_BODIES", "sample:0", "which share"),
        ("LLMROUTER_BODIES", "sample:5", "which share"),
        ("LLMROUTER_BODIES", "sample:nan", "which share"),
        ("LLMROUTER_BODIES_DAYS", "0", "1 to 36500"),
        ("LLMROUTER_BODIES_MB", "2GB", "megabytes"),
        ("LLMROUTER_DRAIN_S", "30s", "seconds"),
        ("LLMROUTER_DRAIN_S", "inf", "3600"),
        ("LLMROUTER_MAX_REQUESTS", "0", "in flight"),
        ("LLMROUTER_ALLOWED_HOSTS", "*", "`*` is no host name"),
        ("LLMROUTER_ALLOWED_HOSTS", "https://a.lan", "`https://a.lan` is no host name"),
        ("LLMROUTER_ALLOWED_HOSTS", "a.lan,[::", "`[::` is no host name"),
        ("LLMROUTER_ALLOWED_ORIGINS", "*", "`*` is no origin"),
        ("LLMROUTER_ALLOWED_ORIGINS", "chat.example.org", "https://chat.example.org"),
        ("LLMROUTER_ALLOWED_ORIGINS", "https://a.org/path", "is no origin"),
        ("LLMROUTER_LOG_LEVEL", "loud", "'warning'"),
        ("LLMROUTER_NODE", "1024", "0 to 1023"),
        ("ROUTING_MODE", "keyword", "'keywords'"),
        ("OLLAMA_BASE_URL", "localhost:11434", "http://"),
        ("OLLAMA_BASE_URL", "http://", "http://localhost:11434"),
        ("OLLAMA_BASE_URL", "http://u:p@box", "no user"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_with_what_can(
    setenv: SetEnv, variable: str, value: str, said: str
) -> None:
    setenv({variable: value})
    found = faults()
    assert set(found) == {variable}
    assert said in found[variable]


def test_every_fault_is_told_at_once(setenv: SetEnv) -> None:
    setenv({"LLMROUTER_PORT": "x", "ROUTING_MODE": "x", "LLMROUTER_BODIES": "x"})
    assert set(faults()) == {"LLMROUTER_PORT", "ROUTING_MODE", "LLMROUTER_BODIES"}


def test_a_fault_in_what_was_given_is_named_as_it_was_given(setenv: SetEnv) -> None:
    setenv({"LLMROUTER_PORT": "80"})
    assert set(faults(port=70_000)) == {"port"}


@pytest.mark.parametrize("variable", ["LLMROUTER_API_KEY", "LLMROUTER_ADMIN_TOKEN"])
@pytest.mark.parametrize("value", [" ", "two words", "schlüssel", "tab\tbed"])
def test_a_key_that_no_client_could_send_is_refused_and_not_shown(
    setenv: SetEnv, variable: str, value: str
) -> None:
    setenv({variable: value})
    found = faults()
    assert set(found) == {variable}
    assert value == " " or value not in found[variable]


def test_one_key_for_clients_and_admins_is_refused(setenv: SetEnv) -> None:
    setenv({"LLMROUTER_API_KEY": "same-key", "LLMROUTER_ADMIN_TOKEN": "same-key"})
    found = faults()
    assert set(found) == {"LLMROUTER_ADMIN_TOKEN"}
    assert "same-key" not in found["LLMROUTER_ADMIN_TOKEN"]


@pytest.mark.parametrize("read", [read_settings, read_keyring, misspelt_variables])
def test_a_file_that_cannot_be_read_is_named(read: object) -> None:
    Path(".env").write_bytes(b"OPENAI_API_KEY=\xff\xfe\n")
    assert callable(read)
    with pytest.raises(SettingsInvalid, match=r"^\.env: cannot be read"):
        read()


@pytest.mark.parametrize("read", [read_settings, read_keyring, misspelt_variables])
def test_a_folder_that_nobody_may_look_into_is_told(read: object) -> None:
    assert callable(read)
    with (
        mock.patch.object(Path, "is_file", side_effect=PermissionError(13, "Permission denied")),
        pytest.raises(SettingsInvalid, match=r"^\.env: cannot be read: .*Permission denied"),
    ):
        read()


def test_a_misspelt_variable_is_told_with_the_nearest(setenv: SetEnv) -> None:
    Path(".env").write_text("LLMROUTER_BODYS=off\n")
    setenv({
        "LLMROUTER_PROT": "1",
        "LLMROUTER_HOST": "::1",
        "LLMROUTER_PORT_3456_TCP": "tcp://10.0.0.1:3456",
        "LLMROUTER_SERVICE_HOST": "10.0.0.1",
        "SOMETHING": "1",
    })  # fmt: skip
    assert {fault.variable: fault.message for fault in misspelt_variables()} == {
        "LLMROUTER_BODYS": "is no setting; did you mean LLMROUTER_BODIES?",
        "LLMROUTER_PROT": "is no setting; did you mean LLMROUTER_PORT?",
    }


def test_every_setting_says_what_it_is() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name


# --- keys ----------------------------------------------------------------------------------------


def test_a_key_is_found_in_the_environment_and_in_the_file(setenv: SetEnv) -> None:
    Path(".env").write_text('OPENAI_API_KEY="from file"\nGROQ_API_KEY=from-file\nBARE\n')
    setenv({"OPENAI_API_KEY": " from-environment\n", "MISTRAL_API_KEY": " "})
    keyring = read_keyring()
    assert keyring.key("OPENAI_API_KEY") == "from-environment"
    assert keyring.key("GROQ_API_KEY") == "from-file"
    assert keyring.key("MISTRAL_API_KEY") is None
    assert keyring.key("XAI_API_KEY") is None
    assert keyring.key("BARE") is None


@pytest.mark.parametrize(
    ("variable", "vendors"),
    [
        ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        ("KIMI_API_KEY", "MOONSHOT_API_KEY"),
        ("QWEN_API_KEY", "DASHSCOPE_API_KEY"),
        ("GLM_API_KEY", "ZAI_API_KEY"),
        ("COHERE_API_KEY", "CO_API_KEY"),
    ],
)
def test_the_vendor_s_own_variable_serves_where_ours_is_not_set(
    variable: str, vendors: str
) -> None:
    assert Keyring({vendors: "theirs"}).key(variable) == "theirs"
    assert Keyring({vendors: "theirs", variable: "ours"}).key(variable) == "ours"
    assert Keyring({vendors: "theirs", variable: ""}).key(variable) == "theirs"


def test_secrets_are_what_a_variable_s_name_or_its_use_says() -> None:
    keyring = Keyring({
        "OPENAI_API_KEY": " sk-openai-1 ",
        "LLMROUTER_ADMIN_TOKEN": "admin-token",
        "DB_PASSWORD": "hunter2hunter2",
        "LAB": "lab-secret",
        "USE_KEY": "yes",
        "KEYBOARD": "an-english-one",
        "LLMROUTER_DATABASE_URL": "postgresql://me:p%40ss@host/name",
    })  # fmt: skip
    expected = {"sk-openai-1", "admin-token", "hunter2hunter2", "p%40ss", "p@ss"}
    assert keyring.secrets() == expected
    keyring.key("LAB")
    assert keyring.secrets() == expected | {"lab-secret"}


def test_a_keyring_shows_no_secret() -> None:
    assert "sk-1" not in repr(Keyring({"OPENAI_API_KEY": "sk-1"}))


def test_a_value_that_is_no_secret_can_be_asked_for() -> None:
    keyring = Keyring({"OLLAMA_BASE_URL": " http://box:11434 ", "EMPTY": " "})
    assert keyring.value("OLLAMA_BASE_URL") == "http://box:11434"
    assert keyring.value("EMPTY") is None
    assert not keyring.secrets()


# --- weight --------------------------------------------------------------------------------------


def test_asking_for_the_version_reads_no_settings() -> None:
    code = (
        "import sys; sys.argv = ['llmrouter', '--version']; "
        "from llmrouter.__main__ import main; main(); "
        "assert not {'pydantic', 'llmrouter.settings'} & set(sys.modules)"
    )
    package = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=package, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("llmrouter ")
