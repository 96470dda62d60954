import pytest
import torch
from torch.nn import functional

from genesis_lib.errors import ModelError
from genesis_lib.models.attention import Attention, AttentionConfig, Mixer, positions

TINY = {"inputs": 6, "window": 8, "width": 4, "layers": 1, "pooled": 2}


def test_a_mixer_attends_and_then_thinks():
    mixer = Mixer(6, 4, 0.0).eval()
    x = torch.randn(2, 5, 6)
    queries, keys, values = mixer.ask(mixer.before(x)).chunk(3, dim=2)
    y = x + mixer.answer(functional.scaled_dot_product_attention(queries, keys, values))
    y = y + mixer.down(functional.gelu(mixer.up(mixer.between(y))))
    assert torch.allclose(mixer(x), y, atol=1e-6)
    turned = torch.tensor([3, 0, 4, 1, 2])
    assert torch.allclose(mixer(x[:, turned]), mixer(x)[:, turned], atol=1e-6), "tokens have no place of their own"


def test_positions_tell_rows_apart():
    at = positions(100, 32)
    assert at.shape == (100, 32) and at.abs().max() <= 1.0
    assert torch.pdist(at).min() > 0.1
    apart = at[1:] @ at[0]
    assert apart[0] == apart.max(), "the nearest row looks nearest"
    assert torch.allclose(at[:, 0], torch.sin(torch.arange(100.0)), atol=1e-5)


def test_order_of_rows_and_of_columns_matters():
    torch.manual_seed(0)
    net = Attention(AttentionConfig(**TINY)).eval()
    x = torch.randn(1, 8, 6)
    assert (net(x.flip(1)) - net(x)).abs().max() > 1e-4 and (net(x.flip(2)) - net(x)).abs().max() > 1e-4


def test_it_is_small_enough_for_two_cores():
    assert Attention(AttentionConfig()).parameter_count == 72_257


def test_positions_are_no_weights():
    assert "positions" not in Attention(AttentionConfig(**TINY)).arrays()


def test_config_refusals():
    for bad in ({"inputs": 0}, {"window": 1}, {"width": 5}, {"layers": 0}, {"pooled": 0}, {"heads": 0}, {"dropout": 1}):
        with pytest.raises(ModelError, match=next(iter(bad))):
            AttentionConfig(**bad)
