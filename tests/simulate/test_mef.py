"""Cards and HDUs, against what astropy reads."""

import io
import warnings

import numpy as np
import pytest
from astropy.io import fits

from cfhtisr.simulate.mef import Literal, binary_table, card_text, header_bytes, image_hdu

PRIMARY = header_bytes(
    [("SIMPLE", True, ""), ("BITPIX", 8, ""), ("NAXIS", 0, ""), ("EXTEND", True, "")]
)


def opened(hdu: bytes) -> fits.HDUList:
    return fits.open(io.BytesIO(PRIMARY + hdu), memmap=False)


@pytest.mark.parametrize(
    "card",
    [
        ("A", 1, "one"),
        ("QID", 55700500000000068888, ""),
        ("FLAG", False, ""),
        ("NAME", "it's", "quoted"),
        ("EMPTY", "", ""),
        ("X", -1.5e-7, ""),
        ("CD1_1", Literal("-5.194E-05"), "[deg]"),
    ],
)
def test_astropy_reads_the_same_value(card):
    text = card_text(card)
    assert len(text) == 80
    read = fits.Card.fromstring(text)
    read.verify("exception")
    value = float(card[1]) if isinstance(card[1], Literal) else card[1]
    assert (read.keyword, read.value, read.comment) == (card[0], value, card[2])


@pytest.mark.parametrize("compress", ["RICE_1", "GZIP_1", "GZIP_2", None])
@pytest.mark.parametrize("dtype", [np.int16, np.int32])
def test_pixels_come_back(compress, dtype):
    pixels = np.random.default_rng(0).integers(-3000, 3000, (20, 70)).astype(dtype)
    hdu = image_hdu(pixels, [("EXTNAME", "ccd07", "")], compress)
    assert len(hdu) % 2880 == 0
    with opened(hdu) as hdus:
        hdus.verify("exception")
        assert hdus[1].name.lower() == "ccd07"
        np.testing.assert_array_equal(hdus[1].data, pixels)


@pytest.mark.parametrize("compress", ["GZIP_1", "GZIP_2"])
def test_no_clock_is_in_the_bytes(compress, monkeypatch):
    pixels = np.zeros((4, 40), np.int16)
    first = image_hdu(pixels, [], compress)
    monkeypatch.setattr("time.time", lambda: 1e9)
    assert image_hdu(pixels, [], compress) == first


def test_the_name_of_the_table_stands_before_the_real_one():
    hdu = image_hdu(
        np.zeros((4, 40), np.int16), [("EXTNAME", "ccd00", "")], "RICE_1", table_name="X"
    )
    text = hdu[:5760].decode("ascii", "replace")
    assert 0 < text.index("'X ") < text.index("ZIMAGE") < text.index("'ccd00")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with opened(hdu) as hdus:
            assert hdus[1].shape == (4, 40)


def test_a_table_of_boxes():
    column = np.array([1, -2, 300], np.int16)
    with opened(binary_table({"x0": column, "y0": column + 1}, [("EXTNAME", "t", "")])) as hdus:
        hdus.verify("exception")
        assert hdus[1].data["y0"].tolist() == [2, -1, 301]
