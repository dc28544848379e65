"""Each effect against the numbers it is said to have."""

import numpy as np
import pytest

from cfhtisr.camera.mosaic import facts
from cfhtisr.simulate import electronics
from cfhtisr.simulate.cosmics import add_cosmics
from cfhtisr.simulate.defects import draw_defects
from cfhtisr.simulate.flats import flat_field
from cfhtisr.simulate.fringes import fringe_pattern
from cfhtisr.simulate.masters import SCALES, bias_structure, dark_rate, to_stored
from cfhtisr.simulate.settings import Settings
from cfhtisr.simulate.sky import sky_plane
from cfhtisr.simulate.smooth import spline_field
from cfhtisr.simulate.stars import add_stars

HALF = Settings(rows=1200, columns=1024)
FULL = Settings()


def test_levels_are_spread_as_measured():
    levels = [amp.level for ccd in range(40) for amp in electronics.amplifiers(FULL, ccd)]
    assert 1100 < np.median(levels) < 1230
    assert min(levels) > 700
    assert max(levels) < 1500
    steps = [
        abs(a.level - b.level) for a, b in (electronics.amplifiers(FULL, c) for c in range(40))
    ]
    assert 30 < np.median(steps) < 110


def test_default_electronics_are_the_headers():
    for ccd in range(40):
        for amp in electronics.amplifiers(FULL, ccd):
            known = facts(ccd).amplifiers[amp.name]
            assert amp.gain == amp.header_gain == known.gain
            assert amp.read_noise == amp.header_read_noise == known.header_read_noise


def test_realistic_gains_are_three_per_cent_off():
    pairs = [electronics.amplifiers(Settings(realistic=True), ccd) for ccd in range(40)]
    ratio = [amp.gain / amp.header_gain for pair in pairs for amp in pair]
    assert 0.02 < np.std(ratio) < 0.04


def test_some_ccds_saturate_low_and_all_above_60000():
    ceilings = [amp.saturation for c in range(40) for amp in electronics.amplifiers(FULL, c)]
    assert sum(level < electronics.CEILING for level in ceilings) == 6
    assert min(ceilings) > 60000


def test_noise_is_the_read_noise_rounding_included():
    amp = electronics.amplifiers(FULL, 0)[0]
    counts = np.full((400, 500), 1000.4, np.float32)
    made = electronics.digitise(counts, None, amp, np.random.default_rng(1))
    assert made.std() == pytest.approx(amp.read_noise / amp.gain, rel=0.01)
    assert made.mean() == pytest.approx(1000.4, abs=0.02)


def test_counts_stop_at_the_ceiling():
    amp = electronics.amplifiers(FULL, 3)[0]
    counts = np.full((4, 4), 9e4, np.float32)
    made = electronics.digitise(counts, counts.copy(), amp, np.random.default_rng(1))
    assert (made == amp.saturation).all()


def test_flat_field():
    bad = np.zeros((1200, 1024), bool)
    flat = flat_field(HALF, 5, bad)
    good = flat.response[flat.response > 0]
    assert 0.9 < good.mean() < 1.2
    rough = np.diff(flat.response[200:400, 100:400], axis=1) / flat.response.mean()
    assert np.median(np.abs(rough)) * 1.4826 == pytest.approx(0.009 * np.sqrt(2), rel=0.05)
    assert len(flat.dead) >= 4
    assert (flat.response[flat.dead[:, 1], flat.dead[:, 0]] == 0).all()


def test_no_dead_pixel_is_put_where_the_table_has_a_defect():
    bad = np.ones((1200, 1024), bool)
    assert len(flat_field(HALF, 5, bad).dead) == 0


def test_fringes_have_unit_amplitude_no_median_and_the_right_scale():
    pattern = fringe_pattern(HALF, 9)
    assert np.ptp(pattern) == pytest.approx(1, abs=0.01)
    assert np.median(pattern) == pytest.approx(0, abs=1e-3)
    crossings = (np.diff(np.sign(pattern - pattern.mean()), axis=1) != 0).sum(axis=1).mean()
    assert 30 < 2 * 1024 / crossings < 200


def test_cosmic_rays_have_the_rate_and_size_of_real_ones():
    charge = np.zeros((4612, 2048), np.float32)
    hit = add_cosmics(charge, FULL, 0, 600.0)
    assert 2000 < hit.sum() < 7000
    assert (charge[hit] > 0).all()
    assert (charge[~hit] == 0).all()
    assert 2000 < charge.sum() / 600 < 10000


def test_defects_have_the_statistics_of_real_masks():
    found = [draw_defects(FULL, ccd) for ccd in range(40)]
    fractions, columns = [], []
    for defects in found:
        mask = defects.mask(4612, 2048)
        assert mask[[0, -1]].all()
        fractions.append(mask[1:-1].mean())
        columns.append((mask[1:-1].sum(axis=0) > 1000).sum())
    assert 0.0003 < np.median(fractions) < 0.003
    assert max(fractions) < 0.03
    assert np.median(columns) in (1, 2, 3, 4)
    assert columns[28] >= 20


def test_bias_and_dark_are_small():
    assert 0 < np.median(bias_structure(HALF, 2)) < 2
    pair = electronics.amplifiers(HALF, 2)
    rate = dark_rate(HALF, 2, pair)
    assert np.median(rate[:, :512]) * 3600 == pytest.approx(pair[0].dark_current, rel=0.1)
    assert rate.max() * 3600 > 50


@pytest.mark.parametrize("kind", list(SCALES))
def test_a_stored_master_is_off_by_half_a_step_at_most(kind):
    values = np.random.default_rng(0).uniform(0.5, 3, (50, 40)).astype(np.float32)
    values[3, 4] = np.nan
    stored = to_stored(kind, values, (60, 104), 32)
    scale = SCALES[kind]
    back = stored[:50, 32:72] * scale.step + scale.zero
    assert stored[3, 36] == -32768
    good = np.isfinite(values)
    assert np.abs(back - values)[good].max() <= scale.step * 0.51
    assert np.abs(stored[50:] * scale.step + scale.zero).max() <= scale.step


def test_the_sky_runs_across_the_mosaic():
    left, right = sky_plane(FULL, 13), sky_plane(FULL, 36)
    assert 1.02 < np.median(left) / np.median(right) < 1.08
    assert np.ptp(left) / np.median(left) < 0.05


def test_stars_are_deterministic_and_one_saturates():
    images = [np.zeros((1200, 1024), np.float32) for _ in range(2)]
    counts = [add_stars(image, HALF, 7) for image in images]
    np.testing.assert_array_equal(*images)
    assert counts[0] == counts[1] > 20
    assert images[0].max() > 1e5
    assert images[0].min() >= 0


def test_a_smooth_field_keeps_constants_and_range():
    knots = np.random.default_rng(1).uniform(-1, 1, (6, 7)).astype(np.float32)
    field = spline_field(knots, 100, 90)
    assert knots.min() <= field.min()
    assert field.max() <= knots.max()
    np.testing.assert_allclose(spline_field(np.full((4, 4), 3, np.float32), 9, 5), 3, rtol=1e-6)
