"""LOBSTER's rows against messages: their own, and those of a deeper file."""

from __future__ import annotations

from pathlib import Path

import pytest

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.audits.lobster_rows import audit_lobster
from genesis_lib.feeds.integrity import Ledger

NAME = "TEST_2012-06-21_34200000_57600000"


def audited(paths, ledger: Ledger | None = None) -> list[dict]:
    return [found for _, found in audit_lobster(paths, ledger or Ledger())]


@pytest.fixture
def real(recordings: Path) -> list[Path]:
    paths = sorted((recordings / "lobster").glob("*.csv"))
    if len(paths) < 3:
        pytest.skip("the LOBSTER samples are not here")
    return paths


def shallow(market, levels: int = 10) -> tuple[list[str], list[str]]:
    """What LOBSTER gives of fewer levels: the messages that lie within them, and their rows."""
    kept, rows, last = [], [], None
    for message, row in zip(market.messages, market.rows):
        row = ",".join(row.split(",")[: 4 * levels])
        if row != last or message.split(",")[1] == "5":
            kept.append(message)
            rows.append(row)
        last = row
    return kept, rows


@pytest.mark.parametrize("seed", range(3))
def test_a_sound_pair(seed: int, lobster_market, tmp_path: Path) -> None:
    (found,) = audited(lobster_market(seed).run(300).write(tmp_path)[::-1])
    assert found["snapshots"] == found["snapshots_equal"] == 299 and found["gaps"] == 0


def test_one_number_of_a_row(lobster_market, tmp_path: Path) -> None:
    market = lobster_market(1).run(200)
    fields = market.rows[100].split(",")
    fields[5] = str(int(fields[5]) + 1)  # the size of the second ask
    market.rows[100] = ",".join(fields)
    (found,) = audited(market.write(tmp_path))
    assert found["snapshots"] == 199 and found["snapshots_equal"] == 197  # into the row and out of it
    assert found["gaps"] == 2


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_fewer_levels_than_the_messages(seed: int, lobster_market, tmp_path: Path) -> None:
    market = lobster_market(seed, levels=20, seeded=60).run(150)
    messages, _ = market.write(tmp_path)
    _, rows = shallow(market)
    book = tmp_path / f"{NAME}_orderbook_10.csv"
    book.write_text("\n".join(rows) + "\n")
    (found,) = audited([book, messages])
    assert found["snapshots"] == len(rows) == found["snapshots_equal"] and "best 5 levels" in found["compared"]
    fields = rows[60].split(",")
    fields[3] = str(int(fields[3]) + 1)  # the size of the best bid
    rows[60] = ",".join(fields)
    book.write_text("\n".join(rows) + "\n")
    ledger = Ledger()
    (found,) = audited([book, messages], ledger)
    assert found["snapshots_equal"] == found["snapshots"] - 1
    assert [incident.cause for incident in ledger.incidents] == [f"row 61 of {book.name}"]


def test_the_real_pair_and_the_deeper_messages(real: list[Path]) -> None:
    deep, messages, rows = real
    (found,) = audited([rows, messages])
    assert (found["snapshots"], found["snapshots_equal"]) == (998, 998)
    (found,) = audited([rows, deep])
    assert (found["snapshots"], found["snapshots_equal"]) == (999, 999)
    both = audited(real)
    assert [(f["snapshots"], f["snapshots_equal"]) for f in both] == [(999, 999), (998, 998)]
    (alone,) = audited([deep])
    assert alone["snapshots"] == 0 and alone["gaps"] == 1 and alone["unknown_orders"] == 84


def test_rows_alone(lobster_market, tmp_path: Path) -> None:
    _, rows = lobster_market().run(20).write(tmp_path)
    with pytest.raises(RecordingError, match="rows of levels without messages"):
        audited([rows])
