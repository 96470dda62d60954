import errno
import os
from dataclasses import fields, replace

import numpy as np
import pytest

from genesis_lib.training.fold_files import load_fold, save_fold, write_whole


def same(one, other) -> bool:
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(same, one, other))
    if hasattr(one, "__dataclass_fields__"):
        return all(same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    return one == other


def test_a_fold_comes_back_to_the_last_bit(small_cv, tmp_path):
    _, result = small_cv
    for fold in (result.folds[0], replace(result.folds[1], members=result.folds[1].members * 2)):
        path = tmp_path / "run" / f"fold-{fold.number}.safetensors"
        save_fold(path, "key", fold)
        back = load_fold(path, "key")
        assert same(back, fold) and back.validation_gain == fold.validation_gain
        assert [each.name for each in path.parent.glob(".*")] == [], "no temporary file stays"


def test_the_same_check_sees_a_difference(small_cv):
    _, result = small_cv
    fold = result.folds[0]
    bent = replace(fold.first, weights={k: v + np.float32(1e-7) for k, v in fold.first.weights.items()})
    assert not same(fold, replace(fold, members=(bent,)))


@pytest.mark.parametrize("damage", [lambda b: b[:-3], lambda b: b"", lambda b: b[:8] + b"}" + b[9:]])
def test_what_is_damaged_or_of_another_run_is_not_used(small_cv, tmp_path, damage):
    _, result = small_cv
    path = tmp_path / "fold-0.safetensors"
    assert load_fold(path, "key") is None
    save_fold(path, "key", result.folds[0])
    assert load_fold(path, "another") is None
    path.write_bytes(damage(path.read_bytes()))
    assert load_fold(path, "key") is None


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "fold"
    write_whole(path, b"before")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"after")
    assert path.read_bytes() == b"before" and list(path.parent.iterdir()) == [path]
