"""`Costing`: what one attempt used and cost, and who says so."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Final

from llmrouter.core.prices import STANDARD_SERVICE, PriceCard
from llmrouter.core.records import field_names, replace
from llmrouter.core.requests import ChatRequest
from llmrouter.core.usage import (
    UNKNOWN_COST,
    Cost,
    CostBasis,
    Usage,
    UsageSource,
)
from llmrouter.dialects.broken_body import BrokenBody
from llmrouter.dialects.wire import Observed
from llmrouter.pipeline.estimator import Estimator
from llmrouter.policy.pricing import cost_of

_CLASSES: Final = field_names(Usage)
_counts: Final = attrgetter(*_CLASSES)
_NOTHING_BILLED: Final = Cost(0, "computed")


class Costing:
    """Usage and cost of one call, as the fields of the event that ends it.

    ``card`` is the price at the request's time, None where nobody knows one.
    """

    def __init__(
        self, model: str, request: ChatRequest, card: PriceCard | None, estimator: Estimator
    ) -> None:
        self._model = model
        self._request = request
        self._card = card
        self._estimator = estimator
        self.seen: Observed | None = None
        """What is being seen of the reply: it may tell at which service the reply is made."""
        self._body: BrokenBody | None = None

    def so_far(self, usage: Usage) -> int | None:
        """What the client is told that this usage cost, in nano-dollars."""
        tier = None if self.seen is None else self.seen.service_tier
        return None if self._card is None else cost_of(usage, self._card, tier)

    def keep(self, data: bytes) -> None:
        """Takes what arrives of a reply in one piece: should it break off, it may be billed."""
        if self._body is None:
            self._body = BrokenBody()
        self._body.keep(data)

    def of_whole(self, observed: Observed) -> dict[str, Any]:
        """Of a reply that came to its end; the estimator learns from it."""
        if observed.usage is None:
            return self._fields(self._estimate(observed), "estimated", observed)
        self._estimator.learn(self._model, self._request, observed)
        return self._fields(observed.usage, "provider", observed)

    def of_part(self, observed: Observed | None, *, may_have_billed: bool) -> dict[str, Any]:
        """Of a reply that did not; None when none began."""
        if observed is not None and self._body is not None and not observed.first_token:
            self._body.tell(observed)
        if observed is not None and observed.first_token and observed.finish_reason is None:
            return self._fields(self._so_far(observed), "estimated", observed)
        if observed is not None and observed.usage is not None:
            return self._fields(observed.usage, "provider", observed)
        if observed is not None and observed.first_token:
            return self._fields(self._estimate(observed), "estimated", observed)
        cost = UNKNOWN_COST if may_have_billed else _NOTHING_BILLED
        return _fields(Usage(), "none", cost)

    def _so_far(self, observed: Observed) -> Usage:
        """Providers that count the prompt at the start have counted next to nothing of the answer:
        Anthropic's ``message_start`` says one token."""
        estimate = self._estimate(observed)
        said = observed.usage
        if said is None or said.input_tokens is None:
            return estimate
        made = max(said.text_output_tokens or 0, estimate.text_output_tokens or 0)
        return replace(said, text_output_tokens=made)

    def _estimate(self, observed: Observed) -> Usage:
        return self._estimator.usage(self._model, self._request, observed)

    def _fields(self, usage: Usage, source: UsageSource, observed: Observed) -> dict[str, Any]:
        tier = observed.service_tier
        cost = self._cost(usage, source, observed)
        return _fields(usage, source, cost, None if tier == STANDARD_SERVICE else tier)

    def _cost(self, usage: Usage, source: UsageSource, observed: Observed) -> Cost:
        """The provider's own figure beats ours, and counted tokens beat estimated ones."""
        if observed.reported_cost_nusd is not None:
            return Cost(observed.reported_cost_nusd, "provider_reported")
        card = self._card
        nusd = None if card is None else cost_of(usage, card, observed.service_tier)
        if nusd is None or card is None:
            return UNKNOWN_COST
        basis: CostBasis = "computed" if source == "provider" else "estimated"
        return Cost(nusd, basis, card.id)


def _fields(
    usage: Usage, source: UsageSource, cost: Cost, service_tier: str | None = None
) -> dict[str, Any]:
    return dict(
        zip(_CLASSES, _counts(usage), strict=True),  # the event calls them as `Usage` does
        usage_source=source,
        cost_nusd=cost.nusd,
        cost_basis=cost.basis,
        price_id=cost.price_id,
        service_tier=service_tier,
    )
