import numpy as np
import pytest
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal

import small_ccd
from cfhtisr import Amplifier, Box2I, Detector, Exposure, MaskedImage
from cfhtisr.tasks.assemble import AssembleCcdTask, is_raw


def raw():
    exposure = small_ccd.raw(dtype=np.float32)
    exposure.mask.array[3, 5] = 1
    exposure.variance.array[...] = np.arange(exposure.variance.array.size).reshape(12, 48)
    exposure.wcs = WCS(naxis=2)
    exposure.wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    exposure.wcs.wcs.crpix = [104.0, 6.0]
    exposure.wcs.wcs.crval = [150.0, 2.0]
    exposure.wcs.wcs.cd = [[-5e-5, 0], [0, 5e-5]]
    exposure.metadata["SHEEP"] = 1
    return exposure


def test_trimmed():
    frame = raw()
    task = AssembleCcdTask()
    task.config.keysToRemove = ["SHEEP", "MONKEYS"]
    ccd = task.assembleCcd(frame)
    for now, then in zip(ccd.masked_image.getArrays(), frame.masked_image.getArrays(), strict=True):
        assert_array_equal(now, then[:, 4:44])
        assert not np.shares_memory(now, then)
    assert ccd.wcs.wcs.crpix[0] == ccd.metadata["CRPIX1"] == 100.0
    assert frame.wcs.wcs.crpix[0] == frame.metadata["CRPIX1"] == 104.0
    assert_allclose(ccd.wcs.wcs_pix2world([[0, 0]], 0), frame.wcs.wcs_pix2world([[4, 0]], 0))
    for card in ("DATASEC", "GAIN", "SHEEP"):
        assert card not in ccd.metadata
        assert card in frame.metadata
    assert ccd.metadata["GAINA"] == 1.6
    assert (ccd.filter, ccd.visit_info, ccd.detector) == (
        frame.filter,
        frame.visit_info,
        frame.detector,
    )
    assert np.isnan(ccd.flux_mag0)


def test_untrimmed_and_from_a_mapping():
    frame = raw()
    task = AssembleCcdTask()
    task.config.doTrim = False
    whole = task.assembleCcd(frame)
    assert_array_equal(whole.image.array, frame.image.array)
    parts = {amp.name: frame.subset(amp.raw_bbox) for amp in frame.detector}
    joined = task.assembleCcd(parts)
    for now, then in zip(
        joined.masked_image.getArrays(), frame.masked_image.getArrays(), strict=True
    ):
        assert_array_equal(now, then)


def test_flips_of_pixels_and_wcs_agree():
    box, strip = Box2I(0, 0, 6, 4), Box2I(0, 0, 2, 4)
    amp = Amplifier(
        "A", box, Box2I(0, 0, 8, 4), Box2I(2, 0, 6, 4), strip, raw_flip_x=True, raw_flip_y=True
    )
    frame = raw()
    image = np.arange(32, dtype=np.float32).reshape(4, 8)
    flipped = Exposure(
        MaskedImage(image), frame.metadata, Detector("c", 0, box, [amp]), wcs=frame.wcs
    )
    ccd = AssembleCcdTask().assembleCcd(flipped)
    assert_array_equal(ccd.image.array, image[::-1, :1:-1])
    # the pixel that was at (7, 3) is at (0, 0) now, on the same spot of the sky
    assert_allclose(ccd.wcs.wcs_pix2world([[0, 0]], 0), flipped.wcs.wcs_pix2world([[7, 3]], 0))
    assert_allclose(ccd.wcs.wcs_pix2world([[5, 1]], 0), flipped.wcs.wcs_pix2world([[2, 2]], 0))
    assert ccd.metadata["CRPIX1"] == ccd.wcs.wcs.crpix[0]


def test_refusals():
    task = AssembleCcdTask()
    for wrong in (None, 3, {}):
        with pytest.raises(TypeError, match="wanted an Exposure or a mapping"):
            task.assembleCcd(wrong)
    with pytest.raises(RuntimeError, match="without a detector"):
        task.assembleCcd(Exposure(np.zeros((2, 2), np.float32)))
    frame = raw()
    nothing = Box2I(0, 0, 0, 0)
    frame.detector.amplifiers[0].raw_bbox = nothing
    with pytest.raises(RuntimeError, match="amplifier A of ccd00"):
        task.assembleCcd(frame)


def test_a_raw_frame_is_known_by_its_size():
    assert is_raw(raw())
    assert not is_raw(AssembleCcdTask().assembleCcd(raw()))
    assert not is_raw(Exposure(np.zeros((2, 2))))
