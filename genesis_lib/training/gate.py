"""The gate between a challenger and the champion: rows neither may learn from, and what must be shown on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.models.artifact import Artifact
from genesis_lib.training.dataset import Rows
from genesis_lib.training.evaluation import answers, evaluate
from genesis_lib.types import Snapshots

BOOTSTRAP_DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of a challenger; `gain` is the champion's log-loss minus the challenger's, in nats a row."""

    promote: bool
    reason: str
    gain: float
    low: float  # 5th percentile of the gain, moving-block bootstrap
    high: float  # 95th
    rows: int


def judge(
    champion: np.ndarray | None, challenger: np.ndarray, labels: np.ndarray, *, block: int = 200, seed: int = 0
) -> Verdict:
    """Decide whether a challenger beats the champion on rows that the challenger was not trained on.

    Parameters
    ----------
    champion, challenger
        (n, 3) probabilities of the same rows; `champion` None when there is none yet.
    labels
        (n,) classes 0, 1, 2.
    block
        Rows a bootstrap block; neighbouring rows share their label's horizon and are no independent witnesses.

    Notes
    -----
    The statistic is the mean difference of log-loss; its interval comes from the moving-block bootstrap.
    The challenger is promoted only when the whole 90 % interval lies above 0.

    References
    ----------
    H. R. Kuensch, The jackknife and the bootstrap for general stationary observations, Annals of Statistics 17, 1989.
    """
    rows = len(labels)
    if rows == 0:
        raise InputError("labels is empty: the gate needs held-out rows to judge on")
    if champion is None:
        return Verdict(True, "there was no champion", float("nan"), float("nan"), float("nan"), rows)
    if champion.shape != challenger.shape or champion.shape != (rows, 3):
        raise InputError(f"probabilities must be ({rows}, 3), got {champion.shape} and {challenger.shape}")
    index = np.arange(rows)
    gains = np.log(np.clip(challenger[index, labels], 1e-12, 1)) - np.log(np.clip(champion[index, labels], 1e-12, 1))
    block = max(1, min(block, rows // 4))
    starts = np.random.default_rng(seed).integers(0, rows - block + 1, (BOOTSTRAP_DRAWS, max(1, rows // block)))
    sums = np.concatenate([[0.0], np.cumsum(gains)])
    means = (sums[starts + block] - sums[starts]).sum(1) / (starts.shape[1] * block)
    low, high = np.quantile(means, [0.05, 0.95])
    promote = bool(low > 0)
    reason = (
        f"log-loss gain {gains.mean():+.4f} nats a row, 90 % interval [{low:+.4f}, {high:+.4f}] on {rows} held-out rows"
    )
    reason += ": wholly above 0" if promote else ": not wholly above 0, the champion stays"
    return Verdict(promote, reason, float(gains.mean()), float(low), float(high), rows)


def hold_out(sessions: Sequence[Snapshots], share: float = 0.2) -> tuple[list[Snapshots], list[Snapshots]]:
    """Split off the newest rows: what to learn from, and what only the gate may see.

    Both parts are sessions of their own, so no window and no label reaches from one into the other. Sessions recorded
    at once are cut at one moment: markets move together, and one may not tell what the other is about to do.
    """
    from genesis_lib.training.splits import spans

    if not 0 < share < 1:
        raise InputError(f"share must lie between 0 and 1, got {share!r}")
    first, last = (np.array([session.ts_exchange[end] for session in sessions]) for end in (0, -1))
    group = spans(first, last, np.arange(len(sessions)))
    pooled = {g: np.sort(np.concatenate([s.ts_exchange for s, at in zip(sessions, group) if at == g])) for g in group}
    moments = {g: times[min(round(len(times) * (1 - share)), len(times) - 1)] for g, times in pooled.items()}
    cuts = [int(np.searchsorted(s.ts_exchange, moments[g])) for s, g in zip(sessions, group)]
    return [s[:cut] for s, cut in zip(sessions, cuts)], [s[cut:] for s, cut in zip(sessions, cuts)]


def challenge(challenger: Artifact, champion: Artifact | None, held: Sequence[Snapshots]) -> Verdict:
    """Hold two models against each other on sessions that the challenger was not trained on.

    Both answer the challenger's question: its label, with its threshold. Where the champion is still warming up it
    counts as saying 1/3 each. A champion that was trained on these rows has the advantage, and the verdict says so.
    """
    result = evaluate(challenger, held)
    if champion is None:
        return judge(None, result.probabilities, result.classes)
    every = answers(champion, Rows.of(held, champion.levels))[result.samples.row]
    verdict = judge(np.where(np.isfinite(every), every, 1 / 3), result.probabilities, result.classes)
    spans = ((s.instrument.name, int(s.ts_exchange[0]), int(s.ts_exchange[-1])) for s in held if len(s))
    if any(champion.exposure(*span) == "seen" for span in spans):
        return replace(verdict, reason=f"{verdict.reason}; the champion was trained on these rows, which favours it")
    return verdict
