import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from genesis_lib.errors import InputError
from genesis_lib.training.config import TrainingConfig
from genesis_lib.training.hardware import WIDER, choose, give_back, widened


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


def test_what_was_freed_goes_back_to_the_system():
    """Many small arrays, of which every other one is dropped last: the heap ends in what is in use."""
    if sys.platform != "linux":
        pytest.skip("only glibc tells how to return memory")

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    give_back()
    arrays = [np.ones(8_000) for _ in range(2_000)]  # 64 kB each: below what is mapped by itself
    end = [np.ones(8_000) for _ in range(10)]
    arrays.append(arrays)  # only a collection frees them
    full = resident()
    del arrays
    give_back()
    assert full - resident() > 100_000_000 and len(end) == 10


def test_threads_wait_without_spinning():
    code = "import os, genesis_lib.training; print(os.environ['OMP_WAIT_POLICY'])"
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    for given, said in (({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")):
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment | given, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == said
