import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from cfhtisr.images import MaskedImage
from cfhtisr.isr import variance
from oracle import variance as oracle
from strategies import images, masked_images

gains = st.one_of(st.floats(0.5, 3), st.sampled_from([1.0, 1e-30, 1e30, 1.67]))
noises = st.one_of(st.floats(0, 10), st.sampled_from([0.0, 1e25]))


@given(images(), gains, noises, st.sampled_from(["none", "lsst-v17"]))
def test_update_equals_the_oracle(image, gain, noise, parity):
    result = np.full(image.shape, 7, np.float32)
    variance.update(image, result, gain, noise, parity=parity)
    wanted = oracle.update(image.tolist(), gain, noise, parity=parity)
    assert_array_equal(result, np.float32(wanted).reshape(image.shape))


@given(st.data(), gains, noises)
def test_the_variance_of_the_bias_frame_is_added(data, gain, noise):
    image = data.draw(images())
    bias = data.draw(images(image.shape))
    result = np.empty(image.shape, np.float32)
    variance.update(image, result, gain, noise, bias_variance=bias)
    wanted = oracle.update(image.tolist(), gain, noise, bias.tolist())
    assert_array_equal(result, np.float32(wanted).reshape(image.shape))
    variance.update(image, result, gain, noise, bias_variance=bias, parity="lsst-v17")
    wanted = oracle.update(image.tolist(), gain, noise, parity="lsst-v17")
    assert_array_equal(result, np.float32(wanted).reshape(image.shape))


@given(images())
def test_only_the_reference_has_negative_variance(image):
    result = np.empty(image.shape, np.float32)
    variance.update(image, result, 1.5, 3.0)
    assert (result[~np.isnan(image)] >= 4).all()
    assert np.isnan(result[np.isnan(image)]).all()


def test_the_reference_adds_read_noise_unscaled():
    image, result = np.float32([[100, -20]]), np.empty((1, 2), np.float32)
    variance.update(image, result, 2.0, 4.0)
    assert_array_equal(result, [[54, 4]])
    variance.update(image, result, 2.0, 4.0, parity="lsst-v17")
    assert_array_equal(result, [[66, 6]])


def test_sample_vectors(shared):
    with np.load(shared / "golden" / "arithmetic.npz") as data:
        for gain, noise in ((1.67, 4.1), (1, 0), (0.731, 6.789)):
            result = np.empty_like(data["sci_variance"])
            variance.update(data["sci_image"], result, gain, noise, parity="lsst-v17")
            assert_array_equal(result, data[f"variance_gain{gain:g}_rn{noise:g}"])


@pytest.mark.parametrize("gain", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
def test_an_impossible_gain_is_refused(gain, parity):
    with pytest.raises(ValueError, match="gain is"):
        variance.update([[1]], np.zeros((1, 1), np.float32), gain, 1.0, parity=parity)


def test_refusals_name_what_came():
    result = np.zeros((1, 2), np.float32)
    with pytest.raises(ValueError, match="read_noise is -1"):
        variance.update([[1, 2]], result, 1.0, -1.0)
    with pytest.raises(ValueError, match=r"variance has shape \(1, 2\)"):
        variance.update([[1]], result, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"bias_variance has shape \(1, 1\)"):
        variance.update([[1, 2]], result, 1.0, 1.0, bias_variance=[[1]])
    with pytest.raises(TypeError, match="variance holds float64"):
        variance.update([[1, 2]], np.zeros((1, 2)), 1.0, 1.0)
    with pytest.raises(ValueError, match="parity is"):
        variance.update([[1, 2]], result, 1.0, 1.0, parity="v17")


def test_read_noise_is_measured_on_what_is_not_flagged():
    rng = np.random.default_rng(1)
    image = rng.normal(0, 4, (4612, 32)).astype(np.float32)
    mask = np.zeros(image.shape, np.int32)
    image[:1000], mask[:1000] = 5e4, 2
    image[1000, 0] = np.nan
    # Clipping at 3 sigma takes 1.5 % from the standard deviation.
    assert variance.read_noise_of(MaskedImage(image, mask), 2) == pytest.approx(3.94, rel=0.02)


@given(masked_images())
def test_read_noise_does_not_look_at_rejected_pixels(planes):
    noise = variance.read_noise_of(planes, 130)
    image, mask, _ = planes.getArrays()
    changed = MaskedImage(np.where(mask & 130, np.float32(1e9), image), mask)
    assert variance.read_noise_of(changed, 130) == pytest.approx(noise, nan_ok=True)
