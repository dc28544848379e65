import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cfhtisr.images import Box2I, MaskedImage
from cfhtisr.isr import parallel_overscan


def planes(columns=40, rows=100, seed=2):
    """Return data and overscan rows that share the level of each column, and that level."""
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 5, columns)
    data = level + rng.normal(500, 1, (rows, columns))
    strip = level + rng.normal(0, 1, (32, columns))
    return (*(MaskedImage(plane.astype(np.float32)) for plane in (data, strip)), level)


def test_each_column_loses_its_level():
    data, strip, level = planes()
    wanted = np.float32(np.median(strip.image.array.astype(np.float64), axis=0))
    before = data.image.array.copy()
    result = parallel_overscan.correct(data, strip)
    assert_array_equal(result.level, wanted)
    assert_array_equal(data.image.array, before - wanted)
    assert_allclose(result.level, level, atol=1.0)
    assert_allclose(np.median(strip.image.array, axis=0), 0, atol=1e-5)
    assert result.sigma == pytest.approx(5, rel=0.4)
    assert not data.mask.array.any()


def test_one_level_for_all():
    data, strip, _ = planes()
    before = data.image.array.copy()
    result = parallel_overscan.correct(data, strip, "MEDIAN")
    assert isinstance(result.level, float)
    assert_array_equal(data.image.array, before - np.float32(result.level))


def test_columns_without_a_level_take_that_of_their_neighbours():
    data, strip, level = planes()
    strip.mask.array[:, 7] = 2
    strip.image.array[:, 7] = 60000
    strip.image.array[:, 20] += np.linspace(900, 0, 32, dtype=np.float32)  # charge that bled
    result = parallel_overscan.correct(data, strip, and_mask=2)
    for column in (7, 20):
        around = np.r_[column - 5 : column, column + 1 : column + 6]
        assert result.level[column] == pytest.approx(np.median(level[around]), abs=1.5)
    assert_array_equal(np.flatnonzero((data.mask.array == 128).all(axis=0)), [7, 20])
    _, strip, level = planes()
    strip.image.array[:, 20] += np.linspace(900, 0, 32, dtype=np.float32)
    kept = parallel_overscan.correct(planes()[0], strip, outlier_sigma=0.0)
    assert kept.level[20] > level[20] + 300


def test_refusals():
    data, strip, _ = planes()
    before = data.image.array.copy()
    with pytest.raises(ValueError, match="fit_type is 'POLY'"):
        parallel_overscan.correct(data, strip, "POLY")
    with pytest.raises(ValueError, match="has 39 columns, wanted 40"):
        parallel_overscan.correct(data, strip.subset(Box2I(0, 0, 39, 32)))
    with pytest.raises(ValueError, match="shares pixels"):
        parallel_overscan.correct(data, data.subset(Box2I(0, 0, 40, 32)))
    with pytest.raises(TypeError, match="overscan holds uint16"):
        parallel_overscan.correct(data, MaskedImage(np.zeros((3, 40), np.uint16)))
    strip.mask.array[...] = 2
    for fit_type in parallel_overscan.FIT_TYPES:
        with pytest.raises(ValueError, match="no usable pixel"):
            parallel_overscan.correct(data, strip, fit_type, and_mask=2)
    assert_array_equal(data.image.array, before)
