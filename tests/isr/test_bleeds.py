import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from cfhtisr import _kernels
from cfhtisr.images import Mask, MaskedImage
from cfhtisr.isr import bleeds
from cfhtisr.isr.bleeds import mask_bleeds
from oracle import bleeds as oracle
from strategies import boxes, masks, shapes, strided

NOISE = 10.0


def star(trail=400.0, height=60, reach=80, width=2, seed=1, variance=True):
    """Return a sky with a saturated star, whose columns are saturated and then a trail."""
    rng = np.random.default_rng(seed)
    image = rng.normal(500, NOISE, (400, 100))
    y, x = np.mgrid[:400, :100]
    image += 60000 * np.exp(-((x - 50.5) ** 2 + (y - 200) ** 2) / 18)
    image[200 - height : 200 + height, 50 : 50 + width] = 65535
    tail = trail * np.linspace(1, 0.5, reach)[:, None]
    image[200 + height : 200 + height + reach, 50 : 50 + width] += tail
    image[200 - height - reach : 200 - height, 50 : 50 + width] += tail[::-1]
    image = image.clip(0, 65535).astype(np.float32)
    mask = np.where(image > 60000, 2, 0).astype(np.int32)
    return MaskedImage(image, mask, np.full(image.shape, NOISE**2) if variance else None)


@pytest.mark.parametrize("variance", [True, False])
def test_trails_are_followed_to_their_ends_in_both_directions(variance):
    planes = star(variance=variance)
    before = planes.mask.array.copy()
    count = mask_bleeds(planes)
    new = (planes.mask.array == 2) & (before == 0)
    assert new.sum() == count
    assert new[60:140, 50:52].sum() + new[260:340, 50:52].sum() >= 0.97 * 320
    assert new[:50].sum() + new[350:].sum() == 0
    assert set(np.flatnonzero(new.any(axis=0))) <= {50, 51}


@given(st.data(), st.integers(1, 6), st.integers(0, 3))
def test_trails_equal_the_oracle(data, min_length, elongation):
    shape = data.draw(shapes(0, 16))
    mask = data.draw(masks(shape)) | data.draw(masks(shape))
    wanted = oracle.bleed_trails(mask.tolist(), 0b111, min_length, elongation)
    assert _kernels.bleed_trails(mask, 0b111, min_length, elongation) == wanted


@given(st.data(), st.integers(1, 4))
def test_tall_trails_equal_the_oracle(data, elongation):
    mask = data.draw(strided(np.zeros((30, 6), np.int32)))
    for box in data.draw(boxes(6, 30, most=8)):
        mask[max(0, box.y0) : box.y1 + 1, max(0, box.x0) : box.x1 + 1] |= 2
    wanted = oracle.bleed_trails(mask.tolist(), 2, 4, elongation)
    assert _kernels.bleed_trails(mask, 2, 4, elongation) == wanted


def test_a_plane_of_its_own():
    Mask.add_plane("TRAIL")
    planes = star()
    before = planes.mask.array.copy()
    count = mask_bleeds(planes, plane="TRAIL")
    bit = np.int32(Mask.bitmask("TRAIL"))
    assert np.count_nonzero(planes.mask.array & bit) == count
    assert_array_equal(planes.mask.array & ~bit, before)
    assert mask_bleeds(planes, plane="TRAIL") == 0


def test_long_trails_end_where_a_look_at_the_whole_column_ends_them(monkeypatch):
    found = []
    for near in (bleeds._NEAR, 10, 10**6):
        monkeypatch.setattr(bleeds, "_NEAR", near)
        planes = star(height=20, reach=150)
        planes.variance.array[::7] = 0  # there the noise comes from the columns beside
        mask_bleeds(planes)
        found.append(planes.mask.array)
    assert found[0][:, 50].sum() > 2 * 300
    assert_array_equal(found[1], found[0])
    assert_array_equal(found[2], found[0])


def test_without_a_trail_next_to_nothing_is_flagged():
    planes = star(trail=0.0)
    assert mask_bleeds(planes) <= 16  # a stretch of noise on each side of each column
    # a round star, however large, has no trail
    y, x = np.mgrid[:200, :200]
    image = (1e6 * np.exp(-((x - 100) ** 2 + (y - 100) ** 2) / 200)).clip(0, 65535) + 500
    mask = np.where(image > 60000, 2, 0).astype(np.int32)
    assert (mask != 0).sum(axis=0).max() > 20
    assert mask_bleeds(MaskedImage(image.astype(np.float32), mask)) == 0


def test_short_runs_are_left_alone():
    planes = star(height=9)
    assert mask_bleeds(planes) == 0
    assert mask_bleeds(planes, min_length=10) > 250


@pytest.mark.parametrize("edge", [0, -1])
def test_columns_at_the_edge_of_the_ccd(edge):
    planes = star()
    planes.image.array[100:200, edge] = 65535
    planes.image.array[200:260, edge] = 900
    planes.mask.array[100:200, edge] = 2
    mask_bleeds(planes)
    assert (planes.mask.array[200:260, edge] == 2).all()


def test_awkward_planes():
    for shape in ((0, 0), (1, 1), (30, 1), (1, 30)):
        planes = MaskedImage(np.full(shape, np.nan, np.float32), np.full(shape, 2, np.int32))
        assert mask_bleeds(planes, min_length=1) == 0
    planes = star()
    planes.image.array[300, 50], planes.variance.array[301, 50] = np.nan, np.inf
    planes.image.array[:, 47] = np.inf
    assert mask_bleeds(planes) > 250


def test_refusals():
    with pytest.raises(KeyError):
        mask_bleeds(star(), plane="NO_SUCH_PLANE")
    with pytest.raises(ValueError, match="min_length is 0"):
        mask_bleeds(star(), min_length=0)
    with pytest.raises(ValueError, match="n_sigma is nan"):
        mask_bleeds(star(), n_sigma=float("nan"))
