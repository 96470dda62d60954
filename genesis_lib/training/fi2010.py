"""The FI-2010 benchmark: its published text files, its standard setups, and any kind of model trained and tested on it.

Five Finnish stocks over ten days of June 2010, every tenth event a sample, normalised by whoever published it. The
figures are for comparison with papers alone: its labels are smooth, its stocks few and its days long past.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.features import model_inputs
from genesis_lib.feeds.formats.fi2010 import read_samples
from genesis_lib.models.kinds import KINDS, kind
from genesis_lib.models.scaler import Scaler
from genesis_lib.training.fi2010_figures import HORIZONS
from genesis_lib.training.labels import run_starts
from genesis_lib.training.parallel import in_order
from genesis_lib.training.scores import class_scores, scores

KS = (10, 20, 30, 50, 100)  # the horizons of the five label columns, in events
SETUPS = {  # (number of the training file, numbers of the test files) of each round
    "7-3": ((7, (7, 8, 9)),),
    "anchored": tuple((day, (day,)) for day in range(1, 10)),
}
NORMALISATIONS = ("ZScore", "MinMax", "DecPre")
HELD = 0.2  # of each stock's training samples, the newest, to choose on: what the papers hold out
FAR = 20.0  # a row at which all prices change and the mid by so many usual steps begins another stock (or day)
TRAINABLE = tuple(name for name in KINDS if name not in ("persistence", "ensemble"))


@dataclass(frozen=True)
class Benchmark:
    """Samples of several files, one after the other, as `genesis_lib.training.members.train_network` takes rows.

    Parameters
    ----------
    inputs
        (n, 40) float32: ask price, ask size, bid price, bid size of each level, as the file has them.
    classes
        (n, 5) int8, DOWN, NEUTRAL, UP for each of `KS`.
    starts
        (n,) first sample of the unbroken stretch of one stock.
    part
        (n,) 0 for what the training file holds, 1 for the test files.
    """

    inputs: np.ndarray
    classes: np.ndarray
    starts: np.ndarray
    part: np.ndarray
    columns: tuple[str, ...] = model_inputs(10)
    mirrored: np.ndarray | None = None

    @classmethod
    def read(cls, train: Path, tests: Sequence[Path]) -> Benchmark:
        """Read one training file and its test files; no stretch goes on from one to the next."""
        books, classes, starts, parts = [], [], [], []
        first = 0
        for number, path in enumerate((train, *tests)):
            book, labels = read_samples(path)
            books.append(book.astype(np.float32))
            classes.append((3 - labels).astype(np.int8))  # 1 is up, 3 is down
            starts.append(stock_starts(book) + first)
            parts.append(np.full(len(book), min(number, 1), np.int8))
            first += len(book)
        return cls(*(np.concatenate(each) for each in (books, classes, starts, parts)))

    def __len__(self) -> int:
        return len(self.inputs)

    def fit_scaler(self, used: np.ndarray) -> Scaler:
        """Standardise by the samples that are `used` (n,) bool."""
        return Scaler.fit(self.inputs[used])

    def parts(self, window: int) -> dict[str, np.ndarray]:
        """Samples with a whole window of one stock that are trained on, chosen on and tested on.

        The newest fifth of each stock's training samples is held to choose on. Between the two as many samples are
        left out as windows reach back and labels ahead.

        Raises
        ------
        InputError
            When one of them is empty.
        """
        row = np.arange(len(self))
        lengths = np.bincount(self.starts, minlength=len(self))[self.starts]
        place = row - self.starts
        whole, known = place >= window - 1, self.part == 0
        held_from = lengths - np.round(HELD * lengths).astype(np.int64)
        apart = window - 1 + max(KS)
        found = {
            "train": whole & known & (place < held_from - apart),
            "validation": whole & known & (place >= held_from),
            "test": whole & ~known,
        }
        for name, mask in found.items():
            if not mask.any():
                raise InputError(f"FI-2010: no sample to {name} on has {window} samples of its stock before it")
        return {name: np.flatnonzero(mask) for name, mask in found.items()}


def stock_starts(book: np.ndarray) -> np.ndarray:
    """First sample (n,) of the stretch of one stock that each sample lies in, as far as the file lets it be told.

    A file holds stocks and days one after the other and does not mark where one ends. Another begins where all prices
    change at once and the mid by more than `FAR` times its median change; where normalisation hid that, two stocks look
    like one.
    """
    prices = book[:, 0::2]
    change = prices[1:] - prices[:-1]
    moves = np.abs(change[:, 0] + change[:, 1]) / 2.0
    usual = float(np.median(moves[moves > 0])) if (moves > 0).any() else np.inf
    breaks = (change != 0).all(axis=1) & (moves > FAR * usual)
    stock = np.concatenate([[0], np.cumsum(breaks)])
    return run_starts(np.ones(len(book), bool), stock)


def locate(folder: str | Path, setup: str = "7-3", normalisation: str | None = None) -> list[tuple[Path, list[Path]]]:
    """Find the training file and the test files of every round of a setup, anywhere under a folder.

    Of several normalisations the z-score is taken, which the papers use, unless `normalisation` names another.

    Raises
    ------
    InputError
        For an unknown setup or normalisation, or a file that is missing or there twice.
    """
    root = Path(folder)
    if setup not in SETUPS:
        raise InputError(f"setup must be one of {', '.join(SETUPS)}, got {setup!r}")
    if normalisation is not None and normalisation not in NORMALISATIONS:
        raise InputError(f"normalisation must be one of {', '.join(NORMALISATIONS)}, got {normalisation!r}")
    if not root.is_dir():
        raise InputError(
            f"{root} is no folder; it must hold FI-2010's text files (Train_Dst_NoAuction_ZScore_CF_7.txt)"
        )
    files = sorted(root.rglob("*_Dst_*_CF_*.txt*"))
    there = [name for name in NORMALISATIONS if any(f"_{name.lower()}_" in path.name.lower() for path in files)]
    chosen = normalisation or next(iter(there), NORMALISATIONS[0])

    def one(part: str, number: int) -> Path:
        pattern = re.compile(rf"{part}_Dst_.*_{chosen}_CF_{number}\.txt(\.\w+)?", re.IGNORECASE)
        found = [path for path in files if pattern.fullmatch(path.name)]
        if len(found) != 1:
            seen = f"there are {len(found)} such files" if found else "there is none"
            raise InputError(f"{root}: {part}_Dst_NoAuction_{chosen}_CF_{number}.txt is needed, and {seen}")
        return found[0]

    return [(one("Train", train), [one("Test", number) for number in tests]) for train, tests in SETUPS[setup]]


def run_benchmark(
    folder: str | Path,
    model: str = "causal-16",
    setup: str = "7-3",
    *,
    horizons: Sequence[int] = HORIZONS,
    normalisation: str | None = None,
    training: object = None,
    shape: dict[str, object] | None = None,
    seed: int = 7,
    jobs: int = 1,
    told: Callable[[str], None] = lambda line: None,
) -> dict[str, object]:
    """Train a kind of model on the training days for each horizon by itself, and test it on the days that follow.

    Parameters
    ----------
    folder
        Where the published text files are.
    model
        A key of `genesis_lib.models.kinds.KINDS`, persistence and ensemble apart.
    setup
        ``7-3``: trained on seven days, tested on three. ``anchored``: nine rounds, each trained on all days before the
        one tested; scores are means over them.
    horizons
        Of `KS`, in events; a model each.
    normalisation
        ``ZScore``, ``MinMax`` or ``DecPre``.
    training, shape
        `TrainingConfig` of a network (the kind's recipe when left out) and fields of the kind's configuration.
    seed
        Of the weights.
    jobs
        Horizons at a time, see `genesis_lib.training.parallel.in_order`.
    told
        Is given a line about each file set and horizon as it is done.

    Returns
    -------
    dict
        ``setup``, ``normalisation``, ``model``, ``rounds`` (samples, stocks told apart, class shares, scores a
        horizon), and ``f1``, ``f1_weighted``, ``accuracy``, ``mcc`` by horizon: F1 is the mean over classes, beside it
        the mean weighted by the classes' support, which some papers report.
    """
    if model not in TRAINABLE:
        raise InputError(f"model must be one of {', '.join(TRAINABLE)}, got {model!r}")
    if not horizons or not set(horizons) <= set(KS):
        raise InputError(f"horizons must be among {', '.join(map(str, KS))}, got {tuple(horizons)!r}")
    rounds = []
    places = locate(folder, setup, normalisation)
    for train, tests in places:
        data = Benchmark.read(train, tests)
        told(f"{train.name}: {len(data):,} samples, {len(np.unique(data.starts))} stretches")
        work = [joblib.delayed(_horizon)(data, model, KS.index(k), training, shape or {}, seed) for k in horizons]
        found = {}
        for k, one in zip(horizons, in_order(work, jobs)):
            found[k] = one
            told(f"k = {k}: F1 {100 * one['f1']:.1f}")
        rounds.append(
            {
                "train": train.name,
                "test": [path.name for path in tests],
                "samples": {"train": int((data.part == 0).sum()), "test": int((data.part == 1).sum())},
                "stretches": len(np.unique(data.starts)),
                "horizons": found,
            }
        )
    means = {
        name: {k: float(np.mean([each["horizons"][k][name] for each in rounds])) for k in horizons}
        for name in ("f1", "f1_weighted", "accuracy", "mcc")
    }
    used = next(name for name in NORMALISATIONS if f"_{name.lower()}_" in places[0][0].name.lower())
    return {"setup": setup, "normalisation": used, "model": model, "rounds": rounds, **means}


def _horizon(data: Benchmark, model: str, column: int, training, shape: dict[str, object], seed: int):
    """Scores on the test samples of one model trained for one horizon."""
    classes = data.classes[:, [column]]
    proba, at = (_network if kind(model).torch else _estimator)(data, model, classes, training, shape, seed)
    truth = classes[at, 0]
    counted, by_class = scores(truth, proba), class_scores(truth, proba.argmax(axis=1))
    weighted = float(np.average(by_class["f1"], weights=by_class["support"]))
    shares = by_class["support"] / by_class["support"].sum()
    return {
        "f1": counted.pop("macro_f1"),
        "f1_weighted": weighted,
        **counted,
        "tested": len(truth),
        "shares": shares.tolist(),
    }


def _network(data: Benchmark, model: str, classes: np.ndarray, training, shape: dict[str, object], seed: int):
    from genesis_lib.training.config import recipe
    from genesis_lib.training.members import Part, train_network

    config = kind(model).configure(data.columns, 1, **shape)
    parts = data.parts(config.window)
    # Prices are scaled, so a book upside down and sizes times a factor are no books of the set.
    settings = replace(training or recipe(model), augment=False)
    given = {name: Part(row, classes[row]) for name, row in parts.items()}
    trained = train_network(data, given, config, settings, seed)
    return trained.proba, parts["test"]


def _estimator(data: Benchmark, model: str, classes: np.ndarray, training, shape: dict[str, object], seed: int):
    from genesis_lib.training.estimators import fit_estimator

    parts = data.parts(1)
    given = [values[parts[name]] for name in ("train", "validation") for values in (data.inputs, classes[:, 0])]
    fitted = fit_estimator(model, *given, data.columns, config=shape, seed=seed)
    logits = fitted.net.score(fitted.scaler.transform(data.inputs[parts["test"]]))[:, 0]
    power = np.exp(logits - logits.max(axis=1, keepdims=True))
    return power / power.sum(axis=1, keepdims=True), parts["test"]
