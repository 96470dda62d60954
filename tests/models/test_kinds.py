import subprocess
import sys

import pytest

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
def test_a_network_is_built_from_what_a_manifest_says(name):
    config = kind(name).configure(model_inputs(10))
    assert config_of(config.as_dict()) == config
    net = build(config)
    assert type(net) is kind(name).net_class() and net.parameter_count == kind(name).parameters
    assert net.is_dense == kind(name).dense == hasattr(net, "dense") or name == "deeplob"


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
