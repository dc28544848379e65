import gzip
import math
import zlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cfhtisr import _kernels
from oracle import codec
from oracle import encode as oracle

TABLE = codec.random_table()
METHODS = ["NO_DITHER", "SUBTRACTIVE_DITHER_1", "SUBTRACTIVE_DITHER_2"]
WIDTHS = {"u1": 1, "i2": 2, "u2": 2, "i4": 4}


def encode(pixels, algorithm="RICE_1", dither=None, level=0.0, dither0=1, first=0):
    """Return the codes of rows, their columns, scales and zero points."""
    coding = (algorithm, dither, level, dither0)
    flat = np.ascontiguousarray(pixels).reshape(-1)
    heap, lengths, stores, *scaling = _kernels.encode_rows(flat, pixels.shape[1], first, coding)
    assert lengths.sum() == len(heap)
    ends = np.cumsum(lengths)
    codes = [heap[end - length : end].tobytes() for end, length in zip(ends, lengths, strict=True)]
    return codes, stores.tolist(), *scaling


def integers(kind):
    info = np.iinfo(kind)
    spans = st.sampled_from([0, 1, 3, 40, 5000, 2**40])
    noise = st.builds(
        lambda start, span, rng, count: np.clip(
            start + rng.integers(-span, span + 1, count), info.min, info.max
        ).astype(kind),
        st.integers(info.min, info.max),
        spans,
        st.integers(0, 2**32).map(np.random.default_rng),
        st.integers(1, 150),
    )
    jumps = st.lists(st.integers(info.min, info.max), min_size=1, max_size=90)
    return st.one_of(noise, jumps.map(lambda pixels: np.array(pixels, kind)))


@pytest.mark.parametrize("kind", WIDTHS)
@given(data=st.data())
def test_rice_equals_the_oracle(kind, data):
    row = data.draw(integers(kind))
    stored = row.view("i2") ^ np.int16(-(2**15)) if kind == "u2" else row
    codes, stores, *_ = encode(row[np.newaxis])
    assert codes == [oracle.rice(stored.tolist(), WIDTHS[kind])]
    assert stores == [0]
    back = codec.rice_decode(codes[0], WIDTHS[kind], 32, len(row))
    assert back == [pixel % (1 << 8 * WIDTHS[kind]) for pixel in stored.tolist()]


def test_a_lonely_jump_makes_a_run_of_zeros_longer_than_a_word():
    row = np.zeros((1, 32), np.int32)
    row[0, 5:] = 40
    codes, *_ = encode(row)
    assert codes == [oracle.rice(row[0].tolist(), 4)]


odd_floats = st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf, 1e-42, 3e38, 1.0])


@st.composite
def float_rows(draw):
    """Return a row of float32: noise, steps, flat parts, and what is no number."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.sampled_from([1, 2, 8, 9, 10, 11, 40, 300]))
    level = draw(st.sampled_from([0.0, 1000.0, -3e5, 1e30]))
    row = level + draw(st.sampled_from([0.0, 1e-3, 3.0, 1e30])) * rng.normal(size=count)
    if draw(st.booleans()):
        row = np.rint(row)
    row = row.astype(np.float32)
    for _ in range(draw(st.integers(0, 3))):
        begin = draw(st.integers(0, count - 1))
        end = draw(st.integers(begin, count))
        row[begin:end] = draw(odd_floats)
    return row


@pytest.mark.parametrize("method", METHODS)
@given(
    row=float_rows(),
    level=st.sampled_from([0.5, 4.0, 16.0, 1e9]),
    dither0=st.integers(1, 10_000),
    first=st.sampled_from([0, 7, 20_000]),
)
@example(np.float32([math.nan] * 20), 16.0, 1, 0)
@example(np.float32([5] * 20), 16.0, 1, 0)
@example(np.float32([5] * 20 + [7]), 16.0, 1, 0)
def test_quantised_floats_equal_the_oracle(method, row, level, dither0, first):
    codes, stores, scales, zeros = encode(row[np.newaxis], "RICE_1", method, level, dither0, first)
    wanted = oracle.quantize(row, level, method, first, dither0, TABLE)
    if wanted is None:
        assert stores == [1]
        assert gzip.decompress(codes[0]) == row.astype(">f4").tobytes()
        return
    stored, scale, zero = wanted
    assert stores == [0]
    assert (scales[0], zeros[0]) == (scale, zero)
    assert codes == [oracle.rice(stored, 4)]


def test_a_row_longer_than_the_table_of_random_numbers():
    row = np.random.default_rng(3).normal(5, 1, 25_000).astype(np.float32)
    codes, _, scales, zeros = encode(row[np.newaxis], "RICE_1", METHODS[1], 4.0, 9_999, 3)
    stored, scale, zero = oracle.quantize(row, 4.0, METHODS[1], 3, 9_999, TABLE)
    assert (scales[0], zeros[0]) == (scale, zero)
    assert codes == [oracle.rice(stored, 4)]


@st.composite
def planes(draw):
    """Return pixels whose planes are noise, few bytes, runs or anything."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["f4", "f8", "u1", "i2", "u2", "i4"]))
    count = draw(st.sampled_from([1, 2, 3, 7, 64, 258, 259, 2048, 40_000]))
    size = np.dtype(kind).itemsize
    octets = np.empty((count, size), np.uint8)
    for place in range(size):
        spread = draw(st.sampled_from([1, 2, 3, 20, 256]))
        plane = rng.integers(0, spread, count)
        if draw(st.booleans()):
            plane = np.repeat(plane, rng.integers(1, 300, count))[:count]
        if draw(st.booleans()):  # few of many kinds, so that codes grow long
            plane = (256 * rng.random(count) ** 30).astype(int)
        octets[:, place] = plane
    return octets.reshape(-1).view(kind)


@given(planes())
def test_deflated_planes_are_those_of_the_pixels(row):
    (code,), stores, *_ = encode(row[np.newaxis], "GZIP_2")
    stored = row.view("i2") ^ np.int16(-(2**15)) if row.dtype == np.uint16 else row
    wanted = oracle.shuffle(stored)
    assert stores == [0]
    assert gzip.decompress(code) == wanted
    # The strict reader, which minds every check sum and what follows.
    reader = zlib.decompressobj(31)
    assert reader.decompress(code) == wanted
    assert (reader.eof, reader.unused_data) == (True, b"")
    least = stored_size = 18
    for begin in range(0, len(wanted), len(row)):
        plane = wanted[begin : begin + len(row)]
        parts = -(-len(plane) // 2**15)
        stored = len(plane) + 6 * parts
        stored_size += stored
        # A code of whole bits, and the lengths of its codes, are not free.
        coded = 1.1 * oracle.entropy(plane) / 8 + len(plane) / 16 + 200 * parts
        least += min(coded, stored)
    assert len(code) <= stored_size
    assert len(code) <= least + 32


def test_codes_of_fifteen_bits_are_not_exceeded():
    # Counts that grow like Fibonacci's numbers make the deepest tree.
    counts = [1, 1]
    while sum(counts) < 30_000:
        counts.append(counts[-1] + counts[-2])
    row = np.concatenate([np.full(n, byte, np.uint8) for byte, n in enumerate(counts)])
    np.random.default_rng(1).shuffle(row)
    (code,), *_ = encode(row[np.newaxis], "GZIP_2")
    assert gzip.decompress(code) == row.tobytes()
    assert len(code) < len(row) / 2


@given(st.binary(min_size=1, max_size=300))
def test_gzip_holds_the_pixels_as_they_are(data):
    row = np.frombuffer(data * 4, "i4").copy()
    (code,), *_ = encode(row[np.newaxis], "GZIP_1")
    assert gzip.decompress(code) == row.astype(">i4").tobytes()


@pytest.mark.parametrize(
    ("pixels", "columns", "coding", "text"),
    [
        (np.zeros(5, "i4"), 2, ("RICE_1", None, 0.0, 1), "pixels are 5, no whole rows of 2"),
        (np.zeros(5, "i4"), 0, ("RICE_1", None, 0.0, 1), "pixels are 5, no whole rows of 0"),
        (np.zeros(4, "f4"), 2, ("RICE_1", None, 0.0, 1), "holds whole numbers only"),
        (np.zeros(4, "f8"), 2, ("RICE_1", "NO_DITHER", 4.0, 1), "quantises float32 pixels only"),
        (np.zeros(4, "f4"), 2, ("RICE_1", "NO_DITHER", 0.0, 1), "level is 0, wanted a number"),
        (np.zeros(4, "f4"), 2, ("RICE_1", "NO_DITHER", 4.0, 0), "dither0 is 0, wanted 1 to 10000"),
        (np.zeros(4, "f4"), 2, ("RICE_1", "SOME", 4.0, 1), "dithers by SOME"),
        (np.zeros(4, "f4"), 2, ("PLIO_1", None, 4.0, 1), "is PLIO_1, wanted RICE_1"),
    ],
)
def test_what_cannot_be_coded_is_refused(pixels, columns, coding, text):
    with pytest.raises(ValueError, match=text):
        _kernels.encode_rows(pixels, columns, 0, coding)


def test_pixels_of_another_type_are_refused():
    with pytest.raises(TypeError, match="a flat array of a type that has a code"):
        _kernels.encode_rows(np.zeros(4, "i8"), 2, 0, ("GZIP_2", None, 0.0, 1))


def test_no_rows_have_no_codes():
    assert encode(np.zeros((0, 5), np.int32))[:2] == ([], [])


@pytest.mark.parametrize("algorithm", ["RICE_1", "GZIP_2"])
def test_codes_do_not_depend_on_threads_or_bands(algorithm):
    image = np.random.default_rng(2).normal(300, 9, (100, 70)).astype(np.float32)
    image[10:30, 5] = np.nan
    image[50] = 4
    dither = "SUBTRACTIVE_DITHER_2" if algorithm == "RICE_1" else None
    made = []
    try:
        for threads in (1, 2, 5):
            _kernels.set_num_threads(threads)
            made.append(encode(image, algorithm, dither, 8.0)[0])
    finally:
        _kernels.set_num_threads(0)
    assert made[0] == made[1] == made[2]
    bands = [
        encode(image[at : at + 12], algorithm, dither, 8.0, 1, at)[0] for at in range(0, 100, 12)
    ]
    assert [code for band in bands for code in band] == made[0]
