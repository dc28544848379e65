import itertools
import math
import statistics as standard

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from cfhtisr import _kernels, set_num_threads
from cfhtisr.images import Mask, MaskedImage
from cfhtisr.isr import background, statistics
from oracle import background as oracle
from strategies import flags, masked_images, planes, shapes


def slowly(planes, mesh_x, mesh_y, clip):
    """Return level, sigma, levels of the cells and flatness, in plain loops."""
    image, mask, _ = planes.getArrays()
    reject = 0b100011

    def value(rows, columns, what):
        pixels = [float(image[y, x]) for y in rows for x in columns if not int(mask[y, x]) & reject]
        return statistics.compute(np.float32(pixels), what) if pixels else math.nan

    height, width = image.shape
    whole = range(height), range(width)
    half_x, half_y = mesh_x // 2, mesh_y // 2
    cells = []
    for j in range((height + half_y) // mesh_y):
        cells.append([])
        for i in range((width + half_x) // mesh_x):
            rows = range(j * mesh_y, min(j * mesh_y + 2 * half_y, height))
            columns = range(i * mesh_x, min(i * mesh_x + 2 * half_x, width))
            cells[-1].append(value(rows, columns, "MEANCLIP" if clip else "MEAN"))
    levels = [level for row in cells for level in row if math.isfinite(level)]
    flat = (math.nan, math.nan)
    if levels and (middle := standard.median(levels)) != 0:
        relative = [(level - middle) / middle for level in levels]
        flat = max(relative) - min(relative), standard.pstdev(relative)
    return value(*whole, "MEDIAN"), value(*whole, "STDEVCLIP"), cells, flat


@given(st.data(), st.integers(2, 9), st.integers(2, 9), st.booleans())
def test_it_equals_plain_loops(data, mesh_x, mesh_y, clip):
    levels = st.floats(-10, 60000, width=32) | st.just(np.nan)
    planes = data.draw(masked_images(levels, data.draw(shapes(1, 20))))
    level, sigma, cells, flat = slowly(planes, mesh_x, mesh_y, clip)
    found = background.measure(planes, mesh_x, mesh_y, clip=clip)
    close = {"rel": 1e-9, "abs": 1e-9, "nan_ok": True}
    assert found.level == pytest.approx(level, **close)
    assert found.sigma == pytest.approx(sigma, **close)
    assert found.cells.shape == (len(cells), len(cells[0]) if cells else found.cells.shape[1])
    assert found.cells.ravel().tolist() == pytest.approx(
        [level for row in cells for level in row], **close
    )
    if not math.isnan(flat[0]):
        # The sum over the cells is taken in another order.
        wide = {"rel": 1e-6, "abs": 1e-6}
        assert found.peak_to_peak == pytest.approx(flat[0], **wide)
        assert found.rms == pytest.approx(flat[1], **wide)


@given(st.data(), st.integers(1, 9), st.integers(1, 9), st.booleans(), flags)
def test_levels_equal_the_oracle(data, width, height, clip, reject):
    image, mask = data.draw(planes(shape=data.draw(shapes(1, 20))))
    starts = tuple(np.arange(0, length, 3) for length in image.shape)
    arguments = starts, (height, width), (reject, 2.7, 3), clip
    levels = _kernels.mesh_levels(image, mask, *arguments)
    wanted = oracle.mesh_levels(image.tolist(), mask.tolist(), *arguments)
    # The oracle's sums are exact; ours are rounded, by so much of the largest that was added.
    scale = float(np.abs(image[np.isfinite(image)]).max(initial=0.0))
    assert_allclose(levels, wanted, rtol=1e-12, atol=1e-14 * scale)


@pytest.mark.parametrize("size", [(40, 40), (150, 200)])
def test_levels_are_those_of_the_cells_whatever_the_number_of_threads(size):
    rng = np.random.default_rng(3)
    image = rng.normal(1000, 10, (330, 460)).astype(np.float32)
    mask = (rng.random(image.shape) < 0.1).astype(np.int32)
    starts = np.arange(0, 330, size[0]), np.arange(0, 460, size[1])
    for threads in (1, 2, None):
        set_num_threads(threads)
        levels = _kernels.mesh_levels(image, mask, starts, size, (1, 3.0, 3), True)
        for (j, y), (i, x) in itertools.product(*map(enumerate, starts)):
            cell = slice(y, y + size[0]), slice(x, x + size[1])
            wanted = statistics.compute(image[cell], "MEANCLIP", mask[cell], 1)
            assert_array_equal(levels[j, i], wanted)


def test_the_kernel_refuses_cells_beyond_the_image():
    image, mask, at = np.zeros((4, 4), np.float32), np.zeros((4, 4), np.int32), np.array([0])
    for starts, size in (((at, at + 4), (2, 2)), ((at - 1, at), (2, 2)), ((at, at), (0, 2))):
        with pytest.raises(ValueError, match=r"wanted 0\.\.4"):
            _kernels.mesh_levels(image, mask, starts, size, (0, 3.0, 3), True)


def test_a_mesh_of_megacam_covers_the_ccd():
    found = background.measure(MaskedImage(np.ones((4612, 2048), np.float32)), 256, 256)
    assert found.cells.shape == (18, 8)
    assert (found.cells == 1).all()
    assert (found.level, found.sigma, found.peak_to_peak, found.rms) == (1, 0, 0, 0)


@pytest.mark.parametrize(("width", "count"), [(9, 1), (14, 1), (15, 2), (19, 2), (20, 2), (4, 0)])
def test_a_cell_that_reaches_over_the_edge_is_cut(width, count):
    image = np.arange(10 * width, dtype=np.float32).reshape(10, width)
    found = background.measure(MaskedImage(image), 10, 10, clip=False)
    assert found.cells.shape == (1, count)
    if count == 2:
        assert found.cells[0, 1] == pytest.approx(image[:, 10:].mean())
    if not count:
        assert math.isnan(found.peak_to_peak)
        assert math.isnan(found.rms)


def test_flags_and_clipping_keep_stars_out():
    rng = np.random.default_rng(5)
    image = rng.normal(1000, 10, (64, 64)).astype(np.float32)
    mask = np.zeros(image.shape, np.int32)
    image[3:6, 3:6] = 60000  # found by clipping
    image[40:64, 40:64], mask[40:64, 40:64] = 50000, Mask.bitmask("DETECTED")
    found = background.measure(MaskedImage(image, mask), 16, 16)
    assert found.level == pytest.approx(1000, abs=1)
    assert found.sigma == pytest.approx(10, abs=1)
    assert np.isnan(found.cells[3, 3])
    assert found.rms < 0.005
    assert background.measure(MaskedImage(image, mask), 16, 16, clip=False).rms > 0.1
    assert background.measure(MaskedImage(image, mask), 16, 16, planes=()).rms > 1


def test_nothing_usable_is_nan_and_nothing_changes():
    planes = MaskedImage(np.full((8, 8), np.nan, np.float32))
    found = background.measure(planes, 4, 4)
    for value in (found.level, found.sigma, found.peak_to_peak, found.rms):
        assert math.isnan(value)
    assert_array_equal(planes.image.array, np.nan)


def test_a_background_of_zero_has_no_relative_flatness():
    found = background.measure(MaskedImage(np.zeros((8, 8), np.float32)), 4, 4)
    assert found.level == 0
    assert math.isnan(found.rms)


def test_what_makes_no_sense_is_refused():
    planes = MaskedImage(np.zeros((8, 8), np.float32))
    with pytest.raises(ValueError, match="mesh_y is 1"):
        background.measure(planes, 4, 1)
    with pytest.raises(TypeError):
        background.measure(planes, 4.5, 4)
    with pytest.raises(TypeError, match="masked_image is a ndarray"):
        background.measure(np.zeros((8, 8)), 4, 4)
    with pytest.raises(KeyError):
        background.measure(planes, 4, 4, planes=["NO_SUCH_PLANE"])
    with pytest.raises(ValueError, match="pixel"):
        background.measure(MaskedImage(np.zeros((0, 4), np.float32)), 4, 4)
