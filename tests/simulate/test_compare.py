"""The judge is judged: what it must see, and what it must let pass."""

import dataclasses

import numpy as np
import pytest

from cfhtisr.simulate.compare import Product, compare, grid_limit
from cfhtisr.simulate.truth import Truth

ROWS, COLUMNS = 160, 192
PLANES = {"BAD": 0, "SAT": 1, "INTRP": 2, "UNMASKEDNAN": 9}
SIGMA = 3.0


@pytest.fixture
def truth():
    mask = np.zeros((ROWS, COLUMNS), np.int32)
    mask[:, 7] = 1
    mask[50:60, 20:22] = 2
    mask[61, 20] = 1 << 7
    mask[100, 100] = 1 << 9
    mask[120, 30:35] = 1 << 3
    image = np.full((ROWS, COLUMNS), 600, np.float32)
    pair = (0.0, 0.0)
    return Truth(image, mask, pair, pair, pair, pair, 1.0, "[1:192,1:160]")


@pytest.fixture
def product(truth):
    noise = np.random.default_rng(3).normal(0, SIGMA, truth.image.shape)
    image = (truth.image + noise).astype(np.float32)
    image[truth.mask != 0] = 5e4
    mask = truth.mask & 0b1000000011
    return Product(image, mask, np.full_like(image, SIGMA**2), PLANES)


def test_a_perfect_correction_passes(product, truth):
    found = compare(product, truth, 5)
    assert found.problems() == []
    assert found.chi2 == pytest.approx(1, abs=0.02)
    assert found.noise == pytest.approx(SIGMA, rel=0.05)
    assert found.sky == pytest.approx(600, abs=0.2)
    assert found.injected == {"BAD": ROWS, "SAT": 20, "UNMASKEDNAN": 1}
    assert found.counts == {"BAD": ROWS, "SAT": 20, "INTRP": 0, "UNMASKEDNAN": 1}
    assert found.good == pytest.approx(1 - (ROWS + 20 + 1 + 1 + 5) / truth.image.size)


@pytest.mark.parametrize(
    ("plane", "where"),
    [("BAD", (3, 7)), ("SAT", (55, 21)), ("UNMASKEDNAN", (100, 100))],
)
def test_one_missing_flag_is_seen(plane, where, product, truth):
    product.mask[where] = 0
    product.image[where] = 600
    found = compare(product, truth, 0)
    assert found.missing[plane] == 1
    assert f"not in {plane}" in found.problems()[0]
    assert bool(found.problems(realistic=True)) == (plane != "SAT")


def test_a_plane_that_does_not_exist_is_missing(product, truth):
    planes = {name: bit for name, bit in PLANES.items() if name != "SAT"}
    found = compare(dataclasses.replace(product, planes=planes), truth, 0)
    assert found.missing["SAT"] == 20


def test_an_offset_is_seen(product, truth):
    product.image[...] += 3 * grid_limit(ROWS, COLUMNS)
    assert "residual" in compare(product, truth, 0).problems()[0]


def test_an_offset_in_a_few_cells_is_not_the_median(product, truth):
    product.image[:20] += 30
    assert compare(product, truth, 0).residual < grid_limit(ROWS, COLUMNS)


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_a_wrong_variance_is_seen(factor, product, truth):
    product.variance[...] *= factor
    found = compare(product, truth, 0)
    assert any("chi2" in text for text in found.problems())
    assert found.problems(realistic=True) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_unflagged_pixel_without_value_is_seen(bad, product, truth):
    product.image[80, 80] = bad
    assert any("chi2" in text for text in compare(product, truth, 0).problems())


def test_nothing_good_fails(product, truth):
    product.mask[...] = 1
    assert len(compare(product, truth, 0).problems()) >= 2


def test_shapes_must_agree(product, truth):
    small = dataclasses.replace(product, image=product.image[1:])
    with pytest.raises(ValueError, match=r"ccd09 has shape \(159, 192\)"):
        compare(small, truth, 9)
