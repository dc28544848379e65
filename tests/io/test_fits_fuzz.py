"""Damaged files: the right pixels or one error that names the file, never anything else."""

import gzip
import time
import tracemalloc
import warnings

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from cfhtisr.errors import FileFormatError
from cfhtisr.io.fits_file import FitsFile

IMAGE = np.random.default_rng(7).normal(1000, 20, (24, 40)).astype(np.uint16)
ODD = st.sampled_from(
    ["0", "-1", "1", "7", "2147483648", "9" * 19, "9" * 30, "1.5", "NAN", "T", "'1PB(3)'"]
)
KINDS = ("plain", "RICE_1", "GZIP_1", "GZIP_2", "quantised", "zipped")


def make(kind, folder):
    """Return the bytes of a file with two images."""
    hdus = [fits.PrimaryHDU()]
    for name in ("CCD00", "CCD01"):
        if kind in ("plain", "zipped"):
            hdus.append(fits.ImageHDU(IMAGE, name=name))
        elif kind == "quantised":
            hdus.append(fits.CompImageHDU(IMAGE.astype(np.float32), name=name, quantize_method=1))
        else:
            hdus.append(fits.CompImageHDU(IMAGE, name=name, compression_type=kind))
    path = folder / "whole.fits"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits.HDUList(hdus).writeto(path, checksum=True)
    return gzip.compress(path.read_bytes()) if kind == "zipped" else path.read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return {kind: make(kind, tmp_path_factory.mktemp("fuzz")) for kind in KINDS}


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "damaged.fits"


def judge(path, data, checksum="error"):
    """Read everything; return the arrays, or the text of the error."""
    path.write_bytes(data)
    # Of the processor, because the machine may be busy with other things.
    start = time.process_time()
    try:
        with FitsFile(path, checksum) as file:
            damage = file.damage
            arrays = [file.read(hdu.index) for hdu in file.hdus if hdu.shape is not None]
            [hdu.header for hdu in file.hdus]
        result = damage or arrays
    except FileFormatError as error:
        result = str(error)
    assert time.process_time() - start < 0.5
    assert isinstance(result, list) or str(path) in result
    return result


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_truncated_anywhere(whole, target, kind, data):
    raw = whole[kind]
    near = [n + d for n in range(0, len(raw), 2880) for d in (-1, 0, 1, 80) if 0 <= n + d]
    cut = data.draw(st.one_of(st.sampled_from(near), st.integers(0, len(raw) - 1)))
    result = judge(target, raw[:cut])
    if isinstance(result, list):
        # Cut between two HDUs, or in the padding behind the last pixel: still a file.
        wanted = judge(target, raw)
        assert len(result) in (0, 1, 2)
        for pixels, right in zip(result, wanted, strict=False):
            np.testing.assert_array_equal(pixels, right)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_changed_anywhere(whole, target, kind, data):
    raw = bytearray(whole[kind])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place] ^= 1 << data.draw(st.integers(0, 7))
    result = judge(target, bytes(raw))
    if isinstance(result, list):
        # The checksums see what they cover; the primary and lost names change no pixel.
        wanted = judge(target, whole[kind])
        for pixels, right in zip(result, wanted, strict=False):
            np.testing.assert_array_equal(pixels, right)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_changed_without_a_checksum(whole, target, kind, data):
    raw = bytearray(whole[kind])
    for _ in range(data.draw(st.integers(1, 20))):
        place = data.draw(st.integers(0, len(raw) - 1))
        length = data.draw(st.sampled_from([1, 4, 8]))
        new = data.draw(
            st.one_of(st.binary(min_size=length, max_size=length), st.just(b"\xff" * 8))
        )
        raw[place : place + len(new)] = new
    judge(target, bytes(raw), "ignore")


@pytest.mark.parametrize("kind", ["plain", "RICE_1", "GZIP_2", "quantised"])
@given(data=st.data())
def test_odd_numbers_in_headers(whole, target, kind, data):
    raw = bytearray(whole[kind])
    cards = [
        place
        for place in range(0, len(raw) - 80, 80)
        if raw[place + 8 : place + 10] == b"= " and raw[place : place + 8].isascii()
    ]
    changes = data.draw(st.lists(st.tuples(st.sampled_from(cards), ODD), min_size=1, max_size=3))
    for place, value in changes:
        raw[place + 10 : place + 80] = f"{value:>20}".encode().ljust(70)
    tracemalloc.start()
    try:
        judge(target, bytes(raw), "ignore")
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()
