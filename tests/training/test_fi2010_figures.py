from genesis_lib.training.fi2010_figures import FIGURES, HORIZONS


def test_every_figure_is_a_percentage_with_a_source():
    for figure in FIGURES:
        assert len(figure.f1) == len(HORIZONS) and all(33 < f1 < 100 for f1 in figure.f1)
        assert figure.how in ("claimed", "reproduced") and len(figure.source) > 20
    assert len({(figure.model, figure.how) for figure in FIGURES}) == len(FIGURES)


def test_what_was_reproduced_is_told_beside_what_was_claimed():
    claimed, again = (
        next(f for f in FIGURES if f.model == "DeepLOB" and f.how == how) for how in ("claimed", "reproduced")
    )
    assert all(a > b for a, b in zip(claimed.f1, again.f1))
