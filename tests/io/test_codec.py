import gzip

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_array_equal

from cfhtisr import _kernels
from cfhtisr.io.checksum import datasum
from oracle import codec as oracle
from strategies import shapes, strided

TYPES = {1: ("u1", 8), 2: ("i2", 16), 4: ("i4", 32)}
NONE = np.empty(0, np.float64), np.empty(0, np.float64), np.empty(0, np.int64)
TABLE = oracle.random_table()


def decode(codes, grid, out, algorithm="RICE_1", bitpix=16, width=2, block=32, **other):
    """Decode tiles whose bytes stand one after the other."""
    lengths = np.array([len(code) for code in codes], np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
    stores = np.full(len(codes), other.get("store", 0), np.uint8)
    tiles = (starts, lengths, stores, *other.get("quantization", NONE))
    coding = (algorithm, bitpix, width, block, other.get("dither"), other.get("dither0", 1))
    heap = np.frombuffer(b"".join(codes) or b"\0", np.uint8)
    _kernels.decode_tiles(heap, tiles, grid, coding, other.get("scaling"), out.reshape(-1))
    return out


@st.composite
def rice_tiles(draw, width):
    """Return unsigned pixels, a block size, and how blocks choose their code."""
    size = 8 * width
    whole = oracle.WHOLE[width]
    start = draw(st.integers(0, 2**size - 1))
    spread = draw(st.sampled_from([0, 1, 5, 100, 2 ** (size - 1)]))
    steps = draw(st.lists(st.integers(-spread, spread), min_size=0, max_size=80))
    pixels = [start]
    for step in steps:
        pixels.append((pixels[-1] + step) % 2**size)
    extra = draw(st.integers(0, 2))

    def choose(folded):
        # The choice must not make a code longer than a test can bear.
        most = max(folded)
        if most == 0 and extra == 0:
            return 0
        return min(max((most >> 9).bit_length(), extra) + 1, whole)

    return pixels, draw(st.sampled_from([1, 2, 3, 16, 32, 33, 1000])), choose


@pytest.mark.parametrize("width", [1, 2, 4])
@given(data=st.data())
def test_rice_equals_the_oracle(width, data):
    pixels, block, choose = data.draw(rice_tiles(width))
    code = oracle.rice_encode(pixels, width, block, choose)
    assert oracle.rice_decode(code, width, block, len(pixels)) == pixels
    name, bitpix = TYPES[width]
    out = np.empty((1, len(pixels)), name)
    decode([code], (len(pixels), 1, len(pixels), 1, 0), out, "RICE_1", bitpix, width, block)
    unsigned = out.reshape(-1).view(f"u{width}")
    assert_array_equal(unsigned, np.array(pixels, f"u{width}"))


@pytest.mark.parametrize("width", [1, 2, 4])
@given(code=st.binary(max_size=60), block=st.sampled_from([1, 7, 32]), count=st.integers(1, 70))
@example(code=b"\x10\x10" + bytes(50), block=32, count=40)
@example(code=b"\x00\x00\xff\xff", block=32, count=1)
@example(code=b"\x00\x00\x00\x00\xf8", block=32, count=1)
def test_any_bytes_decode_as_in_the_oracle_or_are_refused(width, code, block, count):
    name, bitpix = TYPES[width]
    wanted = oracle.rice_decode(code, width, block, count)
    out = np.empty((1, count), name)
    grid = (count, 1, count, 1, 0)
    if wanted is None:
        with pytest.raises(ValueError, match="tile 0: "):
            decode([code], grid, out, "RICE_1", bitpix, width, block)
    else:
        decode([code], grid, out, "RICE_1", bitpix, width, block)
        assert_array_equal(out.reshape(-1).view(f"u{width}"), np.array(wanted, f"u{width}"))


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=70))
def test_four_byte_code_of_short_pixels(pixels):
    code = oracle.rice_encode([p % 2**32 for p in pixels], 4, 32, lambda f: 17)
    grid = (len(pixels), 1, len(pixels), 1, 0)
    out = np.empty((1, len(pixels)), np.uint16)
    decode([code], grid, out, "RICE_1", 16, 4, 32)
    assert_array_equal(out[0], np.array(pixels) + 32768)


def test_a_pixel_too_large_for_the_image_is_refused():
    code = oracle.rice_encode([5, 40000], 4, 32, lambda f: 17)
    with pytest.raises(ValueError, match="tile 0: its Rice code holds values that no pixel"):
        decode([code], (2, 1, 2, 1, 0), np.empty((1, 2), np.int16), "RICE_1", 16, 4, 32)


@pytest.mark.parametrize("method", ["NO_DITHER", "SUBTRACTIVE_DITHER_1", "SUBTRACTIVE_DITHER_2"])
@given(
    stored=st.lists(
        st.one_of(st.sampled_from([oracle.ZERO, -7]), st.integers(-(2**31), 2**31 - 1)),
        min_size=1,
        max_size=30,
    ),
    scale=st.floats(1e-3, 1e3),
    zero=st.floats(-1e5, 1e5),
    dither0=st.integers(1, 10000),
)
def test_quantised_floats_equal_the_oracle(method, stored, scale, zero, dither0):
    code = np.array(stored, ">i4").tobytes()
    tiles = [code, code]
    quantization = (np.full(2, scale), np.full(2, zero), np.full(2, -7, np.int64))
    out = decode(
        tiles,
        (len(stored), 2, len(stored), 1, 0),
        np.empty((2, len(stored))),
        "NOCOMPRESS",
        -64,
        dither=method,
        dither0=dither0,
        quantization=quantization,
    )
    for tile in range(2):
        wanted = oracle.dequantize(stored, scale, zero, -7, method, tile, dither0, TABLE)
        assert_array_equal(out[tile], wanted)


@pytest.mark.parametrize("size", [1, 2, 4, 8])
@given(data=st.data())
def test_shuffled_bytes_equal_the_oracle(size, data):
    raw = data.draw(st.binary(min_size=size, max_size=20 * size))
    raw = raw[: len(raw) // size * size]
    bitpix = {1: 8, 2: 16, 4: 32, 8: 64}[size]
    count = len(raw) // size
    name = "u1" if size == 1 else f"i{size}"
    code = gzip.compress(raw)
    out = decode([code], (count, 1, count, 1, 0), np.empty((1, count), name), "GZIP_2", bitpix)
    assert out.astype(out.dtype.newbyteorder(">")).tobytes() == oracle.unshuffle(raw, size)


@given(data=st.data())
def test_grids_of_tiles_and_ranges_of_rows(data):
    columns, rows = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12))
    across, down = data.draw(st.integers(1, columns)), data.draw(st.integers(1, rows))
    first = data.draw(st.integers(0, rows - 1))
    end = data.draw(st.integers(first + 1, rows))
    image = np.arange(rows * columns, dtype=np.int16).reshape(rows, columns)
    codes = []
    for top in range(first // down * down, end, down):
        for left in range(0, columns, across):
            tile = image[top : top + down, left : left + across]
            codes.append(tile.astype(">i2").tobytes())
    out = np.empty((end - first, columns), np.int16)
    decode(codes, (columns, rows, across, down, first), out, "NOCOMPRESS")
    assert_array_equal(out, image[first:end])


def test_columns_of_fallback_tiles():
    pixels = np.array([1.5, -2.5], ">f4")
    out = np.empty((1, 2), np.float32)
    grid = (2, 1, 2, 1, 0)
    decode([gzip.compress(pixels.tobytes())], grid, out, "RICE_1", -32, 4, store=1)
    assert_array_equal(out[0], pixels)
    out[:] = 0
    decode([pixels.tobytes()], grid, out, "RICE_1", -32, 4, store=2)
    assert_array_equal(out[0], pixels)


def test_a_bomb_is_not_unfolded():
    bomb = gzip.compress(bytes(50_000_000))
    out = np.empty((1, 1000), np.int16)
    with pytest.raises(ValueError, match="tile 0: its gzip code holds more than 2000 bytes"):
        decode([bomb], (1000, 1, 1000, 1, 0), out, "GZIP_1")


@pytest.mark.parametrize(
    ("codes", "grid", "text"),
    [
        ([b"abcd"], (2, 1, 0, 1, 0), "grid has a side of no pixels"),
        ([b"abcd"], (2, 1, 2, 1, 1), "out holds 2 pixels, not whole rows"),
        ([b"abcd", b"x"], (2, 1, 2, 1, 0), "tiles are 2, wanted 1"),
        ([b"abc"], (2, 1, 2, 1, 0), "tile 0: 3 bytes for 2 pixels"),
        ([b"a"], (2, 1, 2, 1, 0), "tile 0: 1 bytes cannot hold its 2 pixels"),
    ],
)
def test_what_does_not_fit_is_refused(codes, grid, text):
    with pytest.raises(ValueError, match=text):
        decode(codes, grid, np.empty((1, 2), np.int16), "NOCOMPRESS")


def test_results_do_not_depend_on_threads():
    rng = np.random.default_rng(2)
    image = rng.integers(0, 3000, (300, 70)).astype(np.uint16)
    codes = [oracle.rice_encode(row.tolist(), 2, 32, lambda f: 12) for row in image]
    try:
        for threads in (1, 2, 5):
            _kernels.set_num_threads(threads)
            out = decode(codes, (70, 300, 70, 1, 0), np.empty((300, 70), np.uint16))
            assert_array_equal(out ^ 0x8000, image)
    finally:
        _kernels.set_num_threads(0)


@given(st.data(), st.sampled_from([("f4", "f"), ("i4", "i"), ("u2", "H")]), shapes(max_side=9))
def test_packed_pixels_equal_the_oracle(data, kinds, shape):
    kind, letter = kinds
    values = data.draw(strided(data.draw(npst.arrays(kind, shape))))
    octets = np.empty(values.nbytes, np.uint8)
    total = _kernels.pack_pixels(values, octets)
    wanted = oracle.pack(values.ravel().tolist(), letter)
    if letter == "f":  # which of the NaNs it is does not survive a conversion to double
        assert_array_equal(octets.view(">f4"), np.frombuffer(wanted, ">f4"))
        wanted = octets.tobytes()
    assert octets.tobytes() == wanted
    assert total == datasum(wanted)


def test_pixels_are_packed_whole():
    with pytest.raises(ValueError, match="bytes are 3, for 2 pixels"):
        _kernels.pack_pixels(np.zeros((1, 2), np.float32), np.empty(3, np.uint8))
    with pytest.raises(TypeError, match="float32, int32 and uint16"):
        _kernels.pack_pixels(np.zeros((1, 2), np.float64), np.empty(16, np.uint8))
