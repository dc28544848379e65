"""Damaged headers: a file is read or refused with one type of error, nothing else."""

import contextlib

import hypothesis.strategies as st
import pytest
from hypothesis import given

from cfhtisr import FileFormatError, read_raw, scan_raw
from cfhtisr.io import read_defects
from raw_files import write_amplifiers, write_raw

places = st.integers(0, 10**9)
pieces = st.one_of(
    st.binary(min_size=1, max_size=12),
    st.sampled_from([b"0", b"-", b"9" * 18, b"'", b"NaN", b"1E999", b"T", b" " * 20, b"[0:0,0:0]"]),
)
damages = st.lists(st.tuples(places, pieces), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    write_raw(folder / "plain.fits", [0, 1], rows=2, columns=2)
    write_raw(folder / "rice.fits", [0, 1], rows=2, columns=2, compress="RICE_1")
    write_amplifiers(folder / "amplifiers.fits", [0, 1], rows=2, columns=2)
    return folder


@pytest.mark.parametrize("name", ["plain", "rice", "amplifiers"])
@given(damages=damages, on_card=st.booleans())
def test_damaged_headers(files, name, damages, on_card):
    data = bytearray((files / f"{name}.fits").read_bytes())
    for place, piece in damages:
        # On the value of a card, or anywhere at all.
        place %= len(data)
        place = place // 80 * 80 + 10 if on_card else place
        data[place : place + len(piece)] = piece
    path = files / "damaged.fits"
    path.write_bytes(data)
    for work in (
        lambda: scan_raw(path),
        lambda: read_raw(path, 1),
        lambda: read_raw(path, 1, processed=True, checksum="ignore"),
        lambda: read_raw(path, 1, camera=None),
        lambda: read_defects(path, 1),
    ):
        with contextlib.suppress(FileFormatError):
            work()
