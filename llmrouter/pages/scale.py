"""From values to places: round marks on an axis, and logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from llmrouter.core.records import Record


def round_marks(highest: float, about: int = 4) -> list[float]:
    """Round numbers from 0 to the first that is not below ``highest``, about so many steps."""
    if highest <= 0:
        return [0.0, 1.0]
    rough = highest / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    steps = math.ceil(highest / step - 1e-9)
    return [step * n for n in range(steps + 1)]


def thinned(labels: Sequence[str], room: float, width: float = 7.0) -> set[int]:
    """The places of as many labels as fit in the room without touching."""
    longest = max((len(label) for label in labels), default=1)
    fit = max(1, int(room / ((longest + 2) * width)))
    step = max(1, math.ceil(len(labels) / fit))
    return set(range(0, len(labels), step))


class Logarithmic(Record):
    """An axis on which each doubling takes the same room."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Where a value lies; what is off the axis lies at its end."""
        within = min(max(value, self.low), self.high)
        share = math.log(within / self.low) / (math.log(self.high / self.low) or 1.0)
        return self.start + share * (self.end - self.start)
