import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from genesis_lib.errors import ModelError
from genesis_lib.features import OFI_INPUTS, model_inputs
from genesis_lib.models.kinds import KINDS, book_levels, build, config_of, kind, restore

NETS = [name for name, item in KINDS.items() if item.torch]
each_net = pytest.mark.parametrize("name", NETS)


def test_the_table_is_read_without_torch():
    code = "import sys, genesis_lib.models.kinds as k; k.kind('causal-16'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(ModelError, match=r"model must be one of deeplob, .*causal-16.*, got 'lstm'"):
        kind("lstm")
    with pytest.raises(ModelError, match="majority is no network; networks: deeplob"):
        kind("majority").configure(model_inputs(2))
    with pytest.raises(ModelError, match=r"kind must be one of deeplob, .* to be a network, got 'boosted'"):
        config_of({"kind": "boosted"})
    with pytest.raises(ModelError, match=r"to be a network, got \['deeplob'\]"):
        config_of({"kind": ["deeplob"]})


@pytest.mark.parametrize("levels", [1, 5, 10])
def test_book_levels_are_counted(levels):
    assert book_levels(model_inputs(levels)) == levels
    assert book_levels(model_inputs(levels) + OFI_INPUTS(levels)) == levels
    assert book_levels(OFI_INPUTS(levels)) == book_levels(model_inputs(levels)[1:]) == book_levels(()) == 0


def test_columns_make_the_shape():
    both = model_inputs(5) + OFI_INPUTS(5)
    config = kind("causal-32").configure(both, heads=2, skip=True)
    assert (config.levels, config.extra, config.channels, config.heads) == (
        5,
        len(OFI_INPUTS(5)),
        32,
        2,
    ) and config.skip
    assert kind("causal-16").configure(both, levels=0).extra == config.inputs == len(both)
    assert kind("deeplob").configure(model_inputs(7)).levels == 7
    with pytest.raises(ModelError, match=r"deeplob reads the raw book alone.* of which the first 20 are book columns"):
        kind("deeplob").configure(both)
    with pytest.raises(ModelError, match="unknown architecture keys depth; allowed: "):
        kind("causal-16").configure(both, depth=2)


@each_net
def test_the_default_is_as_large_as_documented(name):
    item, config = kind(name), kind(name).configure(model_inputs(10))
    assert type(config) is item.config_class() and config == config_of(config.as_dict())
    assert (config.inputs, config.window, config.heads) == (40, 100, 1)
    net = build(config)
    assert type(net) is item.net_class() and net.parameter_count == item.parameters
    assert net.is_dense == item.dense and (not item.dense or callable(net.dense))
    assert len(item.title.split()) > 2 and len((net.__doc__ or "").split()) > 40 and "References" in net.__doc__


@each_net
def test_a_configuration_reads_back_from_json(name, make_tiny):
    config = make_tiny(name)
    stored = json.loads(json.dumps(config.as_dict()))
    assert stored == config.as_dict() and stored["kind"] == kind(name).architecture
    assert {"inputs", "window", "heads"} <= set(stored) and config_of(stored) == config
    with pytest.raises(ModelError, match=r"unknown architecture keys colour, depth; allowed: .*heads.*window"):
        config_of(stored | {"depth": 3, "colour": 1})
    for key in ("window", "heads", "dropout"):
        with pytest.raises(ModelError, match=key):
            config_of(stored | {key: -1})


@each_net
@pytest.mark.parametrize("heads", [1, 3])
def test_windows_in_logits_out(name, heads, make_tiny, make_lived_in):
    config = make_tiny(name, heads)
    net = make_lived_in(config)
    rows = torch.randn(config.window + 30, config.inputs)
    index = torch.stack([torch.arange(config.window) + first for first in (0, 1, 5, 30)])
    with torch.inference_mode():
        logits, shared = net(rows[index]), net.windows(rows, index)
        assert logits.shape == shared.shape == (4, heads, 3) and logits.std(dim=0).min() > 1e-5
        assert (logits - shared).abs().max() < 1e-5
        if net.is_dense:
            assert (net.dense(rows[None])[0, [0, 1, 5, 30]] - logits).abs().max() < 1e-5


@each_net
def test_every_row_of_the_window_matters_and_no_other(name, make_tiny, make_lived_in):
    config = make_tiny(name)
    net = make_lived_in(config).double()
    rows = torch.randn(config.window + 20, config.inputs, dtype=torch.float64, requires_grad=True)
    index = torch.arange(config.window)[None] + 11
    (gradient,) = torch.autograd.grad(net.windows(rows, index)[0].square().sum(), rows)
    felt = gradient.abs().sum(dim=1).nonzero()[:, 0]
    assert felt.tolist() == list(range(11, 11 + config.window))


@each_net
def test_a_window_holds_its_own_rows_only(name, make_tiny, make_lived_in):
    config = make_tiny(name)
    net, x = make_lived_in(config), torch.randn(2, config.window, config.inputs)
    before = net(x)[0].detach()
    x[1] = 9.0
    assert torch.allclose(net(x)[0], before, atol=1e-6)


@each_net
def test_training_reaches_every_weight_of_every_head(name, make_tiny, make_lived_in):
    config = make_tiny(name)
    net = make_lived_in(config).train()  # not fresh: a last layer that starts at zero lets nothing through at first
    logits = net(torch.randn(16, config.window, config.inputs))
    (logits * torch.randn_like(logits)).sum().backward()
    still = [path for path, p in net.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert not still


@each_net
def test_the_same_seed_makes_the_same_network(name, make_tiny):
    config, made = make_tiny(name), []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        made.append(build(config).arrays())
    assert all(np.array_equal(a, made[1][path]) for path, a in made[0].items())
    assert any(not np.array_equal(a, made[2][path]) for path, a in made[0].items())


@each_net
def test_what_is_stored_is_all_there_is(name, make_tiny, make_lived_in):
    config = make_tiny(name)
    net = make_lived_in(config)
    again = restore(json.loads(json.dumps(config.as_dict())), net.arrays())
    x = torch.randn(3, config.window, config.inputs)
    assert torch.equal(net(x), again(x))


def test_restored_weights_are_the_same_and_must_fit():
    config = kind("causal-16").configure(model_inputs(1), channels=2)
    net = build(config)
    weights = net.arrays()
    again = restore(config.as_dict(), weights)
    assert not again.training and all((weights[n] == a).all() for n, a in again.arrays().items())
    with pytest.raises(ModelError, match=r"missing \['head.bias'\]"):
        restore(config.as_dict(), {n: a for n, a in weights.items() if n != "head.bias"})
    with pytest.raises(ModelError, match=r"unexpected .*'tail'"):
        restore(config.as_dict(), weights | {"tail": weights["head.bias"]})
    with pytest.raises(ModelError, match=r"weights: .*head.bias"):
        restore(config.as_dict(), weights | {"head.bias": weights["head.bias"][:2]})
