"""Files that lie: one type of error, which names file, HDU and card, and soon."""

import gzip
import os
import time

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal

from cfhtisr.errors import FileFormatError
from cfhtisr.io.fits_file import FitsFile
from fits_samples import save, stars


def read_all(path):
    with FitsFile(path) as file:
        for hdu in file.hdus:
            if hdu.shape is not None:
                file.read(hdu.index)
        if file.damage:
            raise FileFormatError(file.damage)


def refused(path, within=0.5):
    """Return the text of the error that reading everything ends in."""
    # Of the processor, because the machine may be busy with other things.
    start = time.process_time()
    with pytest.raises(FileFormatError) as error:
        read_all(path)
    assert time.process_time() - start < within
    assert str(path) in str(error.value)
    return str(error.value)


class TestHostile:
    def test_not_fits(self, tmp_path):
        path = tmp_path / "a.fits"
        path.write_bytes(b"")
        assert "is empty or shorter" in refused(path)
        path.write_bytes(os.urandom(6000).replace(b"\x1f\x8b", b"ab"))
        assert "is no FITS file: begins with" in refused(path)
        path.write_bytes(gzip.compress(b"not fits" * 1000))
        assert "is no FITS file" in refused(path)
        path.unlink()
        os.mkfifo(path)
        assert "not a regular file" in refused(path)

    def test_truncated(self, tmp_path):
        image = stars(np.dtype("u2"))
        hdus = [fits.ImageHDU(image, name="CCD00"), fits.ImageHDU(image, name="CCD01")]
        raw = save(tmp_path / "whole.fits", *hdus, checksum=True).read_bytes()
        path = tmp_path / "a.fits"
        path.write_bytes(raw[: len(raw) - 2880 - 4000])
        end = len(raw) - 6880
        text = refused(path)
        assert text.startswith(f"{path}: HDU 2 (CCD01): is truncated: its data end at byte ")
        assert text.endswith(f", the file at byte {end}")
        with FitsFile(path) as file:
            assert_array_equal(file.read(1), image)

    @pytest.mark.parametrize(
        ("card", "value"),
        [
            ("NAXIS1", "999999999"),
            ("NAXIS1", "-3"),
            ("NAXIS1", "9" * 18),
            ("NAXIS2", "1.5"),
            ("NAXIS2", "'x'"),
            ("NAXIS", "1000"),
            ("BITPIX", "17"),
            ("BITPIX", "-128"),
            ("PCOUNT", "-1"),
            ("PCOUNT", "9" * 19),
            ("NAXIS2", "9" * 30),
            ("GCOUNT", "T"),
            ("BZERO", "'abc'"),
            ("BSCALE", "1E999"),
        ],
    )
    def test_impossible_cards_are_named(self, tmp_path, card, value):
        path = save(tmp_path / "a.fits", fits.ImageHDU(stars(np.dtype("u2"))))
        raw = path.read_bytes()
        place = raw.rindex(f"{card:8}=".encode())
        new = f"{card:8}= {value:>20}".encode().ljust(80)
        path.write_bytes(raw[:place] + new + raw[place + 80 :])
        text = refused(path)
        assert card in text or "truncated" in text
        assert "HDU 1" in text

    def test_a_header_without_end(self, tmp_path):
        path = tmp_path / "a.fits"
        path.write_bytes(
            b"SIMPLE  =                    T".ljust(80) + b" " * 2800 + b"x" * 5 * 2**20
        )
        assert "no END card" in refused(path)
        path.write_bytes(b"SIMPLE  =                    T".ljust(80) + b" " * 2800)
        assert "is truncated: its header has no END card" in refused(path)

    def test_junk_behind_the_last_hdu(self, tmp_path):
        path = save(tmp_path / "a.fits", fits.ImageHDU(stars(np.dtype("u2"))))
        path.write_bytes(path.read_bytes() + b"junk" * 720)
        assert "is no header, it begins with" in refused(path)

    @pytest.mark.parametrize(
        ("card", "value", "named"),
        [
            ("ZNAXIS1", "99999999", "tile"),
            ("ZNAXIS2", "99999999", "NAXIS2"),
            ("ZTILE1", "0", "ZTILE1"),
            ("ZTILE1", "1", "NAXIS2"),
            ("ZBITPIX", "12", "ZBITPIX"),
            ("ZBITPIX", "64", "ZBITPIX"),
            ("ZBITPIX", "-32", "ZQUANTIZ"),
            ("ZNAXIS", "3", "ZNAXIS3"),
            ("ZCMPTYPE", "'MAGIC'", "MAGIC"),
            ("ZVAL1", "0", "ZVAL1"),
            ("ZVAL1", "4000000000", "BLOCKSIZE"),
            ("ZVAL1", "1", "tile 0"),
            ("ZVAL2", "3", "BYTEPIX"),
            ("TFIELDS", "0", "tile 0 has no bytes"),
            ("TFIELDS", "7", "TFORM"),
            ("TFORM1", "'1Z'", "TFORM1"),
            ("TFORM1", "'9999999999PB'", "TFORM1"),
            ("TFORM1", "'2J'", "COMPRESSED_DATA"),
            ("NAXIS1", "4", "TFORM1"),
            ("PCOUNT", "9999999999", "truncated"),
            ("PCOUNT", "9" * 19, "PCOUNT"),
            ("ZNAXIS2", "9" * 30, "ZNAXIS2"),
            ("PCOUNT", "10", "heap"),
        ],
    )
    def test_impossible_cards_of_tables_are_named(self, tmp_path, card, value, named):
        hdu = fits.CompImageHDU(stars(np.dtype("u2")), compression_type="RICE_1")
        path = save(tmp_path / "a.fits", hdu)
        raw = path.read_bytes()
        place = raw.rindex(f"{card:8}=".encode())
        new = f"{card:8}= {value:>20}".encode().ljust(80)
        path.write_bytes(raw[:place] + new + raw[place + 80 :])
        text = refused(path)
        assert named in text or "truncated" in text
        assert "HDU 1" in text

    def test_a_table_that_lost_its_image_is_refused_for_its_header_too(self, tmp_path):
        path = save(tmp_path / "a.fits", fits.CompImageHDU(stars(np.dtype("u2"))))
        path.write_bytes(path.read_bytes().replace(b"ZBITPIX =", b"ZBITPIY ="))
        with (
            FitsFile(path) as file,
            pytest.raises(FileFormatError, match=r"HDU 1.*ZBITPIX is None"),
        ):
            file.hdus[1].header  # noqa: B018

    @pytest.mark.parametrize(
        ("card", "value"),
        [
            ("ZDITHER0", "0"),
            ("ZDITHER0", "10001"),
            ("ZBLANK", "9" * 30),
            ("ZBLANK", "1.5"),
            ("ZQUANTIZ", "'MAGIC'"),
        ],
    )
    def test_impossible_cards_of_quantised_floats_are_named(self, tmp_path, card, value):
        image = stars(np.dtype("f4"), (60, 200))
        image[3, 3] = np.nan
        hdu = fits.CompImageHDU(image, quantize_method=1, dither_seed=5)
        path = save(tmp_path / "a.fits", hdu)
        raw = path.read_bytes()
        place = raw.rindex(f"{card:8}=".encode())
        new = f"{card:8}= {value:>20}".encode().ljust(80)
        path.write_bytes(raw[:place] + new + raw[place + 80 :])
        assert card in refused(path)

    def test_a_gzipped_file_that_claims_what_no_file_of_its_size_can_hold(self, tmp_path):
        card = b"NAXIS2  =             99999999".ljust(80)
        path = save(tmp_path / "a.fits", fits.ImageHDU(stars(np.dtype("u2"))))
        raw = path.read_bytes()
        place = raw.rindex(b"NAXIS2  =")
        path.write_bytes(gzip.compress(raw[:place] + card + raw[place + 80 :]))
        text = refused(path)
        assert "HDU 1: is truncated: its data end at byte " in text
        assert ", the file before byte " in text
