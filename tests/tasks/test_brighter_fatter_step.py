import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import small_ccd
from cfhtisr import IsrTask, IsrTaskConfig
from cfhtisr.isr import brighter_fatter

KERNEL = -1e-6 / (1 + np.hypot(*np.mgrid[-1:2, -1:2]))
parities = pytest.mark.parametrize("parity", ["none", "lsst-v17"])


def configured(**fields):
    config = IsrTaskConfig()
    config.doFringe = False
    config.doBrighterFatter = True
    config.brighterFatterThreshold = 1.0
    for name, value in fields.items():
        setattr(config, name, value)
    return config


def run(config, cls=IsrTask, **arguments):
    task = cls(config=config)
    inputs = small_ccd.calibrations() | {"bfKernel": KERNEL} | arguments
    inputs.pop("fringes")
    return task, task.run(small_ccd.raw(20000.0), **inputs).exposure


@parities
def test_the_step_corrects_and_says_so(parity):
    task, corrected = run(configured(parity=parity))
    _, plain = run(configured(parity=parity, doBrighterFatter=False))
    header = corrected.metadata
    assert header["ISRBFE"] is True
    assert plain.metadata["ISRBFE"] is False
    assert 1 < header["ISR_BF_NITER"] <= 10
    assert task.metadata.getScalar("BRIGHTER FATTER ITERATIONS") == header["ISR_BF_NITER"]
    assert header["ISRDEFCT"] is True
    assert header["ISRSATIN"] is True
    inner = (slice(3, -3), slice(3, -3))
    assert (corrected.image.array[inner] != plain.image.array[inner]).mean() > 0.9
    assert_allclose(corrected.image.array, plain.image.array, rtol=0.05)
    assert_array_equal(
        corrected.mask.array & 5, plain.mask.array & 5
    )  # BAD and INTRP, though interpolated once only


@parities
def test_the_kernel_acts_on_unflattened_electrons(parity):
    """A kernel is for counts as they were collected: before the dark is subtracted."""
    off = {name: False for name in ("doBias", "doVariance", "doDefect", "doDark", "doFlat")}
    _, corrected = run(configured(parity=parity, **off), defects=None)
    _, plain = run(configured(parity=parity, doBrighterFatter=False, **off), defects=None)
    image = plain.image.array.copy()
    gains = [(amp.bbox, amp.gain) for amp in small_ccd.detector()]
    brighter_fatter.correct(image, KERNEL, 10, 1.0, gains, parity)
    assert_array_equal(corrected.image.array, image)
    _, other = run(configured(parity=parity, brighterFatterApplyGain=False, **off), defects=None)
    image = plain.image.array.copy()
    brighter_fatter.correct(image, KERNEL, 10, 1.0, None, parity)
    assert_array_equal(other.image.array, image)


def test_a_kernel_of_zeros_restores_what_went_through_flat_and_dark():
    _, corrected = run(configured(doVariance=False), bfKernel=np.zeros((3, 3)))
    _, plain = run(configured(doVariance=False, doBrighterFatter=False))
    assert_allclose(corrected.image.array, plain.image.array, rtol=1e-6)
    assert corrected.metadata["ISR_BF_NITER"] == 1


def test_interpolation_is_not_repeated_but_for_nan_on_request():
    class Counting(IsrTask):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.seen = []

        def maskAndInterpDefect(self, *args):
            self.seen.append("defects")
            super().maskAndInterpDefect(*args)

        def saturationInterpolation(self, *args):
            self.seen.append("saturation")
            super().saturationInterpolation(*args)

        def maskAndInterpNan(self, *args):
            self.seen.append("nan")
            super().maskAndInterpNan(*args)

    once = ["defects", "saturation", "nan"]
    assert run(configured(), Counting)[0].seen == once
    assert run(configured(doNanInterpAfterFlat=True), Counting)[0].seen == [*once, "nan"]
    assert run(configured(doSaturationInterpolation=False), Counting)[0].seen == ["defects", "nan"]


def test_what_cannot_end_well_is_refused_before_a_pixel_is_touched():
    raw = small_ccd.raw(dtype=np.float32)
    before = raw.image.array.copy()
    inputs = small_ccd.calibrations()
    inputs.pop("fringes")
    for error, text, options, kernel in (
        (RuntimeError, "Must supply a bfKernel", {}, None),
        (NotImplementedError, "brighterFatterLevel is 'AMP'", {"brighterFatterLevel": "AMP"}, None),
        (ValueError, "wanted a square", {}, np.zeros((3, 2))),
        (ValueError, "the image only", {}, np.zeros((13, 13))),
        (ValueError, "max_iter is -1", {"brighterFatterMaxIter": -1}, KERNEL),
    ):
        if error is NotImplementedError:
            kernel = KERNEL
        with pytest.raises(error, match=text):
            IsrTask(config=configured(**options)).run(raw, bfKernel=kernel, **inputs)
    assert_array_equal(raw.image.array, before)
