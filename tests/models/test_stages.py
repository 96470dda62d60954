import json

import pytest

from genesis_lib.errors import ModelError, StateError
from genesis_lib.models import stages

A, B, C = (("net", digit * 12) for digit in "abc")


def test_champions_follow_one_another_and_come_back(tmp_path) -> None:
    assert stages.read(tmp_path) == stages.Stages()
    for key in (A, B, C):
        stages.change(tmp_path, "promote", key, by="anna", why="better")
    now = stages.read(tmp_path)
    assert (now.champion, now.previous) == (C, B)
    assert [now.of(*key) for key in (A, B, C)] == ["challenger", "challenger", "champion"]
    assert stages.change(tmp_path, "rollback", by="bert", why="worse live").champion == B
    assert stages.read(tmp_path).previous == A
    assert stages.change(tmp_path, "rollback").champion == A
    with pytest.raises(StateError, match="nothing to roll back to"):
        stages.change(tmp_path, "rollback")
    stages.change(tmp_path, "promote", C)
    assert stages.change(tmp_path, "rollback").champion == A
    told = [(c.action, c.key, c.before, c.by, c.why) for c in stages.read(tmp_path).history][:4]
    assert told == [
        ("promote", A, None, "anna", "better"),
        ("promote", B, A, "anna", "better"),
        ("promote", C, B, "anna", "better"),
        ("rollback", B, C, "bert", "worse live"),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["champion.json"]
