"""Charge is kept, pixels hold no more than the full well, and trails stay in their column."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cfhtisr.simulate.bleed import bleed

columns = arrays(np.float32, (60, 3), elements=st.floats(0, 400, width=32))


@given(columns)
def test_no_pixel_holds_more_than_the_full_well(charge):
    bleed(charge, 100.0)
    assert charge.max() <= 100.0001


@given(columns)
def test_charge_is_kept_unless_it_runs_off_the_ccd(charge):
    before = charge.sum(axis=0, dtype=float)
    touched = bleed(charge, 100.0)
    after = charge.sum(axis=0, dtype=float)
    inside = ~touched[[0, -1]].any(axis=0) & (charge[[0, -1]] < 100).all(axis=0)
    np.testing.assert_allclose(after[inside], before[inside], rtol=1e-5)
    assert (after <= before * (1 + 1e-6)).all()


def test_untouched_columns_keep_their_bits():
    charge = np.full((9, 2), 5, np.float32)
    charge[4, 1] = 200
    touched = bleed(charge, 50.0)
    assert not touched[:, 0].any()
    assert (charge[:, 0] == 5).all()
    assert charge[:, 1].tolist() == [5, 5, 35, 50, 50, 50, 35, 5, 5]
