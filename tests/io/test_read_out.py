"""Pixels go from the file into the caller's memory, whatever view of it is given."""

import os
import subprocess
import sys

import fitsio
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided
from numpy.testing import assert_array_equal

from cfhtisr import _kernels
from cfhtisr.errors import FileFormatError
from cfhtisr.io.fits_file import FitsFile
from fits_samples import packed, save, stars
from oracle import checksum as oracle

KINDS = (
    *(("plain", name) for name in ("u1", "i2", "u2", "i4", "i8", "f4", "f8")),
    *(("RICE_1", name) for name in ("u1", "i2", "u2", "i4", "f4")),
    *(("GZIP_1", name) for name in ("u1", "i2", "f4", "f8")),
    *(("GZIP_2", name) for name in ("u2", "i4", "i8", "f4")),
    ("NOCOMPRESS", "i2"),
)
SHAPE = (23, 67)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("out")


def sample(folder, kind, name, tile):
    """Return the path of an image of a kind, and the same packed by gzip."""
    path = folder / f"{kind}-{name}-{tile[0]}-{tile[1]}.fits"
    if not path.exists():
        image = stars(np.dtype(name), SHAPE)
        plain = kind == "plain"
        hdu = (
            fits.ImageHDU(image)
            if plain
            else fits.CompImageHDU(image, compression_type=kind, tile_shape=tile, quantize_level=4)
        )
        packed(save(path, hdu, checksum=True), path.with_suffix(".gz"))
    return path, path.with_suffix(".gz")


@st.composite
def views(draw, shape, dtype):
    """Return an array of a shape that is some view of a larger one, and the larger one."""
    steps = draw(st.tuples(*2 * [st.sampled_from([1, 1, 2, -1, -3])]))
    before, after = (
        draw(st.tuples(*2 * [st.integers(0, 2)])),
        draw(st.tuples(*2 * [st.integers(0, 2)])),
    )
    size = [
        one + abs(step) * max(count - 1, 0) + 1 + other
        for one, step, count, other in zip(before, steps, shape, after, strict=True)
    ]
    order = draw(st.sampled_from("CF"))
    whole = np.full(size, 7, dtype, order)
    cuts = []
    for axis in (0, 1):
        end = before[axis] + abs(steps[axis]) * max(shape[axis] - 1, 0) + 1
        cut = whole.shape[axis] and slice(before[axis], end, abs(steps[axis]))
        cuts.append(cut)
    view = whole[tuple(cuts)][: shape[0], : shape[1]]
    view = view[:: -1 if steps[0] < 0 else 1, :: -1 if steps[1] < 0 else 1]
    assert view.shape == shape
    return view, whole


@given(data=st.data())
@settings(max_examples=150)
def test_any_rows_go_into_any_view(folder, data):
    kind, name = data.draw(st.sampled_from(KINDS))
    tile = data.draw(st.sampled_from([(1, 67), (4, 67), (5, 30), (23, 67), (1, 13), (2, 66)]))
    first = data.draw(st.integers(0, SHAPE[0]))
    end = data.draw(st.integers(first, SHAPE[0]))
    if data.draw(st.booleans()):
        first, end = 0, SHAPE[0]
    paths = sample(folder, kind, name, tile)
    wanted = fits.getdata(paths[0], 1)
    if kind == "plain" or (kind != "NOCOMPRESS" and name != "i8"):  # which cfitsio cannot do
        assert_array_equal(wanted, fitsio.read(str(paths[0]), ext=1))
    view, whole = data.draw(views((end - first, SHAPE[1]), np.dtype(name)))
    for path in paths:
        whole[...] = 7
        with FitsFile(path) as file:
            assert file.read(1, (first, end), out=view) is view
            assert_array_equal(view, wanted[first:end])
            assert_array_equal(file.read(1, (first, end)), view)
        left = np.sum(whole == 7) - np.sum(view == 7)
        assert left == whole.size - view.size


@pytest.mark.parametrize("kind", ["plain", "RICE_1"])
def test_what_is_no_place_for_the_pixels_is_refused(folder, kind):
    path = sample(folder, kind, "u2", (1, 67))[0]
    good = np.empty(SHAPE, np.uint16)
    frozen = good.copy()
    frozen.flags.writeable = False
    record = np.zeros(SHAPE, np.dtype([("a", "u1"), ("b", "u2")]))["b"]
    cases = [
        (good[1:], r"out has shape \(22, 67\), wanted \(23, 67\)"),
        (good.astype(np.int16), "out has type int16, wanted uint16"),
        (good.astype(">u2"), "out has type >u2, wanted uint16"),
        (frozen, "out is read-only"),
        (record, "out has pixels that are not aligned"),
        (as_strided(good, SHAPE, (0, 2)), "out has pixels that share memory"),
        (as_strided(good, SHAPE, (2, 2)), "out has pixels that share memory"),
        ([[0]], "out is list, wanted an ndarray"),
    ]
    with FitsFile(path) as file:
        for out, text in cases:
            with pytest.raises(ValueError, match=rf"HDU 1: {text}"):
                file.read(1, out=out)
        with pytest.raises(ValueError, match="wanted \\(3, 67\\)"):
            file.read(1, (2, 5), out=good)


def test_a_sum_is_verified_in_the_same_pass(folder, tmp_path, caplog):
    for kind in ("plain", "RICE_1"):
        raw = bytearray(sample(folder, kind, "u2", (1, 67))[0].read_bytes())
        path = tmp_path / f"{kind}.fits"
        raw[-1] ^= 1  # in the padding, which holds no pixel
        path.write_bytes(raw)
        out = np.empty(SHAPE, np.uint16)
        with FitsFile(path) as file, pytest.raises(FileFormatError, match="HDU 1: DATASUM is"):
            file.read(1, out=out)
        caplog.clear()
        with FitsFile(path, "warn") as file:
            file.read(1, out=out)
        assert "DATASUM is" in caplog.text
        with FitsFile(path, "ignore") as file:
            assert_array_equal(file.read(1), out)
            hdu = file.hdus[1]
            data = bytes(raw[hdu.data_start : hdu.end])
            assert file.data_sum(1) == oracle.datasum(data)


def test_tiles_in_any_order_and_with_gaps_between_them(tmp_path):
    path = sample(tmp_path, "RICE_1", "u2", (1, 67))[0]
    raw = bytearray(path.read_bytes())
    with FitsFile(path) as file:
        wanted, hdu = file.read(1), file.hdus[1]
    start, rows = hdu.data_start, SHAPE[0]
    table = np.frombuffer(raw, ">i4", 2 * rows, start).reshape(rows, 2).copy()
    heap = start + 8 * rows
    codes = [bytes(raw[heap + at : heap + at + size]) for size, at in table.tolist()]
    for order in (range(rows), range(rows - 1, -1, -1)):
        code = bytearray()
        for tile in order:
            code += b"gap"
            table[tile] = len(codes[tile]), len(code)
            code += codes[tile]
        code += bytes(range(99))
        header = hdu.raw.decode("latin-1")
        card = next(
            c
            for c in map("".join, zip(*[iter(header)] * 80, strict=True))
            if c.startswith("PCOUNT")
        )
        header = header.replace(card, f"PCOUNT  = {len(code):20}".ljust(80))
        data = table.tobytes() + bytes(code)
        data += bytes(-len(data) % 2880)
        path.write_bytes(bytes(raw[: hdu.start]) + header.encode("latin-1") + data)
        for each in (path, packed(path, tmp_path / "a.gz")):
            with FitsFile(each, "ignore") as file:
                assert_array_equal(file.read(1), wanted)
                assert file.data_sum(1) == oracle.datasum(data)


@pytest.mark.parametrize("action", [FitsFile.read, FitsFile.data_sum])
def test_what_the_system_refuses_names_file_and_hdu(folder, action):
    path = sample(folder, "plain", "u2", (1, 67))[0]
    with FitsFile(path) as file:
        where, real = file.hdus[1].where, file._source
        file._source = type(real)(os.open(folder, os.O_RDONLY))  # which no system reads
        try:
            with pytest.raises(IsADirectoryError, match="Is a directory") as caught:
                action(file, 1)
        finally:
            file._source.close()
            file._source = real
    assert caught.value.filename == str(path)
    assert where in str(caught.value)


@pytest.mark.parametrize("kind", ["plain", "RICE_1"])
def test_a_closed_file_is_told(folder, kind):
    path = sample(folder, kind, "u2", (1, 67))[0]
    with FitsFile(path) as file:
        assert file.hdus[1].shape == SHAPE
    with pytest.raises(OSError, match="Bad file descriptor"):
        file.read(1)


@pytest.mark.parametrize("kind", ["plain", "RICE_1", "GZIP_1"])
def test_a_file_that_shrinks_is_told(tmp_path, kind):
    path = sample(tmp_path, kind, "i2", (23, 67) if kind == "GZIP_1" else (1, 67))[0]
    with FitsFile(path) as file:
        hdu = file.hdus[1]
        os.truncate(path, hdu.data_start + hdu.data_size - 50)
        with pytest.raises(FileFormatError, match="HDU 1: is truncated: its data end at byte"):
            file.read(1)


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
@pytest.mark.parametrize("kind", ["plain", "RICE_1", "GZIP_1"])
def test_next_to_the_pixels_little_memory_is_used(tmp_path, kind):
    """Counted by the kernel, because no tracer sees what compiled code allocates."""
    image = np.random.default_rng(1).normal(1000, 20, (4644, 2112)).astype(np.int16)
    path = tmp_path / "a.fits"
    hdu = (
        fits.ImageHDU(image) if kind == "plain" else fits.CompImageHDU(image, compression_type=kind)
    )
    save(path, hdu, checksum=True)
    code = (
        "import re, sys; import numpy as np; from cfhtisr.io.fits_file import FitsFile\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
        "out = np.ones((4644, 2112), np.int16)\n"
        "with FitsFile(sys.argv[1]) as file:\n"
        "    file.read(1, (0, 300), out=out[:300])\n"
        "    before = peak(); file.read(1, out=out); print(peak() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 6 * 1024


def test_results_do_not_depend_on_threads(folder):
    for kind in ("plain", "RICE_1", "GZIP_2"):
        path = sample(folder, kind, "u2", (1, 67))[0]
        found = []
        try:
            for threads in (1, 2, 5):
                _kernels.set_num_threads(threads)
                with FitsFile(path) as file:
                    found.append((file.read(1).tobytes(), file.data_sum(1)))
        finally:
            _kernels.set_num_threads(0)
        assert found[0] == found[1] == found[2]
