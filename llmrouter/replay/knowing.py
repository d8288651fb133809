"""What was known then of keys and models.  Neither is an event: decisions tell of both.

A candidate that was refused for want of a key says that the key was not set; one that was not,
that it was.  So it is with what a model could do.  What no decision tells of is taken from today
(keys) or not known (models).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from llmrouter.core.capabilities import Learned, ModelFacts
from llmrouter.core.records import replace
from llmrouter.core.routing import Need, Refusal, Target
from llmrouter.pipeline.ports import Keyring
from llmrouter.policy.needs import BECAUSE, REFUSED_FOR, key_variable
from llmrouter.policy.table import RoutingTable

_NEED_OF: Final[Mapping[Refusal, Need]] = {refusal: need for need, refusal in REFUSED_FOR.items()}
_WINDOW: Final = re.compile(r"for a window of (\d+)\Z")
_AFTER_NEEDS: Final = frozenset({None, "breaker_open", "cooling_down", "account_locked"})
_SET: Final = "set"


class KnownThen:
    """Fits where `select` looks for keys and for what was learned of models."""

    def __init__(self, today: Keyring) -> None:
        self._today = today
        self._keys: dict[str, bool] = {}
        self._said: dict[str, ModelFacts] = {}
        self._refused: dict[str, frozenset[Need]] = {}

    def learn(
        self, selected: Mapping[str, Any], needs: frozenset[Need], table: RoutingTable
    ) -> None:
        """Takes in what a decision under this version tells."""
        for candidate in selected["candidates"]:
            provider_name, _, model = candidate["target"].partition("/")
            target = Target(provider_name, model, candidate.get("account") or "default")
            provider = table.provider(provider_name)
            refused: Refusal | None = candidate["refused"]
            if provider is None or refused == "unknown_provider":
                continue
            variable = key_variable(provider, target.account)
            if variable is not None and not provider.key_optional:
                self._keys[variable] = refused != "no_credentials"
            if refused != "no_credentials":
                self._learn_model(target, refused, candidate.get("detail"), needs)

    def key(self, variable: str) -> str | None:
        """Something when the variable held a key then, None when it did not."""
        known = self._keys.get(variable)
        if known is None:
            return _SET if self._today.key(variable) is not None else None
        return _SET if known else None

    def secrets(self) -> tuple[str, ...]:
        """None: no key is ever read here."""
        return ()

    def is_told(self, variable: str | None) -> bool:
        """Whether the log tells of this variable."""
        return variable is None or variable in self._keys

    def of(self, target: Target) -> Learned:
        """Everything that was known of the target's model, beside the configuration."""
        said = self._said.get(target.name)
        refused = self._refused.get(target.name)
        if said is None and refused is None:
            return NOTHING
        return Learned(said or ModelFacts(), refused or frozenset())

    def _learn_model(
        self, target: Target, refused: Refusal | None, detail: str | None, needs: frozenset[Need]
    ) -> None:
        name = target.name
        need = _NEED_OF.get(refused) if refused is not None else None
        if need is not None and detail == BECAUSE["evidence"]:
            self._refused[name] = self._refused.get(name, frozenset()) | {need}
        elif need is not None and detail == BECAUSE["provider"]:
            self._said[name] = replace(self._said.get(name, ModelFacts()), **{need: False})
        elif refused == "context_too_small" and detail is not None:
            window = _WINDOW.search(detail)
            if window is not None:
                said = self._said.get(name, ModelFacts())
                self._said[name] = replace(said, context_tokens=int(window[1]))
        elif refused in _AFTER_NEEDS and needs and (name in self._refused or name in self._said):
            # It was good enough for these needs: whatever was said against them is over.
            self._refused[name] = self._refused.get(name, frozenset()) - needs
            said = self._said.get(name, ModelFacts())
            self._said[name] = replace(said, **dict.fromkeys(needs))


NOTHING: Final = Learned(ModelFacts(), frozenset())
