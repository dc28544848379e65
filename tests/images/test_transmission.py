import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_allclose, assert_array_equal

from cfhtisr.images.transmission import TransmissionCurve

fractions = st.floats(0, 1)


@st.composite
def curves(draw):
    waves = np.sort(draw(st.lists(st.integers(300, 1100), min_size=1, max_size=6, unique=True)))
    radii = draw(st.none() | st.just([0.0, 50.0, 120.0]))
    shape = (len(waves),) if radii is None else (len(waves), 3)
    table = draw(npst.arrays(np.float64, shape, elements=fractions))
    return TransmissionCurve(waves, table, radii, draw(fractions), draw(fractions))


places = st.tuples(st.floats(-150, 150), st.floats(-150, 150))
WAVES = np.linspace(250, 1150, 19)


@given(curves(), curves(), places)
def test_a_product_is_the_product_at_every_place(a, b, place):
    product = a * b
    assert_allclose(
        product.sampleAt(place, WAVES), a.sampleAt(place, WAVES) * b.sampleAt(place, WAVES)
    )
    assert ((product.sampleAt(place, WAVES) >= 0) & (product.sampleAt(place, WAVES) <= 1)).all()
    assert product.is_constant == (a.is_constant and b.is_constant)


@given(curves(), places)
def test_a_transformed_curve_is_looked_up_in_its_own_plane(curve, place):
    x, y = place
    twice = curve.transformed(lambda x, y: (2 * x, 2 * y)).transformed(lambda x, y: (x + 1, y - 1))
    assert_array_equal(twice.sample(WAVES, x, y), curve.sample(WAVES, 2 * (x + 1), 2 * (y - 1)))


def test_values_between_and_beyond():
    curve = TransmissionCurve([400, 500], [[0.0, 1.0], [1.0, 0.0]], [0.0, 10.0], 0.25, 0.5)
    assert_allclose(curve.sampleAt((3, 4), [399, 400, 450, 500, 501]), [0.25, 0.5, 0.5, 0.5, 0.5])
    assert_allclose(curve.sample(400.0, [0, 0, 0], [0, 5, 99]), [0, 0.5, 1])
    assert curve.sample([400, 500], np.zeros((2, 3))).shape == (2, 3, 2)
    assert curve.getWavelengthBounds() == (400, 500)
    one = TransmissionCurve.makeIdentity()
    assert_array_equal(one.sampleAt((1, 2), WAVES), 1)
    assert one.getWavelengthBounds() == (0, np.inf)
    flat = TransmissionCurve.makeSpatiallyConstant([0.5, 0.5], [400, 500])
    assert "the same everywhere" in repr(flat)
    assert "dependent" in repr(flat.multipliedBy(curve))
    radial = TransmissionCurve.makeRadial([[0.5]], [400], [0])
    assert radial.transformedBy(lambda x, y: (x, y)).sampleAt((9, 9), [400]) == [0.5]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([500, 400], [1, 1]), "does not grow"),
        (([], []), "row of finite"),
        (([400, np.nan], [1, 1]), "row of finite"),
        (([400, 500], [1]), "shape"),
        (([400], [np.inf]), "not finite"),
        (([400], [[1.0]], [[0.0]]), "radius"),
    ],
)
def test_what_is_no_curve_is_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        TransmissionCurve(*arguments)
    with pytest.raises(TypeError):
        TransmissionCurve.identity() * 2
