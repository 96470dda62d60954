import numpy as np
import pytest

from orderbook_ext._stream_packing import PANEL, aligned, filled, packed


@pytest.mark.parametrize("count", [1, 15, 16, 17, 1000])
def test_memory_begins_with_a_cache_line(count):
    for _ in range(5):
        made = aligned(count)
        assert made.shape == (count,) and made.dtype == np.float32 and not made.any()
        assert made.ctypes.data % 64 == 0


@pytest.mark.parametrize("width", [1, 16, 19])
def test_rows_are_filled_up(width):
    rows = np.arange(3.0 * width).reshape(3, width)
    made = filled(rows)
    assert made.shape[1] % PANEL == 0 and np.array_equal(made[:, :width], rows) and not made[:, width:].any()


@pytest.mark.parametrize(("taps", "inputs", "outputs"), [(1, 1, 1), (3, 5, 16), (2, 4, 35)])
def test_each_weight_has_its_place(taps, inputs, outputs):
    weight = np.arange(1.0, 1 + taps * inputs * outputs).reshape(taps, inputs, outputs)
    flat = packed(weight)
    panels = -(-outputs // PANEL)
    assert flat.size == taps * inputs * panels * PANEL and np.count_nonzero(flat) == weight.size
    for (t, k, n), value in np.ndenumerate(weight):
        assert flat[((n // PANEL * taps + t) * inputs + k) * PANEL + n % PANEL] == value
