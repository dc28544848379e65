import fitsio
import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal

from cfhtisr import Exposure, FileFormatError, MaskedImage
from cfhtisr.camera import megacam
from cfhtisr.io import read_exposure, write_exposure
from cfhtisr.io.mosaic import MosaicWriter
from cfhtisr.io.verify import verify
from faults import ERRORS, calls_of, injected
from io_samples import a_wcs

CCDS = [f"ccd{number:02d}" for number in range(40)]


def exposure(number, rows=7):
    image = np.full((rows, 5), number, np.float32)
    metadata = {"EXTNAME": "raw", "OBJECT": "M31", "FILTER": "old", "NAXIS1": 9, "HISTORY": "bias"}
    return Exposure(
        MaskedImage(image, image.astype(np.int32), image, xy0=(1, 2)),
        metadata,
        megacam()[number],
        a_wcs(),
        "r.MP9602",
        {"exposure_id": number, "visit": 5, "exposure_time": 1.5},
    )


def write(path, numbers=(0, 7, 39), **options):
    primary = fits.Header({"RUNID": "19B", "NEXTEND": 40, "NCCD": 1})
    with MosaicWriter(path, primary=primary, ccds=CCDS, **options) as mosaic:
        for number in numbers:
            mosaic.append(exposure(number))


def test_every_ccd_comes_back(tmp_path):
    path = tmp_path / "m.fits"
    write(path, provenance={"config.doBias": "True"})
    assert verify(path) == []
    for number in (0, 7, 39):
        first, back = exposure(number), read_exposure(path, ccd=number)
        for plane in ("image", "mask", "variance"):
            assert_array_equal(getattr(back, plane).array, getattr(first, plane).array)
        assert back.detector.name == f"ccd{number:02d}"
        assert back.bbox == first.bbox
        assert back.filter == "r.MP9602"
        assert repr(back.visit_info) == repr(first.visit_info)
        assert_array_equal(back.wcs.wcs.cd, first.wcs.wcs.cd)
        assert list(back.metadata) == ["EXTNAME", "OBJECT", "FILTER", "HISTORY"]
        assert back.metadata["FILTER"] == "r.MP9602"
        assert back.provenance["config.doBias"] == "True"
        write_exposure(back, tmp_path / "one.fits", overwrite=True)
        assert verify(tmp_path / "one.fits") == []
    with pytest.raises(FileFormatError, match="say which with ccd"):
        read_exposure(path)
    with pytest.raises(FileFormatError, match="no CCD ccd08"):
        read_exposure(path, ccd="ccd08")


def test_the_primary_says_which_ccds_are_missing(tmp_path):
    path = tmp_path / "m.fits"
    write(path)
    header = fits.getheader(path)
    assert (header["NCCD"], header["NMISSING"]) == (3, 37)
    assert header["MISSING"].split() == [
        ccd for ccd in CCDS if ccd not in {"ccd00", "ccd07", "ccd39"}
    ]
    assert header["RUNID"] == "19B"
    write(path, range(40), overwrite=True)
    header = fits.getheader(path)
    assert (header["NCCD"], header["NMISSING"], header["MISSING"]) == (40, 0, "")


def test_other_software_reads_it(tmp_path):
    path = tmp_path / "m.fits"
    write(path)
    with fits.open(path, checksum=True) as file:
        file.verify("exception")
        assert file["ccd07", 2].header["EXTTYPE"] == "MASK"
        assert file["ccd07", 1].header["DETSEC"] == megacam()[7].detsec.to_section()
        assert_array_equal(file["ccd07", 3].data, exposure(7).image.array)
    with fitsio.FITS(str(path)) as file:
        assert_array_equal(file["ccd39", 1].read(), exposure(39).image.array)


def test_a_ccd_that_cannot_be_written_costs_that_ccd(tmp_path):
    path = tmp_path / "m.fits"
    with MosaicWriter(path, ccds=["ccd00", "ccd01"]) as mosaic:
        bad = exposure(0)
        bad.flux_mag0 = float("inf")
        with pytest.raises(ValueError, match="FLUXMAG0"):
            mosaic.append(bad)
        mosaic.append(exposure(1))
        with pytest.raises(ValueError, match="ccd01 is written already"):
            mosaic.append(exposure(1))
        with pytest.raises(ValueError, match="no detector"):
            mosaic.append(Exposure([[1.0]]))
        assert mosaic.missing == ("ccd00",)
    assert verify(path) == []
    assert fits.getheader(path)["MISSING"] == "ccd00"
    with pytest.raises(ValueError, match="is closed"):
        mosaic.append(exposure(2))


def test_an_exception_in_the_block_leaves_no_file(tmp_path):
    with pytest.raises(ZeroDivisionError), MosaicWriter(tmp_path / "m.fits") as mosaic:  # noqa: PT012
        mosaic.append(exposure(1))
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [*ERRORS, "interrupt"])
def test_an_error_at_any_call_leaves_old_or_new(tmp_path, kind):
    path = tmp_path / "m.fits"
    write(path)
    whole = path.read_bytes()
    calls = calls_of(lambda: write(path, overwrite=True))
    for at in range(len(calls)):
        path.write_bytes(b"old")
        wanted = KeyboardInterrupt if kind == "interrupt" else OSError
        with injected(kind, at), pytest.raises(wanted):
            write(path, overwrite=True)
        assert path.read_bytes() in (b"old", whole)
        assert list(tmp_path.iterdir()) == [path]
