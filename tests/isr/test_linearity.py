import logging
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_allclose, assert_array_equal

import cfhtisr
from cfhtisr import Amplifier, Box2I, Detector, Exposure, MaskedImage
from cfhtisr.images import Image
from cfhtisr.isr import linearity
from cfhtisr.isr.linearity import (
    LinearizeLookupTable,
    LinearizePolynomial,
    LinearizeResult,
    LinearizeSpline,
    LinearizeSquared,
)
from oracle import linearity as oracle
from oracle.float32 import f32
from strategies import pixels, shapes, strided

EXACT = {np.float32: f32, np.float64: float}
precisions = st.sampled_from(list(EXACT))


@st.composite
def frames(draw, elements=pixels):
    kind = draw(precisions)
    shape = draw(shapes(max_side=12))
    return draw(strided(draw(npst.arrays(kind, shape, elements=elements)))), EXACT[kind]


def ccd(kind, coefficients, size=(2, 2), per_row=2, xy0=(0, 0), **facts):
    """Return a detector of amplifiers in rows."""
    amps = []
    for number, coeffs in enumerate(coefficients):
        y, x = divmod(number, per_row)
        box = Box2I(xy0[0] + x * size[1], xy0[1] + y * size[0], size[1], size[0])
        amps.append(
            Amplifier(
                f"A{number}", box, box, box, box, linearity_type=kind, linearity_coeffs=coeffs
            )
        )
    rows = -(-len(coefficients) // per_row)
    frame = Box2I(*xy0, per_row * size[1], rows * size[0])
    return Detector("ccd00", 0, frame, amps, **facts)


def one(kind, coefficients, shape):
    return ccd(kind, [coefficients], shape, per_row=1)


def same(found, wanted):
    assert_array_equal(found, np.array(wanted, found.dtype).reshape(found.shape))


@given(frames(), st.floats(-1e-3, 1e-3).filter(bool))
def test_squared_equals_the_oracle(frame, c):
    image, exact = frame
    wanted = oracle.squared(image.tolist(), c, exact)
    result = linearity.apply(image, one("Squared", (c,), image.shape), LinearizeSquared())
    same(image, wanted)
    assert result == LinearizeResult(1, 1, 0)


@given(frames(), st.lists(st.floats(-1e-3, 1e-3), min_size=1, max_size=4).filter(any))
def test_a_polynomial_equals_the_oracle(frame, coefficients):
    image, exact = frame
    with np.errstate(all="ignore"):
        wanted = oracle.polynomial(image.tolist(), coefficients, exact)
    linearity.apply(image, one("Polynomial", coefficients, image.shape), LinearizePolynomial())
    same(image, wanted)


@given(frames(), st.data())
def test_a_table_equals_the_oracle(frame, data):
    image, exact = frame
    table = data.draw(npst.arrays(image.dtype, st.integers(1, 9), elements=st.integers(-9, 9)))
    near = np.abs(image) < 1e4
    image[near] = image[near] % 12 - 2  # some of it in the table
    offset = data.draw(st.sampled_from([0.0, 0.5, -2.5, 37.0, 1e30]))
    wanted, missed = oracle.apply_lookup_table(image.tolist(), table.tolist(), offset, exact)
    assert linearity.apply_lookup_table(image, table, offset) == missed
    same(image, wanted)


knots = st.lists(st.tuples(st.floats(1, 100), st.floats(-10, 10)), min_size=3, max_size=7)


@given(frames(st.floats(-1e3, 1e3, width=32)), knots)
def test_a_natural_spline_equals_the_oracle(frame, steps):
    image, _ = frame
    x = np.cumsum([step for step, _ in steps]).tolist()
    y = [value for _, value in steps]
    wanted = oracle.spline(image.tolist(), list(zip(x, y, strict=True)))
    detector = one("Spline", (*x, *y), image.shape)
    result = linearity.apply(image, detector, LinearizeSpline("NATURAL_SPLINE"))
    assert result.numLinearized == any(y)
    # the oracle solves for the curvatures in another order
    rtol = 1e-6 if image.dtype == np.float32 else 1e-9
    assert_allclose(image, np.array(wanted).reshape(image.shape), rtol=rtol, atol=1e3 * rtol)


def test_a_spline_goes_through_its_knots_and_stays_beyond_them():
    x, y = (0, 10, 20, 30, 40), (1, 2, 3, 5, 8)
    image = np.float32([[-9, 0, 10, 20, 30, 40, 99, np.inf, np.nan]])
    before = image.copy()
    linearity.apply(image, one("Spline", (*x, *y), image.shape), LinearizeSpline())
    assert_allclose(image, before - np.float32([[1, 1, 2, 3, 5, 8, 8, 0, 0]]), rtol=1e-6)


def test_known_squares():
    image = np.tile(np.float32([[-1, 0], [1, 2]]), (2, 2))
    detector = ccd("Squared", [(0, np.nan), (0.11,), (-0.15,), (-12,)])
    before = image.copy()
    result = linearity.apply(image, detector, LinearizeSquared())
    assert (result.numAmps, result.numLinearized) == (4, 3)
    c = np.repeat(np.repeat(np.float32([[0, 0.11], [-0.15, -12]]), 2, 0), 2, 1)
    assert_allclose(image, before + c * before**2, rtol=1e-6)
    assert_array_equal(image[:2, :2], before[:2, :2])


def test_known_tables(caplog):
    image = np.tile(np.float32([[-1, 0], [1, 2]]), (2, 2))
    table = np.float32([[7, 6, 5, 4], [1, 1, 1, 1], [5, 4, 3, 2], [0, 0, 0, 0]])
    detector = ccd("LookupTable", [(3, 0), (2, 0), (1, 1), (0, 1)])
    linearizer = LinearizeLookupTable(table, detector)
    log = logging.getLogger("a.log")
    result = pickle.loads(pickle.dumps(linearizer))(image, detector, log=log)
    assert (result.numAmps, result.numLinearized, result.numOutOfRange) == (4, 4, 2)
    assert "2 pixels of ccd00 are out of range" in caplog.text
    wanted = [[-1, 0, 4, 5], [1, 2, 5, 5], [0, 1, 6, 6], [2, 3, 6, 6]]
    assert_array_equal(image, wanted)


def test_a_ramp_and_a_falling_table_make_a_constant():
    image = np.arange(-3, 9, dtype=np.float32).reshape(3, 4)
    assert linearity.apply_lookup_table(image, np.arange(6, -4, -1), 2) == 2
    assert_array_equal(image.ravel(), [3, *[4] * 10, 5])


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_each_amplifier_has_its_table(kind):
    rng = np.random.default_rng(1)
    table = rng.normal(0, 55, (6, 2500)).astype(kind)
    rows, offsets = [0, 1, 4, 3, 5, 2], [0, -50, 2.5, 37, 1, -3]
    coefficients = list(zip(rows, offsets, strict=True))
    detector = ccd("LookupTable", coefficients, (40, 30), per_row=3, xy0=(-31, 22))
    ramp = np.linspace(-5, 2500, 80 * 90).reshape(80, 90).astype(kind)
    image = Image(ramp.copy(), xy0=(-31, 22))
    result = linearity.apply(image, detector, LinearizeLookupTable(table, detector))
    missed = 0
    for number, (row, offset) in enumerate(coefficients):
        y, x = divmod(number, 3)
        part = np.s_[40 * y : 40 * y + 40, 30 * x : 30 * x + 30]
        wanted, count = oracle.apply_lookup_table(
            ramp[part].tolist(), table[row].tolist(), offset, EXACT[kind]
        )
        missed += count
        same(image.array[part], wanted)
    assert result == LinearizeResult(6, 6, missed)


def test_a_table_is_of_one_detector():
    table = np.zeros((2, 3))
    detector = ccd("LookupTable", [(0, 0), (1, 0)], serial="E1")
    linearizer = LinearizeLookupTable(table, detector)
    image = np.zeros((2, 4), np.float32)
    others = {
        "name": detector.copy(),
        "serial number": ccd("LookupTable", [(0, 0), (1, 0)], serial="E2"),
        "number of amplifiers": ccd("LookupTable", [(0, 0)], serial="E1"),
        "linearity type": ccd("Squared", [(0, 0), (1, 0)], serial="E1"),
    }
    others["name"].name = "ccd01"
    for what, other in others.items():
        with pytest.raises(RuntimeError, match=what):
            linearizer(image, other)
    linearizer(image, ccd("LookupTable", [(9, 9), (9, 9)], serial="E1"))  # those are not read


@pytest.mark.parametrize(
    ("table", "coefficients", "text"),
    [
        (np.zeros(3), (0, 0), "table has shape"),
        (np.zeros((3, 2)), (0, 0), "as many columns as rows"),
        (np.zeros((2, 3)), (2, 0), "amplifier A0 wants row 2"),
        (np.zeros((2, 3)), (-1, 0), "amplifier A0 wants row -1"),
        (np.zeros((2, 3)), (np.nan, 0), "amplifier A0 are"),
        (np.zeros((2, 3)), (0,), "amplifier A0 are"),
    ],
)
def test_tables_that_make_no_sense_are_refused(table, coefficients, text):
    with pytest.raises(RuntimeError, match=text):
        LinearizeLookupTable(table, ccd("LookupTable", [coefficients]))


@pytest.mark.parametrize(
    ("linearizer", "coefficients"),
    [
        (LinearizeSquared(), ()),
        (LinearizeSquared(), (np.nan,)),
        (LinearizePolynomial(), (1, np.inf)),
        (LinearizeSpline(), (1, 2, 3, 4, 0, 0, 0, 1)),
        (LinearizeSpline(), (1, 2, 3, 4, 4, 0, 0, 0, 0, 1)),
        (LinearizeSpline("NATURAL_SPLINE"), (1, 2, 3, 4, 0, 0, 1)),
    ],
)
def test_coefficients_that_make_no_sense_are_refused_before_a_pixel_changes(
    linearizer, coefficients
):
    image = np.ones((2, 4), np.float32)
    good = (1, 2, 3, 4, 5, 1, 1, 1, 1, 1)
    detector = ccd(linearizer.LinearityType, [good, coefficients])
    with pytest.raises(ValueError, match="linearity_coeffs of amplifier A1 are"):
        linearizer(image, detector)
    assert (image == 1).all()


def test_all_kinds_are_known_by_type_and_survive_pickling():
    assert set(linearity.LINEARIZERS) == {"LookupTable", "Polynomial", "Spline", "Squared"}
    for kind in (LinearizeSquared, LinearizePolynomial, LinearizeSpline):
        again = pickle.loads(pickle.dumps(kind()))
        image = np.ones((2, 2), np.float32)
        with pytest.raises(RuntimeError, match="linearity type of ccd00 is 'None'"):
            again(image, ccd("None", [(1,)]))


def test_amplifiers_outside_of_the_image_are_refused():
    with pytest.raises(IndexError, match="outside"):
        LinearizeSquared()(np.zeros((2, 2), np.float32), ccd("Squared", [(1,), (1,)]))


def test_refusals():
    with pytest.raises(ValueError, match="table is empty"):
        linearity.apply_lookup_table(np.zeros((1, 1), np.float32), [])
    with pytest.raises(ValueError, match="offset is nan"):
        linearity.apply_lookup_table(np.zeros((1, 1), np.float32), [1], np.nan)
    with pytest.raises(TypeError, match="image holds uint16, wanted float32"):
        linearity.apply_lookup_table(np.zeros((1, 1), np.uint16), [1])
    with pytest.raises(ValueError, match="kind is 'LINE'"):
        LinearizeSpline("LINE")


def test_only_the_image_plane_of_an_exposure_changes():
    planes = MaskedImage(np.float32([[2, 2]]), [[1, 0]], np.float32([[3, 3]]))
    exposure = Exposure(planes, detector=one("Squared", (0.5,), (1, 2)))
    linearity.apply(exposure, exposure.detector, LinearizeSquared())
    assert_array_equal(planes.image.array, [[4, 4]])
    assert_array_equal(planes.mask.array, [[1, 0]])
    assert_array_equal(planes.variance.array, [[3, 3]])


def test_results_do_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(4)
    image = rng.normal(1000, 300, (301, 77)).astype(np.float32)
    table = rng.normal(0, 5, 1500).astype(np.float32)
    results = []
    try:
        for threads in (1, 2, 7):
            cfhtisr.set_num_threads(threads)
            results.append(image.copy())
            results.append(linearity.apply_lookup_table(results[-1], table, 0.5))
    finally:
        cfhtisr.set_num_threads(None)
    for found in results[2::2]:
        assert_array_equal(found, results[0])
    assert len(set(results[1::2])) == 1
