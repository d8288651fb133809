"""Writes `docs/classifier.md`: what the classifier reaches, measured on sources that it was not
trained on."""

import gc
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time

from llmrouter.policy.classifier import LocalClassifier
from llmrouter.policy.classifier.lexicon import load_lexicon
from llmrouter.policy.classifier.scores import CATEGORIES
from llmrouter.policy.classifier.weights import load_weights
from training.card import DATA_CARD
from training.dataset import Data
from training.evaluate import CustomOutcome, Outcome, accuracy, macro_f1

CONFIDENT = 0.8
MIN_LANGUAGE_ROWS = 20
LONG_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What a classification costs on the machine that wrote the report."""

    p50_ms: float
    p99_ms: float
    long_ms: float
    load_ms: float
    memory_mib: float


def _loaded() -> LocalClassifier:
    """Gives a classifier read anew: `LocalClassifier.load` remembers the first one."""
    return LocalClassifier(load_weights(), load_lexicon())


def measure(texts: Sequence[str]) -> Cost:
    """Times the packaged classifier on these texts, one after the other, in this process."""
    gc.collect()
    tracemalloc.start()
    classifier = _loaded()
    memory = tracemalloc.get_traced_memory()[0] / 2**20
    tracemalloc.stop()
    load = _best_ms(_loaded, 3)
    times = sorted(_best_ms(lambda text=text: classifier.score(text), 3) for text in texts)
    log = "2031-02-03T04:05:06 ERROR worker.pool task failed: connection reset by peer\n"
    long = log * (LONG_CHARACTERS // len(log))
    return Cost(
        times[len(times) // 2],
        times[len(times) * 99 // 100],
        _best_ms(lambda: classifier.score(long), 5),
        load,
        memory,
    )


def _best_ms(call: Callable[[], object], repeats: int) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = process_time()
        call()
        best = min(best, process_time() - start)
    return best * 1000


def write_report(
    path: Path,
    data: Data,
    outcomes: Sequence[Outcome],
    custom: tuple[Sequence[CustomOutcome], frozenset[str]],
    sizes: Mapping[str, int],
    temperature: float,
) -> None:
    """Writes the report; everything in it but the times follows from the data."""
    strict = [outcome for outcome in outcomes if not outcome.row.also]
    confident = [outcome for outcome in strict if outcome.confidence >= CONFIDENT]
    cost = measure([row.text for row in data.dev])
    accepted = sum(outcome.is_accepted for outcome in outcomes) / len(outcomes)
    parts = [
        "# The local classifier",
        (
            "Written by `python -m training.train --data DIR`. Every figure of quality comes from "
            "classifiers that never saw the row's source: whole sources are left out in turn, and "
            "the run-time code of the package scores them, earlier texts as context."
        ),
        _table(
            ("measure", "value"),
            [
                ("strict rows", str(len(strict))),
                ("strict accuracy", f"{accuracy(strict):.3f}"),
                ("macro-F1", f"{macro_f1(strict, CATEGORIES):.3f}"),
                ("accuracy, acceptable categories counted, all rows", f"{accepted:.3f}"),
                (f"right when confidence ≥ {CONFIDENT}", f"{accuracy(confident):.3f}"),
                (f"share with confidence ≥ {CONFIDENT}", f"{len(confident) / len(strict):.3f}"),
                ("calibration error (ten bins)", f"{_calibration_error(strict):.3f}"),
                ("temperature", f"{temperature:.2f}"),
            ],
        ),
        "## By language (strict rows, languages with at least "
        f"{MIN_LANGUAGE_ROWS})\n\n" + _by(strict, lambda o: o.row.language, MIN_LANGUAGE_ROWS),
        "## By slice\n\n" + _by(strict, lambda o: o.row.slice),
        "## By source left out\n\n" + _by(strict, lambda o: o.row.source),
        "## Confusion\n\n" + _confusion(strict),
        "## Calibration\n\n" + _calibration(strict),
        "## Custom categories\n\n" + _custom(*custom),
        "## Size and speed\n\n"
        + _table(
            ("measure", "value"),
            [(name, f"{size / 1000:.0f} kB") for name, size in sizes.items()]
            + [
                ("time per text, median", f"{cost.p50_ms:.2f} ms"),
                ("time per text, 99th percentile", f"{cost.p99_ms:.2f} ms"),
                (f"a pasted log of {LONG_CHARACTERS // 1000} kB", f"{cost.long_ms:.2f} ms"),
                ("loading, once", f"{cost.load_ms:.0f} ms"),
                ("memory once loaded", f"{cost.memory_mib:.1f} MiB"),
            ],
        )
        + "\n\nPure Python, one thread, best of three runs per text over the development prompts.",
        DATA_CARD.format(made=len(data.own), **_used(data)),
    ]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")


def _used(data: Data) -> dict[str, str]:
    rows = [row for row in (*data.dev, *data.extra) if row.is_trained]
    counts = Counter((row.source, row.licence) for row in rows)
    lines = [(s, licence, str(n)) for (s, licence), n in sorted(counts.items())]
    left = sorted({row.source for row in (*data.dev, *data.extra) if not row.is_shareable})
    return {"sources": _table(("source", "licence", "rows"), lines), "left_out": ", ".join(left)}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _by(outcomes: Sequence[Outcome], key: Callable[[Outcome], str], least: int = 1) -> str:
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[key(outcome)].append(outcome)
    ranked = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    rows = [
        (name, str(len(group)), f"{accuracy(group):.3f}")
        for name, group in ranked
        if len(group) >= least
    ]
    return _table(("", "rows", "accuracy"), rows)


def _confusion(outcomes: Sequence[Outcome]) -> str:
    counts = Counter((o.row.category, o.said) for o in outcomes)
    rows = [(wanted, *(str(counts[wanted, said]) for said in CATEGORIES)) for wanted in CATEGORIES]
    return _table(("label \\ answer", *CATEGORIES), rows)


def _bins(outcomes: Sequence[Outcome]) -> list[tuple[str, list[Outcome]]]:
    bins: dict[int, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        bins[min(int(outcome.confidence * 10), 9)].append(outcome)
    return [(f"{i / 10:.1f} to {(i + 1) / 10:.1f}", bins[i]) for i in sorted(bins)]


def _mean_confidence(outcomes: Sequence[Outcome]) -> float:
    return sum(outcome.confidence for outcome in outcomes) / len(outcomes)


def _calibration(outcomes: Sequence[Outcome]) -> str:
    rows = [
        (name, str(len(group)), f"{_mean_confidence(group):.3f}", f"{accuracy(group):.3f}")
        for name, group in _bins(outcomes)
    ]
    return _table(("confidence", "rows", "mean confidence", "accuracy"), rows)


def _calibration_error(outcomes: Sequence[Outcome]) -> float:
    gaps = ((g, abs(_mean_confidence(g) - accuracy(g))) for _, g in _bins(outcomes))
    return sum(len(group) * gap for group, gap in gaps) / len(outcomes)


def _custom(outcomes: Sequence[CustomOutcome], names: frozenset[str]) -> str:
    right = sum(o.said == o.wanted for o in outcomes) / len(outcomes)
    given = [o for o in outcomes if o.said in names]
    precision = sum(o.said == o.wanted for o in given) / max(len(given), 1)
    rows = []
    for name in sorted(names):
        wanted = [o for o in outcomes if o.wanted == name]
        said = [o for o in outcomes if o.said == name]
        both = sum(o.said == name for o in wanted)
        found = (f"{both / len(wanted):.2f}", f"{both / max(len(said), 1):.2f}")
        rows.append((name, str(len(wanted)), *found))
    return (
        f"Overall {right:.3f} on {len(outcomes)} rows (built-in categories included), precision of "
        f"a custom answer {precision:.3f}. Categories are known by name, description and keywords "
        "only.\n\n" + _table(("category", "rows", "recall", "precision"), rows)
    )
