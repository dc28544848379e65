import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_array_equal

from cfhtisr.images import MaskedImage
from cfhtisr.isr import conversion
from oracle import conversion as oracle
from strategies import shapes, strided

TYPES = ["uint8", "int16", "uint16", "int32", "uint32", "float64"]


@given(st.data(), st.sampled_from(TYPES))
def test_to_float_equals_the_oracle(data, dtype):
    array = data.draw(strided(data.draw(npst.arrays(dtype, data.draw(shapes())))))
    mask = np.full(array.shape, 3)
    floats = conversion.to_float(MaskedImage(array, mask, xy0=(5, -2)))
    wanted = oracle.to_float(array.tolist())
    for plane, values in zip(floats.getArrays(), wanted, strict=True):
        assert_array_equal(plane, np.array(values, plane.dtype).reshape(array.shape))
    assert floats.image.dtype == np.float32
    assert floats.xy0 == (5, -2)


@pytest.mark.parametrize("dtype", TYPES)
def test_extreme_values_round_to_the_nearest(dtype):
    info = np.finfo(dtype) if dtype == "float64" else np.iinfo(dtype)
    array = np.array([[info.min, info.max, 16777217 if info.max > 16777217 else 0]], dtype)
    with np.errstate(over="ignore"):
        wanted = array.astype(np.float32)
    assert_array_equal(conversion.to_float(MaskedImage(array)).image.array, wanted)


def test_the_raw_pixels_are_not_shared():
    raw = np.zeros((2, 2), np.uint16)
    floats = conversion.to_float(MaskedImage(raw))
    floats.image.array[0, 0] = 9
    floats.mask.array[0, 0] = 9
    assert raw[0, 0] == 0


def test_float32_passes_through():
    planes = MaskedImage(np.zeros((2, 2), np.float32), [[1, 0], [0, 0]])
    assert conversion.to_float(planes) is planes


def test_a_column_of_packed_records_is_read_right():
    records = np.zeros((3, 2), dtype=[("flag", "u1"), ("value", "<u2")])
    records["value"] = [[1, 2], [3, 4], [5, 65535]]
    floats = conversion.to_float(MaskedImage(records["value"]))
    assert_array_equal(floats.image.array, records["value"])


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "uint64", "float16"])
@pytest.mark.parametrize("kind", [TypeError, RuntimeError])
def test_other_types_are_refused(dtype, kind):
    with pytest.raises(kind, match=f"image holds {dtype}, wanted"):
        conversion.to_float(MaskedImage(np.zeros((1, 1), dtype)))


def test_an_array_alone_is_refused():
    with pytest.raises(TypeError, match="planes is a ndarray"):
        conversion.to_float(np.zeros((1, 1)))
