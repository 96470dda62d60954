import functools
from itertools import pairwise

import numpy as np
import pytest
import torch

from genesis_lib.errors import ModelError
from genesis_lib.models.causal import Causal, CausalConfig

SHAPES = {
    "book": {"levels": 2, "channels": 3, "hidden": 5},
    "columns": {"levels": 0, "extra": 7, "channels": 3, "hidden": 5, "skip": True},
    "both": {"levels": 3, "extra": 4, "channels": 2, "hidden": 4, "heads": 3, "skip": True},
    "short": {"levels": 1, "channels": 2, "hidden": 4, "window": 54},
}
each_shape = pytest.mark.parametrize("config", [CausalConfig(**s) for s in SHAPES.values()], ids=SHAPES)


def exact(make_lived_in, config) -> Causal:
    """A network in double precision whose skip, if any, does something."""
    net = make_lived_in(config).double()
    for parameter in net.parameters():
        parameter.data += 0.01
    return net


@pytest.mark.parametrize(
    ("given", "parameters"),
    [({}, 74_115), ({"channels": 32}, 270_851), ({"levels": 0, "extra": 61}, 71_923), ({"skip": True}, 74_235)],
)
def test_it_is_the_documented_network(given, parameters):
    net = Causal(CausalConfig(**given))
    assert net.parameter_count == parameters


def test_a_step_takes_the_work_that_is_said():
    """One new row needs one new column a layer: weights times the places they are used at."""
    net = Causal(CausalConfig())
    places = {"level1": 20, "time1": 20, "time2": 20, "level2": 10, "time3": 10, "time4": 10}
    work = sum(
        module.weight.numel() * places.get(name.split(".")[0], 1)
        for name, module in net.named_modules()
        if isinstance(module, (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Linear))
    )
    assert work == 135_488


@each_shape
def test_the_receptive_field_is_the_window(config, make_lived_in):
    net = exact(make_lived_in, config)
    x = torch.randn(1, 2 * config.window, config.inputs, dtype=torch.float64, requires_grad=True)
    for at in (0, 31, config.window):  # the answers behind `window - 1 + at` rows
        (gradient,) = torch.autograd.grad(net.dense(x)[0, at].square().sum(), x)
        felt = gradient[0].abs().sum(dim=1).nonzero()[:, 0]
        assert felt.min() == at and felt.max() == at + config.window - 1


def test_a_hundred_rows_and_not_one_more(make_lived_in):
    net = exact(make_lived_in, CausalConfig(levels=1, channels=4))
    x = torch.randn(1, 101, 4, dtype=torch.float64)
    before = net.dense(x)[0, -1]
    older, oldest = x.clone(), x.clone()
    older[0, -101] += 1.0
    oldest[0, -100] += 1.0
    assert torch.equal(net.dense(older)[0, -1], before)
    assert not torch.equal(net.dense(oldest)[0, -1], before)


@each_shape
def test_dense_is_forward_on_every_window(config, make_lived_in):
    net = exact(make_lived_in, config)
    x = torch.randn(2, config.window + 40, config.inputs, dtype=torch.float64)
    windows = x.unfold(1, config.window, 1).transpose(2, 3)  # (2, 41, window, F)
    dense, plain = net.dense(x), torch.stack([net(each) for each in windows])
    assert dense.shape == plain.shape == (2, 41, config.heads, 3) and plain.std(dim=1).min() > 1e-4
    assert (dense - plain).abs().max() < 1e-9
    weigh = torch.randn_like(plain)
    mine, theirs = (torch.autograd.grad((y * weigh).sum(), list(net.parameters())) for y in (dense, plain))
    for (name, _), a, b in zip(net.named_parameters(), mine, theirs):
        assert a.abs().max() > 0, name
        assert (a - b).abs().max() <= 1e-6 * max(1.0, float(b.abs().max())), name


def test_it_starts_as_the_linear_answer(make_lived_in):
    net = make_lived_in(CausalConfig(levels=1, extra=3, channels=2, heads=2, skip=True)).double()
    untouched = net(torch.ones(1, 100, 7, dtype=torch.float64))[0, 0].detach()
    rng = np.random.default_rng(0)
    coefficients, intercepts, at = rng.normal(size=(3, 4)), rng.normal(size=3), [6, 4, 5, 1]
    net.start_from(coefficients, intercepts, at, head=1)
    rows = rng.normal(size=(130, 7))
    linear = rows[99:][:, at] @ coefficients.T + intercepts
    got = net.dense(torch.from_numpy(rows)[None])[0].detach()
    assert np.abs(got[:, 1].numpy() - linear).max() < 1e-6  # the coefficients passed through float32
    assert torch.equal(net(torch.ones(1, 100, 7, dtype=torch.float64))[0, 0].detach(), untouched)
    loss = net.dense(torch.from_numpy(rows)[None])[:, :, 1].square().sum()
    net.zero_grad()
    loss.backward()
    assert net.head.weight.grad[3:].abs().max() > 0, "the deep part must be able to leave zero"


def by_the_table(net: Causal, x: np.ndarray) -> np.ndarray:
    """The newest row's logits, one value at a time, as the module's table tells it; `x` (rows, F), newest last."""
    w = {name: tensor.double().numpy() for name, tensor in net.state_dict().items()}
    c, dilations = net.config, (1, 2, 4, 8)

    def act(v):
        return np.where(v > 0, v, c.slope * v)

    def conv(name, taps, bend=act):
        """`taps`: what each entry of the kernel along time meets, oldest first, (inputs, ...) each."""
        kernel, norm = w[f"{name}.conv.weight"], [w[f"{name}.norm.{part}"] for part in ("running_mean", "running_var")]
        kernel = kernel.reshape(*kernel.shape[:2], -1)
        mean, deviation = norm[0], np.sqrt(norm[1] + 1e-5)
        if kernel.shape[1] == 1 and len(taps[0]) == len(kernel) > 1:  # depthwise
            total = sum(kernel[:, 0, k] * taps[k] for k in range(len(taps)))
        else:
            total = sum(np.tensordot(kernel[:, :, k], taps[k], 1) for k in range(len(taps)))
        shape = (-1,) + (1,) * (total.ndim - 1)
        total = (total - mean.reshape(shape)) / deviation.reshape(shape)
        return bend(total * w[f"{name}.norm.weight"].reshape(shape) + w[f"{name}.norm.bias"].reshape(shape))

    def places(v, width):  # neighbouring places of a row take the kernel's entries one after the other
        return [v[:, k::width] for k in range(width)]

    @functools.cache
    def at(name, t):
        back = lambda source, *rows: [at(source, t - r) for r in rows]  # noqa: E731
        book, extra = x[t, None, : 4 * c.levels], x[t, 4 * c.levels :]
        if name == "join":
            parts = [conv("level3", places(at("time4", t), c.levels))] if c.levels else []
            return np.concatenate([*parts, *([conv("extra", [extra[:, None]])] if c.extra else [])])
        if name in ("level1", "level2"):
            return conv(name, places(book if name == "level1" else at("time2", t), 2))
        if name.startswith("time"):
            below = {"time1": "level1", "time3": "level2", "time5": "join"}.get(name, f"time{int(name[4]) - 1}")
            if not c.levels:
                below = {"time1": "join", "time5": "time4", "time3": "time2"}.get(name, below)
            return conv(name, back(below, 3, 2, 1, 0))
        if name == "inception":
            reduced = {k: [conv(f"inception.reduce{k}", [v]) for v in back("time6", *range(k)[::-1])] for k in (3, 5)}
            most = np.max(back("time6", 2, 1, 0), axis=0)
            views = [
                conv("inception.point", [at("time6", t)]),
                *(conv(f"inception.conv{k}", reduced[k]) for k in (3, 5)),
            ]
            return np.concatenate([*views, conv("inception.pool", [most])])[:, 0]
        number = int(name)
        below, d = "inception" if number == 0 else str(number - 1), dilations[number]
        return at(below, t) + conv(f"residual.{number}", back(below, 2 * d, d, 0))

    newest = len(x) - 1
    memory = conv("memory", [at("3", newest - r) for r in range(c.window - 52)][::-1], lambda v: v)
    hidden = act(w["hidden.weight"] @ np.concatenate([at("3", newest), memory]) + w["hidden.bias"])
    logits = w["head.weight"] @ hidden + w["head.bias"]
    return (logits + w["skip.weight"] @ x[newest] if c.skip else logits).reshape(c.heads, 3)


@each_shape
def test_it_does_what_the_table_says(config, make_lived_in):
    net = exact(make_lived_in, config)
    x = torch.randn(1, config.window, config.inputs, dtype=torch.float64)
    assert np.abs(by_the_table(net, x[0].numpy()) - net(x)[0].detach().numpy()).max() < 1e-10


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (({"skip": False}, (3, 2), (3,), [0, 1], 0), "skip must be true"),
        (({}, (2, 2), (3,), [0, 1], 0), r"coefficients must have shape \(3, 2\).*got \(2, 2\)"),
        (({}, (3, 2), (2,), [0, 1], 0), r"intercepts \(3,\), got \(3, 2\) and \(2,\)"),
        (({}, (3, 2), (3,), [0, 4], 0), "different columns from 0 to 3"),
        (({}, (3, 2), (3,), [1, 1], 0), "different columns"),
        (({}, (3, 2), (3,), [0, 1], 1), "head must be from 0 to 0, got 1"),
    ],
)
def test_linear_answers_that_do_not_fit_are_refused(given, message):
    changes, coefficients, intercepts, at, head = given
    net = Causal(CausalConfig(levels=1, channels=1, **({"skip": True} | changes)))
    with pytest.raises(ModelError, match=message):
        net.start_from(np.zeros(coefficients), np.zeros(intercepts), at, head)


def test_config_round_trip_and_refusals():
    for given in SHAPES.values():
        config = CausalConfig(**given)
        assert CausalConfig.of(config.as_dict()) == config
    assert CausalConfig.of({"inputs": 61, "levels": 0}).extra == 61
    assert CausalConfig.of({"inputs": 47}).extra == 7
    for bad in ({"levels": -1}, {"window": 53}, {"channels": 0}, {"extra": 1.5}, {"heads": 0}, {"skip": 1}):
        with pytest.raises(ModelError, match=next(iter(bad))):
            CausalConfig(**bad)
    with pytest.raises(ModelError, match="nothing to read"):
        CausalConfig(levels=0)
    with pytest.raises(ModelError, match="extra must be a whole number of at least 0, got -20"):
        CausalConfig.of({"inputs": 20})


def test_a_stretch_shorter_than_the_window_is_refused():
    net = Causal(CausalConfig(levels=1, channels=1))
    with pytest.raises(ModelError, match="at least 100 rows, got 99"):
        net.dense(torch.zeros(1, 99, 4))


def test_a_memory_is_what_the_window_leaves():
    lengths = [Causal(CausalConfig(levels=1, channels=1, window=w)).memory.conv.kernel_size[0] for w in (54, 55, 100)]
    assert lengths == [2, 3, 48] and all(a < b for a, b in pairwise(lengths))
