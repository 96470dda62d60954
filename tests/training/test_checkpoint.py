import torch

from genesis_lib.training.checkpoint import load_training, save_training

TENSORS = {
    "net": {"a.weight": torch.randn(3, 2), "a.count": torch.tensor(7)},
    "best": {"a.weight": torch.randn(3, 2)},
    "mean": {},
    "optimizer": {"0.exp_avg": torch.randn(3, 2).T},
}


def test_what_is_read_is_what_was_written(tmp_path):
    path = tmp_path / "deep" / "fold-0.training"
    save_training(path, "key", TENSORS, {"seen": 12, "history": [{"validation_loss": 0.1 + 0.2}]})
    tensors, state = load_training(path, "key")
    assert state == {"seen": 12, "history": [{"validation_loss": 0.1 + 0.2}]}
    for group, each in TENSORS.items():
        assert each.keys() == tensors[group].keys()
        assert all(torch.equal(each[name], tensors[group][name]) for name in each)
    assert [file.name for file in path.parent.iterdir()] == ["fold-0.training"], "no temporary file stays"


def test_nothing_is_gone_on_from_that_is_another_or_damaged(tmp_path):
    path = tmp_path / "fold-0.training"
    assert load_training(path, "key") is None
    save_training(path, "key", TENSORS, {})
    assert load_training(path, "another key") is None
    whole = path.read_bytes()
    for broken in (whole[:-5], whole[:40], b"", b"\x80\x04K\x01."):
        path.write_bytes(broken)
        assert load_training(path, "key") is None
