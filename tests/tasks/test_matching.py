import numpy as np
import pytest

import small_ccd
from cfhtisr import Exposure, IsrTask, IsrTaskConfig
from cfhtisr.camera import megacam_like
from cfhtisr.tasks.matching import mismatch

CAMERA = megacam_like(12, 10)


def made(ccd=7, filter=None, **cards):
    known = {"DETECTOR": "MegaCam"} | cards
    return Exposure(np.zeros((12, 10), np.float32), known, CAMERA[ccd], filter=filter)


@pytest.mark.parametrize(
    ("frame", "raw", "reason"),
    [
        (made(OBSTYPE="DARK"), made(), "OBSTYPE is DARK, wanted FLAT for the flat"),
        (made(8), made(7), "the flat is of ccd08, the exposure of ccd07"),
        (
            made(NCCDS=36),
            made(NCCDS=40),
            "the flat was made in the era of 36 CCDs, the exposure in that of 40",
        ),
        (
            made(**{"MJD-OBS": 54000.0}),
            made(**{"MJD-OBS": 58000.0}),
            "the flat was made in the era of 36 CCDs, the exposure in that of 40",
        ),
        (
            made(AMPLIST="B"),
            made(AMPLIST="A B"),
            "the flat was read out by amplifiers B, the exposure by those of A B",
        ),
        (made(CCDBIN1=2), made(), "the flat is binned 2 x 1, the exposure 1 x 1"),
        (
            made(filter="i.MP9702"),
            made(filter="i.MP9703"),
            "the flat was taken in filter i.MP9702, the exposure in i.MP9703",
        ),
    ],
)
def test_what_does_not_fit_is_told(frame, raw, reason):
    assert mismatch("flat", frame, raw) == reason


def test_what_nobody_tells_is_not_compared():
    frame = made(OBSTYPE="flat", AMPLIST="B A", NCCDS=40, filter="i3")
    raw = made(AMPLIST="A B", NCCDS=40, filter="i.MP9703")
    for kind in ("flat", "fringe"):
        assert mismatch(kind, made(), raw) is None
        assert mismatch(kind, frame, made()) is None or kind == "fringe"
    assert mismatch("flat", frame, raw) is None
    assert mismatch("bias", made(filter="u.MP9301"), raw) is None
    assert mismatch("flat", made(filter="u.MP9301"), raw, any_filter=True) is None


def test_the_task_refuses_what_does_not_fit_and_names_the_switch():
    frames = small_ccd.calibrations()
    frames["flat"].filter = "r.MP9602"
    ref = small_ccd.Shelf(raw=small_ccd.raw(), **frames)
    config = IsrTaskConfig()
    config.doFringe = False
    with pytest.raises(RuntimeError, match=r"r\.MP9602.* 'ccd': 7.*|'ccd': 7.*r\.MP9602") as caught:
        IsrTask(config=config).runDataRef(ref)
    assert "config.doFlat=True needs one that fits" in str(caught.value)
    assert "postISRCCD" not in ref.datasets
    config.parity = "lsst-v17"  # which took what there was
    assert IsrTask(config=config).readIsrData(ref, small_ccd.raw()).flat is frames["flat"]
