import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_array_equal

from cfhtisr import set_num_threads
from cfhtisr.images import MaskedImage
from cfhtisr.isr import saturation
from oracle import saturation as oracle
from strategies import images, shapes, strided

piled = st.one_of(
    st.integers(0, 65535), st.sampled_from([59999, 60000, 60001, 61384, 64000, 65534, 65535])
)
bright = st.one_of(
    st.floats(59990, 66000, width=32),
    piled.map(float),
    st.sampled_from([np.nan, np.inf, -np.inf, 1e9, 3e38]),
)
safes = st.sampled_from([0.95, 1.0, 0.5, 0.9])


def check(image, safe):
    wanted = oracle.estimate_level(image.ravel().tolist(), safe, 61000)
    assert saturation.estimate_level(image, safe, 61000) == wanted
    assert saturation.estimate_level(image, safe, 61000, parity="lsst-v17") == wanted


@given(st.data(), safes, st.sampled_from([np.uint16, np.int32]))
def test_estimate_equals_the_oracle(data, safe, dtype):
    image = data.draw(npst.arrays(dtype, shapes(min_side=1), elements=piled))
    check(data.draw(strided(image)), safe)


@given(images(elements=bright), safes)
def test_estimate_equals_the_oracle_for_floats(image, safe):
    if image.size == 0:
        with pytest.raises(ValueError, match="image has shape"):
            saturation.estimate_level(image, safe, 61000)
        return
    check(image, safe)
    check(image.astype(np.float64), safe)


@given(npst.arrays(np.uint16, shapes(min_side=1), elements=piled))
def test_whole_numbers_and_floats_agree(image):
    level = saturation.estimate_level(image, header_level=1)
    assert saturation.estimate_level(image.astype(np.float32), header_level=1) == level


@given(npst.arrays(np.uint16, shapes(min_side=1), elements=st.integers(0, 60000)))
def test_without_bright_pixels_the_header_counts_as_it_is(image):
    assert saturation.estimate_level(image, 0.5, 64000.5) == 64000.5


def test_pile_at_the_top():
    image = np.full((300, 200), 1100, np.uint16)
    image[3:5] = 65535
    image[10, :50] = 63000
    assert saturation.estimate_level(image) == 62206
    image[10:200, :50] = 63000
    # The edge of the bin, 60000 + 54 * 55.36.
    assert saturation.estimate_level(image) == int(0.95 * 62989.44)


def test_lowest_of_equal_bins():
    assert saturation.estimate_level(np.uint16([[60000, 65535, 7]]), 1.0) == 60000


def test_threads_do_not_matter():
    rng = np.random.default_rng(2)
    image = rng.integers(50000, 65536, (400, 500)).astype(np.uint16)
    try:
        levels = []
        for threads in (1, 2, 3):
            set_num_threads(threads)
            levels.append(saturation.estimate_level(image))
    finally:
        set_num_threads(None)
    check(image[:40, :40], 0.95)
    assert len(set(levels)) == 1


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (([[1000]],), "header_level is None"),
        (([[np.nan, 65535]],), "header_level is None"),
        (([[65535]], np.nan), "safe is nan"),
        (([[65535]], 0), "safe is 0"),
        (([[65535]], 0.9, None, "new"), "parity is 'new'"),
        ((np.zeros((0, 4)),), "image has shape"),
    ],
)
def test_refusals(arguments, match):
    with pytest.raises(ValueError, match=match):
        saturation.estimate_level(*arguments)


def test_a_plane_will_do():
    planes = MaskedImage(np.uint16([[65535, 65535, 3]]))
    assert saturation.estimate_level(planes.image) == 62206


def test_sample_vectors(shared):
    data = np.load(shared / "golden" / "cfht_saturation.npz")
    cases = sorted({key.partition("__")[0] for key in data.files if "__" in key})
    assert len(cases) == 3
    for case in cases:
        image, safe = data[f"{case}__in"], float(data[f"{case}__safe"])
        header = float(data[f"{case}__header_saturate"])
        for parity in ("none", "lsst-v17"):
            level = saturation.estimate_level(image, safe, header, parity)
            assert_array_equal(level, data[f"{case}__saturate"])
