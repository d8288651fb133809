"""Trains the local classifier's weights, and writes the report: `python -m training.train --data
DIR`.

The same data gives the same bytes.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from llmrouter.policy.classifier.lexicon import Lexicon, load_lexicon
from llmrouter.policy.classifier.reading import read
from llmrouter.policy.classifier.weights import FILE_NAME, pack_weights
from training.crossvalidate import Folds, hold_out_sources, labels_of, temperature_for, weights_of
from training.dataset import Data, read_data
from training.evaluate import judge, judge_custom
from training.fit import fit, pack, to_matrix
from training.report import write_report

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "llmrouter" / "policy" / "classifier"


def train(data: Data, lexicon: Lexicon) -> tuple[Folds, float, bytes]:
    """Gives what the held-out folds found, the temperature, and the bytes of the weights trained
    on all."""
    rows = [*data.dev, *data.extra, *data.own]
    readings = [read(row.text, lexicon) for row in rows]
    folds = hold_out_sources(data, to_matrix(readings))
    temperature = temperature_for(data, folds.logits)
    used = [i for i, row in enumerate(rows) if row.is_trained]
    matrix = to_matrix([readings[i] for i in used])
    chosen = [rows[i] for i in used]
    model = fit(matrix, np.arange(len(used)), labels_of(chosen), weights_of(chosen))
    return folds, temperature, pack_weights(pack(matrix, model, temperature))


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains, writes the weights, then measures and writes the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of dev.jsonl and the rest")
    options = parser.parse_args(arguments)
    data = read_data(options.data)
    lexicon = load_lexicon()
    folds, temperature, packed = train(data, lexicon)
    (PACKAGE / FILE_NAME).write_bytes(packed)
    classifiers = folds.classifiers(temperature, lexicon)
    words = sum(path.stat().st_size for path in (PACKAGE / "words").iterdir())
    write_report(
        ROOT / "docs" / "classifier.md",
        data,
        judge(data.dev, classifiers),
        judge_custom(options.data, classifiers),
        {"weights": len(packed), "lexicon and topic packs": words},
        temperature,
    )


if __name__ == "__main__":
    main()
