"""What the simulator writes, the readers of the package take."""

import numpy as np
import pytest

from cfhtisr import simulate
from cfhtisr.io.defects import read_defects
from cfhtisr.io.fits_file import FitsFile
from cfhtisr.io.raw import read_raw, scan_raw
from cfhtisr.simulate.ccd import simulate_ccd

SMALL = {"rows": 96, "columns": 128, "ccds": (4, 33), "n_ccd": 36}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compress": None},
        {"compress": None, "gzip": True},
        {"compress": "GZIP_1"},
        {"compress": "GZIP_2"},
        {"header_variant": "no-extname", "compress": None},
        {"header_variant": "double-extname"},
        {"header_variant": "compressed-image"},
        {"header_variant": "rdnoise-65535"},
        {"layout": "amplifiers"},
        {"layout": "amplifiers", "header_variant": "double-extname"},
    ],
)
@pytest.mark.parametrize("ccd", [4, 33])
def test_every_layout_gives_the_same_pixels(ccd, options, tmp_path):
    files = simulate.exposure(tmp_path, only=["raw"], **SMALL, **options)
    made = simulate_ccd(files.settings, ccd, masters=False)
    assert scan_raw(files.raw).ccds == (4, 33)
    exposure = read_raw(files.raw, ccd)
    np.testing.assert_array_equal(exposure.image.array, made.raw)
    assert exposure.detector.id == ccd
    assert exposure.detector["B"].raw_data_bbox == made.detector["B"].raw_data_bbox
    assert exposure.filter == "i.MP9702"


@pytest.mark.parametrize("ccd", [4, 33])
def test_defects_come_back(ccd, tmp_path):
    files = simulate.exposure(tmp_path, only=["defects"], **SMALL)
    made = simulate_ccd(files.settings, ccd, masters=False)
    found = np.zeros((96, 128), bool)
    for box in read_defects(files.defects, ccd):
        found[box.slices] = True
    np.testing.assert_array_equal(found, made.defects.mask(96, 128))


@pytest.mark.parametrize("kind", ["bias", "dark", "flat", "fringe"])
def test_masters_come_back(kind, tmp_path):
    files = simulate.exposure(tmp_path, only=[kind], **SMALL)
    made = simulate_ccd(files.settings, 33)
    with FitsFile(files.paths[kind]) as file:
        assert [hdu.name for hdu in file.hdus] == ["", "ccd04", "ccd33"]
        values = file.read(2)
        header = file.hdus[2].header
    wanted = made.masters[kind] * float(header["BSCALE"]) + float(header["BZERO"])
    wanted[made.masters[kind] == -32768] = np.nan
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, wanted, rtol=1e-5, atol=1e-4)
    assert np.isnan(values).sum() == (4 if kind == "flat" else 0)
