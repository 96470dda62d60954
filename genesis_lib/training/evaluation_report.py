"""The folder of an evaluation: what a registered model did on some data, as JSON, page and Markdown."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from genesis_lib.models.artifact import Artifact
from genesis_lib.models.stages import sync
from genesis_lib.training.card import card_files, evaluation_card
from genesis_lib.training.dataset import Rows
from genesis_lib.training.evaluation import Evaluation
from genesis_lib.training.latency import ROWS, step_latency
from genesis_lib.types import Snapshots

FOLDER = "evaluations"


def write_evaluation(
    artifact: Artifact, evaluation: Evaluation, sessions: Sequence[Snapshots], reports: str | Path = "reports"
) -> Path:
    """Write ``<reports>/evaluations/<name>-<version>-<data hash>/card.{json,html,md}`` and give the folder.

    Latency is measured on the longest of the sessions. A file that was there is replaced in one step.

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    longest = max(sessions, key=len)[: artifact.window + artifact.features().warmup + 2 * ROWS]
    rows = Rows.of([longest], artifact.levels, artifact.features())
    card = evaluation_card(artifact, evaluation, step_latency(artifact, rows.inputs, rows.starts))
    folder = Path(reports) / FOLDER / f"{artifact.name}-{artifact.version}-{evaluation.data_hash[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    write_files(folder, card_files(card))
    return folder


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder, each under another name first, so that one that is there is whole."""
    for name, content in files.items():
        handle, temporary = tempfile.mkstemp(prefix=f".{name}-", dir=folder)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(folder / name)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    sync(folder)
