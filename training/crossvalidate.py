"""Scores every development row by a model that never saw the row's source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from llmrouter.policy.classifier.lexicon import Lexicon
from llmrouter.policy.classifier.local import LocalClassifier
from llmrouter.policy.classifier.scores import CATEGORIES
from llmrouter.policy.classifier.weights import Weights
from training.dataset import Data, Row
from training.fit import Array, Matrix, fit, pack


@dataclass(frozen=True, slots=True)
class Folds:
    """What models that never saw a source say of it: raw logits of the development rows in their
    order, and by family of sources the weights trained without it."""

    logits: Array
    weights: Mapping[str, Weights]

    def classifiers(self, temperature: float, lexicon: Lexicon) -> dict[str, LocalClassifier]:
        """Gives the run-time classifier of each fold, by the family that it never saw."""
        return {
            family: LocalClassifier(replace(weights, temperature=temperature), lexicon)
            for family, weights in self.weights.items()
        }


def labels_of(rows: Sequence[Row]) -> NDArray[np.int64]:
    """Gives the rows' categories as numbers."""
    return np.array([CATEGORIES.index(row.category) for row in rows])


def weights_of(rows: Sequence[Row]) -> Array:
    """Gives the rows' weights."""
    return np.array([row.weight for row in rows])


def hold_out_sources(data: Data, matrix: Matrix) -> Folds:
    """Fits one model per family of sources, without the family, and scores the family's rows
    with it."""
    rows = [*data.dev, *data.extra, *data.own]
    labels, weights = labels_of(rows), weights_of(rows)
    families = np.array([row.family for row in rows])
    trained = np.array([row.is_trained for row in rows])
    count = len(data.dev)
    packed: dict[str, Weights] = {}
    logits = np.zeros((count, len(CATEGORIES)))
    for family in sorted({row.family for row in data.dev}):
        chosen = np.where(trained & (families != family))[0]
        held = np.where(families[:count] == family)[0]
        model = fit(matrix, chosen, labels[chosen], weights[chosen])
        logits[held] = matrix.values[held] @ model.weights + model.bias
        packed[family] = pack(matrix, model, 1.0)
    return Folds(logits, packed)


def temperature_for(data: Data, logits: Array) -> float:
    """Gives the temperature at which held-out probabilities are most likely."""
    strict = np.array([i for i, row in enumerate(data.dev) if not row.also and not row.context])
    labels = labels_of([data.dev[i] for i in strict])
    held = logits[strict]

    def surprise(temperature: float) -> float:
        scaled = held / temperature
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        likelihood = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        return -float(likelihood[np.arange(len(labels)), labels].mean())

    return float(minimize_scalar(surprise, bounds=(0.3, 5.0), method="bounded").x)
