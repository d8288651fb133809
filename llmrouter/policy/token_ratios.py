"""How far a model's own token counts are from ours, learnt from what its provider reports."""

from __future__ import annotations

from typing import Final, Literal

from llmrouter.core.records import Record
from llmrouter.policy.token_counts import ContentKind

RatioKind = ContentKind | Literal["output"]
"""What was counted: a kind of prompt, or what a model said."""

_PRIOR_TOKENS: Final = 200.0
"""How many tokens of agreement are assumed before anything was learnt: one short reply must not
turn an estimate over."""

_MEMORY_TOKENS: Final = 500_000.0
"""What lies further back counts half: models are replaced under the same name."""

_LEAST: Final = 0.2
_MOST: Final = 5.0


class LearntRatio(Record):
    """What was counted and what was reported of one model and kind of content, in tokens."""

    model: str
    kind: RatioKind
    counted_tokens: float = 0.0
    reported_tokens: float = 0.0

    @property
    def ratio(self) -> float:
        """Tokens for each token that was counted."""
        ratio = (_PRIOR_TOKENS + self.reported_tokens) / (_PRIOR_TOKENS + self.counted_tokens)
        return min(max(ratio, _LEAST), _MOST)

    def with_more(self, counted_tokens: int, reported_tokens: int) -> LearntRatio:
        """The same with one more observation; old ones fade."""
        fading = 0.5 if self.counted_tokens > _MEMORY_TOKENS else 1.0
        return LearntRatio(
            self.model,
            self.kind,
            self.counted_tokens * fading + counted_tokens,
            self.reported_tokens * fading + reported_tokens,
        )
