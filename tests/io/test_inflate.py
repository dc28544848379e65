import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfhtisr import _kernels
from oracle import inflate as oracle


def inflate(packed, step_in, step_out):
    """Inflate one member through small pieces; None if it is damaged."""
    inflater = _kernels.Inflater()
    source, data, place = np.frombuffer(packed, np.uint8), b"", 0
    while True:
        out = np.empty(step_out, np.uint8)
        taken, given, ended = inflater.inflate(source[place : place + step_in], out)
        place += taken
        data += out[:given].tobytes()
        if ended:
            return data, place
        if not taken and not given:
            return None


@given(
    st.one_of(st.binary(max_size=400), st.integers(0, 5000).map(bytes)),
    st.binary(max_size=20),
    st.integers(1, 300),
    st.integers(1, 300),
)
def test_pieces_equal_the_oracle(data, after, step_in, step_out):
    packed = gzip.compress(data, mtime=0) + after
    assert (
        inflate(packed, step_in, step_out)
        == oracle.inflate(packed)
        == (data, len(packed) - len(after))
    )


@given(st.binary(min_size=1, max_size=300), st.data())
def test_damage_is_found_as_by_the_oracle(data, draw):
    packed = bytearray(gzip.compress(data, mtime=0))
    packed[draw.draw(st.integers(10, len(packed) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    wanted = oracle.inflate(bytes(packed))
    try:
        result = inflate(bytes(packed), 1000, 1000)
    except ValueError:
        result = None
    assert result == wanted


def test_what_is_no_gzip_is_refused():
    with pytest.raises(ValueError, match="gzip stream does not inflate"):
        inflate(b"SIMPLE  =", 9, 9)
