import pytest
import torch

from genesis_lib.errors import InputError
from genesis_lib.training.config import TrainingConfig
from genesis_lib.training.hardware import WIDER, choose, widened


@pytest.fixture
def machine(monkeypatch):
    """Say what torch shall see; nothing is run on it."""

    def has(gpu: bool, bf16: bool = True) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: bf16)

    return has


def test_a_gpu_is_taken_where_there_is_one(machine):
    machine(True)
    assert (choose().accelerator, choose().precision, choose().device) == ("gpu", "bf16-mixed", "cuda")
    assert choose("cpu").device == "cpu" and choose("gpu") == choose("auto")
    machine(True, bf16=False)
    assert choose().precision == "32-true"


def test_without_a_gpu_all_is_done_here_and_asking_for_one_is_an_error(machine):
    machine(False)
    assert choose() == choose("cpu") and choose().precision == "32-true"
    with pytest.raises(InputError, match="no GPU"):
        choose("gpu")


def test_batches_grow_on_a_gpu_alone(machine):
    config = TrainingConfig(sequences=16, batch_size=256, learning_rate=1e-3)
    machine(False)
    assert widened(config) is config
    machine(True)
    wide = widened(config)
    assert (wide.sequences, wide.batch_size) == (16 * WIDER, 256 * WIDER)
    assert wide.learning_rate == pytest.approx(1e-3 * WIDER**0.5)
