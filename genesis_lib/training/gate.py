"""The gate between a challenger and the champion: rows neither may learn from, and what must be shown on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.models.artifact import Artifact
from genesis_lib.training.bootstrap import Blocks, block_interval
from genesis_lib.training.dataset import Rows
from genesis_lib.training.evaluation import evaluate
from genesis_lib.types import Snapshots

BOOTSTRAP_DRAWS = 1000
CONFIDENCE = 0.9


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
    champion: np.ndarray | None,
    challenger: np.ndarray,
    labels: np.ndarray,
    *,
    block: int = 200,
    seed: int = 0,
    blocks: Blocks | None = None,
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
    blocks
        Blocks of another making, instead of `block` and `seed`.

    Notes
    -----
    The statistic is the mean difference of log-loss; its interval comes from the moving-block bootstrap.
    The challenger is promoted only when the whole 90 % interval lies above 0. Rows that make fewer than
    `bootstrap.FEWEST_BLOCKS` blocks show nothing, and the champion stays.

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
    blocks = blocks or Blocks(block, np.zeros(rows, np.int64), BOOTSTRAP_DRAWS, seed)
    gain = block_interval(gains, blocks, CONFIDENCE)
    promote = bool(gain.low > 0)
    reason = f"log-loss gain {gain.value:+.4f} nats a row"
    if np.isnan(gain.low):
        reason += f" on {rows} held-out rows, too few for an interval: the champion stays"
    else:
        reason += f", 90 % interval [{gain.low:+.4f}, {gain.high:+.4f}] on {rows} held-out rows"
        reason += ": wholly above 0" if promote else ": not wholly above 0, the champion stays"
    return Verdict(promote, reason, gain.value, gain.low, gain.high, rows)


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

    Both answer the challenger's question: its label, with its threshold. A champion of several heads answers with the
    one that was asked the same. Where the champion is still warming up it counts as saying 1/3 each. A champion that
    was trained on these rows has the advantage, and the verdict says so. Models may be of any kind and read any
    columns.
    """
    result = evaluate(challenger, held)
    if champion is None:
        return judge(None, result.probabilities, result.classes)
    head = same_question(champion, challenger.label)
    every = _answers(champion, [session for session in held if len(session)], head)[result.samples.row]
    verdict = judge(
        np.where(np.isfinite(every), every, 1 / 3),
        result.probabilities,
        result.classes,
        blocks=result.board.blocks,
    )
    spans = ((s.instrument.name, int(s.ts_exchange[0]), int(s.ts_exchange[-1])) for s in held if len(s))
    if any(champion.exposure(*span) == "seen" for span in spans):
        return replace(verdict, reason=f"{verdict.reason}; the champion was trained on these rows, which favours it")
    return verdict


def same_question(model: Artifact, label: Mapping[str, Any]) -> int:
    """The head of a model whose label is this one but for its threshold; the primary head where none is."""
    asked = {key: value for key, value in label.items() if key != "threshold"}
    heads = range(len(model.labels))
    return next((i for i in heads if asked.items() <= model.labels[i].items()), model.head)


def _answers(model: Artifact, sessions: Sequence[Snapshots], head: int) -> np.ndarray:
    """Probabilities (N, 3) at every row, the columns of one session in memory at a time."""
    parts = []
    for session in sessions:
        rows = Rows.of([session], model.levels, model.features())
        parts.append(model.predict_heads(rows.inputs, rows.starts >= 0)[:, head])
    return np.concatenate(parts)
