import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cfhtisr.images import Box2I, MaskedImage
from cfhtisr.isr import amp_offset
from oracle import amp_offset as oracle

A, B = Box2I(0, 0, 150, 1000), Box2I(150, 0, 150, 1000)


def sky(step=2.5, seed=1, stars=150, noise=15.0, rows=1000):
    """Return a simulated CCD: a sloping sky with stars and noise, and a step in the middle."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :300].astype(np.float64)
    image = 600 + 0.05 * x + 0.01 * y + rng.normal(0, noise, (rows, 300))
    for _ in range(stars):
        x0, y0, flux = rng.uniform(0, 300), rng.uniform(0, rows), 10 ** rng.uniform(2, 4.5)
        image += flux * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * 1.8**2))
    image[:, 150:] += step
    return MaskedImage(image.astype(np.float32))


def test_equals_the_oracle():
    rng = np.random.default_rng(5)
    image = rng.normal(100, 4, (200, 40)).astype(np.float32)
    image[:, 20:] += 3
    image[50:56, 14:22] += 900
    mask = np.zeros(image.shape, np.int32)
    mask[100:120, 18] = 1
    image[3, 25] = np.nan
    found = amp_offset.measure(
        MaskedImage(image, mask), Box2I(0, 0, 20, 200), Box2I(20, 0, 20, 200), width=32
    )
    usable = (mask == 0) & np.isfinite(image)
    rows = np.where(usable, image, 0).astype(object)
    rows[~usable] = None
    wanted = oracle.measure(rows.tolist(), 20, 10, 3.0)
    # medians and means of float32 here, of doubles there
    assert found == pytest.approx(wanted, abs=1e-4)
    assert found.step == pytest.approx(3, abs=4 * found.error)


def test_the_step_is_found_within_its_error_among_stars_on_a_sloping_sky():
    pulls = []
    for seed in range(12):
        found = amp_offset.measure(sky(seed=seed), A, B)
        assert found.n_bands >= 20
        assert found.error < 0.6
        pulls.append((found.step - 2.5) / found.error)
    assert abs(np.mean(pulls)) < 1.0
    assert 0.4 < np.std(pulls) < 1.8


@pytest.mark.parametrize("step", [0.0, -40.0])
def test_other_steps(step):
    found = amp_offset.measure(sky(step), A, B)
    assert found.step == pytest.approx(step, abs=4 * found.error)


def test_some_of_the_bands_tell_less():
    every, some = (amp_offset.measure(sky(), A, B, max_bands=n) for n in (None, 10))
    assert some.n_bands <= 8 < every.n_bands
    assert some.error > every.error
    assert some.step == pytest.approx(2.5, abs=4 * some.error)


def test_flagged_pixels_have_no_say():
    planes = sky()
    clean = amp_offset.measure(planes, A, B)
    planes.mask.array[:, 140] = 1
    planes.image.array[:, 140] = 60000
    masked = amp_offset.measure(planes, A, B)
    assert masked.step == pytest.approx(clean.step, abs=2 * clean.error)
    before = planes.image.array.copy()
    amp_offset.measure(planes, A, B, reject=0)
    assert_array_equal(planes.image.array, before)


def test_what_cannot_be_told_is_no_number():
    planes = sky()
    planes.mask.array[:, :150] = 2
    found = amp_offset.measure(planes, A, B)
    assert np.isnan(found.step)
    assert found.n_bands == 0
    low = Box2I(0, 0, 150, 100), Box2I(150, 0, 150, 100)
    assert np.isnan(amp_offset.measure(sky(), *low).step)
    planes.image.array[...] = np.nan
    assert np.isnan(amp_offset.measure(planes, A, B).step)


def test_refusals():
    with pytest.raises(ValueError, match="begins at column 0, wanted 300"):
        amp_offset.measure(sky(stars=0), B, A)
    with pytest.raises(ValueError, match="width is 3"):
        amp_offset.measure(sky(stars=0), A, B, width=3)


def test_offsets_close_the_steps_and_keep_the_level():
    boxes = {name: Box2I(x0, 0, width, 5) for name, x0, width in [("A", 0, 4), ("B", 4, 4)]}
    boxes["C"] = Box2I(8, 0, 2, 5)
    assert amp_offset.neighbours(boxes) == [("A", "B"), ("B", "C")]
    image = np.zeros((5, 10), np.float32)
    image[:, 4:8], image[:, 8:] = 3, 10
    planes = MaskedImage(image.copy())
    offsets = amp_offset.solve(boxes, {("A", "B"): 3.0, ("B", "C"): 7.0})
    for name, offset in offsets.items():
        amp_offset.subtract(planes, boxes[name], offset)
    assert_allclose(planes.image.array, image.mean(), rtol=1e-6)
    assert amp_offset.solve(boxes, {("A", "B"): np.nan}) == dict.fromkeys("ABC", 0.0)
