import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_array_equal

from cfhtisr import set_num_threads
from cfhtisr.images import Box2I, Image, MaskedImage
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
    pixels = image.ravel().tolist()
    wanted = oracle.estimate_level(pixels, safe, 61000)
    assert saturation.estimate_level(image, safe, 61000, parity="lsst-v17") == wanted
    measured = saturation.measure_level(image, safe)
    assert measured == pytest.approx(oracle.measure_level(pixels, safe), nan_ok=True)
    if abs(measured.confidence - saturation.CONFIDENT) > 1e-9:
        guarded = wanted if measured.confidence > saturation.CONFIDENT else 61000
        assert saturation.estimate_level(image, safe, 61000) == guarded


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
            # one pixel of 60001 makes no level: the header's holds
            invented = case == "just_above" and parity == "none"
            assert_array_equal(level, header if invented else data[f"{case}__saturate"])


def amplifier(seed=1, sky=1200.0, shape=(300, 100)):
    rng = np.random.default_rng(seed)
    return np.rint(rng.normal(sky, 30.0, shape)).clip(0, 65535).astype(np.uint16)


def test_a_handful_of_bright_pixels_makes_no_level():
    image = amplifier()
    image[10:15, 7] = [60300, 62011, 61407, 63520, 60999]
    assert saturation.measure_level(image).confidence < 0.3
    assert saturation.estimate_level(image, header_level=65000) == 65000
    assert saturation.estimate_level(image, header_level=65000, parity="lsst-v17") < 60000
    image[40:44, 7] = 62011  # clipped pixels agree to the last unit
    assert saturation.estimate_level(image, header_level=65000) == int(0.95 * 62006.98)


@pytest.mark.parametrize(("sky", "spread"), [(58000, 1000), (59500, 300), (61000, 400)])
def test_a_bright_flat_makes_no_level(sky, spread):
    rng = np.random.default_rng(4)
    image = rng.normal(sky, spread, (400, 300)).clip(0, 65535).astype(np.uint16)
    assert saturation.measure_level(image).confidence < 0.2
    assert saturation.estimate_level(image, header_level=65535) == 65535
    assert saturation.estimate_level(image, header_level=65535, parity="lsst-v17") < 60000
    image[:, 3] = 65535
    assert saturation.estimate_level(image, header_level=65000) in (65000, 62206)


def test_a_pile_with_some_noise_is_believed():
    image = amplifier()
    image[50:70, 20] = np.rint(np.random.default_rng(2).normal(62500, 12, 20))
    level, confidence, count = saturation.measure_level(image)
    assert 18 <= count <= 20
    assert level == pytest.approx(0.95 * 62500, abs=60)
    assert confidence > saturation.CONFIDENT


def test_amplifiers_have_levels_of_their_own():
    low, high = amplifier(1), amplifier(2)
    low[5:25, 3] = 61500
    high[5:25, 3] = 65535
    levels = saturation.measure_levels({"A": low, "B": high}, 0.95, 65535.0)
    assert levels["A"].level == pytest.approx(0.95 * 61500, abs=20)
    assert levels["B"].level == pytest.approx(0.95 * 65535, abs=60)
    assert {level.source for level in levels.values()} == {"amplifier"}
    # too few pixels to tell: the other's level, unless they contradict it; then the header's
    high[5:25, 3] = 1200
    assert saturation.measure_levels({"A": low, "B": high}, 0.95, 65000.0)["B"].source == "detector"
    high[5, 3] = 64000
    found = saturation.measure_levels({"A": low, "B": high}, 0.95, 65000.0)["B"]
    assert (found.level, found.source, found.n_pile) == (65000.0, "header", 1)
    # without a header there is nothing better
    assert saturation.measure_levels({"B": high})["B"].source == "amplifier"
    assert np.isnan(saturation.measure_levels({"A": amplifier()})["A"].level)
    with pytest.raises(ValueError, match="safe is 0"):
        saturation.measure_levels({"A": low}, 0.0)


@given(
    npst.arrays(np.uint16, shapes(min_side=1), elements=piled),
    st.sampled_from([np.uint16, np.int32]),
    st.data(),
)
def test_boxes_of_a_frame_are_amplifiers(pixels, dtype, data):
    rows, columns = pixels.shape
    frame = Image(pixels.astype(dtype), xy0=(3, 5))

    def box():
        x0, y0 = data.draw(st.integers(0, columns - 1)), data.draw(st.sampled_from([0, rows - 1]))
        return Box2I(x0 + 3, y0 + 5, data.draw(st.integers(0, columns - x0)), rows - y0)

    boxes = {name: box() for name in "ABC"[: data.draw(st.integers(0, 3))]}
    parts = {name: frame.subset(box).array for name, box in boxes.items()}
    wanted = saturation.measure_levels(parts, 0.95, 61000.0)
    assert saturation.measure_boxes(frame, boxes, 0.95, 61000.0) == wanted
