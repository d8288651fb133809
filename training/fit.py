"""Fits the linear model, and packs it into cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize

from llmrouter.policy.classifier.reading import Reading
from llmrouter.policy.classifier.scores import CATEGORIES
from llmrouter.policy.classifier.weights import CELL_OFFSET, Weights, hash_unit

CELL_BITS = 17
UNIT_PRIOR = 12.0
"""Units count 1/sqrt(their number + this): a long text does not shout down its marks."""

NAMED_PENALTY = 1.2e-4
UNIT_PENALTY = 0.8e-4
UNITLESS_WEIGHT = 0.5
"""Each row is also shown without its words, so that marks and concepts learn to stand alone, as
they must in a language with few examples."""

MIN_ROWS = 2
UNIT_GAIN = 3.0

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Readings as numbers: a sparse matrix, and what its columns are."""

    values: sparse.csr_matrix
    columns: list[str]
    named: int


def to_matrix(readings: Sequence[Reading]) -> Matrix:
    """Gives the matrix of the readings; the named features' columns come first."""
    named: dict[str, int] = {}
    unit_rows: dict[str, int] = {}
    for reading in readings:
        for name in reading.named:
            named[name] = named.get(name, 0) + 1
        for unit in reading.units:
            unit_rows[unit] = unit_rows.get(unit, 0) + 1
    columns = sorted(name for name, rows in named.items() if rows >= 3)
    count = len(columns)
    columns += sorted(unit for unit, rows in unit_rows.items() if rows >= MIN_ROWS)
    index_named = {name: i for i, name in enumerate(columns[:count])}
    index_unit = {name: i + count for i, name in enumerate(columns[count:])}
    data: list[float] = []
    indices: list[int] = []
    starts = [0]
    for reading in readings:
        for name in reading.named:
            if (i := index_named.get(name)) is not None:
                indices.append(i)
                data.append(1.0)
        value = UNIT_GAIN / (len(reading.units) + UNIT_PRIOR) ** 0.5
        for unit in reading.units:
            if (i := index_unit.get(unit)) is not None:
                indices.append(i)
                data.append(value)
        starts.append(len(indices))
    values = sparse.csr_matrix((data, indices, starts), shape=(len(readings), len(columns)))
    return Matrix(values, columns, count)


@dataclass(frozen=True, slots=True)
class Model:
    """Fitted weights, a row per column of the matrix."""

    weights: Array
    bias: Array


def fit(
    matrix: Matrix, rows: NDArray[np.int64], labels: NDArray[np.int64], row_weights: Array
) -> Model:
    """Fits a softmax regression on some rows of the matrix, each shown with and without its
    units."""
    full = matrix.values[rows]
    bare = full.copy()
    bare.data[bare.indices >= matrix.named] = 0.0
    bare.eliminate_zeros()
    design = sparse.vstack([full, bare]).tocsr()
    transposed = design.T.tocsr()
    wanted = np.eye(len(CATEGORIES))[np.concatenate([labels, labels])]
    share = np.concatenate([row_weights, row_weights * UNITLESS_WEIGHT])
    share = share / share.sum()
    columns = design.shape[1]
    penalty = np.full((columns, 1), UNIT_PENALTY)
    penalty[: matrix.named] = NAMED_PENALTY
    classes = len(CATEGORIES)

    def loss(flat: Array) -> tuple[float, Array]:
        weights = flat[: columns * classes].reshape(columns, classes)
        bias = flat[columns * classes :]
        logits = design @ weights + bias
        logits -= logits.max(axis=1, keepdims=True)
        exponentials = np.exp(logits)
        total = exponentials.sum(axis=1, keepdims=True)
        probabilities = exponentials / total
        value = -float((share[:, None] * wanted * (logits - np.log(total))).sum())
        error = (probabilities - wanted) * share[:, None]
        gradient = transposed @ error + 2 * penalty * weights
        value += float((penalty * weights**2).sum())
        return value, np.concatenate([gradient.ravel(), error.sum(axis=0)])

    found = minimize(
        loss,
        np.zeros(columns * classes + classes),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 120, "maxcor": 10},
    )
    weights = found.x[: columns * classes].reshape(columns, classes)
    return Model(weights, found.x[columns * classes :])


def pack(matrix: Matrix, model: Model, temperature: float) -> Weights:
    """Gives the weights as they are shipped: centred, rounded, units in cells (the stronger wins
    a cell)."""
    weights = model.weights - model.weights.mean(axis=1, keepdims=True)
    bias = model.bias - model.bias.mean()
    named = {
        name: tuple(round(float(v), 3) for v in weights[i])
        for i, name in enumerate(matrix.columns[: matrix.named])
        if np.abs(weights[i]).max() >= 0.01
    }
    units = weights[matrix.named :]
    strength = np.abs(units).max(axis=1)
    scale = float(np.quantile(strength, 0.9995)) / 127
    order = np.argsort(-strength, kind="stable")
    cells = [0] * (1 << CELL_BITS)
    for i in order:
        signed = np.clip(np.rint(units[i] / scale), -127, 127).astype(int)
        if not signed.any():
            continue
        key = hash_unit(matrix.columns[matrix.named + int(i)])
        place = key & ((1 << CELL_BITS) - 1)
        if cells[place]:
            continue
        first, second, third = (int(v) + CELL_OFFSET for v in signed)
        cells[place] = (key >> 24) << 24 | first << 16 | second << 8 | third
    return Weights(
        bias=tuple(round(float(v), 4) for v in bias),
        named=named,
        unit_scale=scale * UNIT_GAIN,
        unit_prior=UNIT_PRIOR,
        temperature=round(temperature, 3),
        cells=cells,
    )
