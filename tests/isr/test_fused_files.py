"""Calibrations that stay in their files, and frames that go into one."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_array_equal

import cfhtisr
from cfhtisr import _kernels
from cfhtisr.errors import FileFormatError
from cfhtisr.images import MaskedImage
from cfhtisr.images.stored_image import StoredImage
from cfhtisr.io.fits_file import FitsFile
from cfhtisr.io.hdu_pixels import HduPixels
from cfhtisr.isr.fused import Batch
from cfhtisr.isr.immediate import Immediate
from oracle import checksum as oracle
from raw_files import header_of
from strategies import masked_images, shapes

WATCHED = (1, 4)
START = 24  # of the pixels in a file, after something else
values = st.one_of(st.floats(0.5, 2, width=32), st.sampled_from([np.nan, 0.0, -0.0, np.inf]))


def opened(folder, name, image):
    """Return a file of the big-endian pixels of an image, as the kernel takes it."""
    path = folder / name
    path.write_bytes(b"\7" * START + image.astype(">f4").tobytes())
    descriptor = os.open(path, os.O_RDWR)
    return descriptor, START, -32, None, image.shape


def sum_of(array):
    return oracle.datasum(array.astype(array.dtype.newbyteorder(">")).tobytes())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("planes")


@given(st.data(), shapes(min_side=1, max_side=14), st.integers(1, 20), st.integers(1, 3))
def test_files_and_memory_give_the_same_planes(folder, data, shape, height, threads):
    raw = data.draw(masked_images(shape=shape))
    images = [data.draw(npst.arrays(np.float32, shape, elements=values)) for _ in range(3)]
    whole = (0, 0, *shape)
    y = data.draw(st.integers(0, shape[0] - 1))
    part = (y, 0, data.draw(st.integers(1, shape[0] - y)), shape[1])  # of the frame, for the dark
    boxes = np.array([[0, y, data.draw(st.integers(0, shape[1])), y]], np.int32)

    def steps(bias, dark, flat):
        return [
            ("place", whole, (raw.getArrays(), (False, False))),
            ("bias", whole, (bias, None, None)),
            ("dark", part, ((dark, None, None), 0.7)),
            ("flat", whole, ((flat, None, None), 1.1)),
            ("boxes", whole, (boxes, 1, 4, False)),
            ("grown", whole, (2, 1, 4, False)),
        ]

    dark = np.ascontiguousarray(images[1][: part[2]])
    wanted = [np.empty(shape, kind) for kind in (np.float32, np.int32, np.float32)]
    every, column = data.draw(st.integers(1, 5)), data.draw(st.integers(0, shape[1] - 1))
    rest = -(-shape[0] // every), data.draw(st.integers(0, shape[1] - column))
    kept = np.zeros(rest, np.float32), np.zeros(rest, np.int32)
    places = [opened(folder, "in", images[0]), opened(folder, "in2", dark)]
    out = os.open(folder / "out", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    size = 4 * shape[0] * shape[1]
    starts = (8, 8 + size, 20 + 2 * size)
    cfhtisr.set_num_threads(threads)
    try:
        memory = _kernels.correct_fused(
            tuple(wanted), steps(images[0], dark, images[2]), height, WATCHED
        )
        found = _kernels.correct_fused(
            (out, starts, shape, [(every, column, *kept)]),
            steps(*places, images[2]),
            height,
            WATCHED,
        )
        written = os.pread(out, 20 + 3 * size, 0)
    finally:
        cfhtisr.set_num_threads(None)
        for descriptor in (out, *(place[0] for place in places)):
            os.close(descriptor)
    for name in ("stopped", "nans", "counts", "watched"):
        assert found[name] == memory[name] or memory["stopped"] is not None
    if memory["stopped"] is not None:
        return
    assert found["read"] == [0, sum_of(images[0]), sum_of(dark), 0]
    for array, start, total in zip(wanted, starts, found["written"], strict=True):
        stored = np.frombuffer(written, f">{array.dtype.str[1:]}", array.size, start)
        assert_array_equal(stored.astype(array.dtype).view(np.int32), array.ravel().view(np.int32))
        assert total == sum_of(array)
    for part, array in zip(kept, wanted[:2], strict=True):
        window = array[::every, column : column + rest[1]]
        assert_array_equal(part.view(np.int32), window.view(np.int32))


@pytest.mark.parametrize(
    ("kept", "text"),
    [
        ((0, 0, (4, 6), (4, 6)), "every 0th row"),
        ((1, 1, (4, 6), (4, 6)), "column 1"),
        ((2, 0, (4, 6), (4, 6)), "4 x 6 pixels of every 2th"),
        ((1, 0, (4, 6), (4, 5)), "mask of what is kept"),
    ],
)
def test_what_the_frame_does_not_have_is_not_kept(kept, text, tmp_path):
    every, column, *sizes = kept
    arrays = np.zeros(sizes[0], np.float32), np.zeros(sizes[1], np.int32)
    raw = MaskedImage(np.zeros((4, 6), np.float32))
    place = ("place", (0, 0, 4, 6), (raw.getArrays(), (False, False)))
    with open(tmp_path / "out", "w+b") as file:
        target = (file.fileno(), (0, 96, 192), (4, 6), [(every, column, *arrays)])
        with pytest.raises(ValueError, match=text):
            _kernels.correct_fused(target, [place], 2, WATCHED)
        with pytest.raises(ValueError, match="do not make"):
            _kernels.correct_fused((*target[:3], []), [], 2, WATCHED)
        file.flush()
        assert not os.path.getsize(tmp_path / "out")


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    raw = MaskedImage(np.zeros((4, 6), np.float32))
    place = ("place", (0, 0, 4, 6), (raw.getArrays(), (False, False)))
    (tmp_path / "out").write_bytes(b"")
    with open(tmp_path / "out", "rb") as file, pytest.raises(OSError, match="Errno 9"):
        _kernels.correct_fused((file.fileno(), (0, 96, 192), (4, 6), []), [place], 2, WATCHED)
    with pytest.raises(TypeError, match="nor a file"):
        _kernels.correct_fused((None,), [place], 2, WATCHED)


def master(path, image, **cards):
    """Write an image with its sums, or with others."""
    from astropy.io import fits

    hdu = fits.ImageHDU(image, header_of(cards), name="ccd00")
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, checksum=True, overwrite=True)


def corrected(way, frame, bias):
    raw = MaskedImage(frame.copy())
    if isinstance(way, Batch):
        way.begin(raw)
    way.subtract_bias(raw, bias)
    way.flush()
    return raw.image.array


@pytest.mark.parametrize("kind", ["f4", "i2", "scaled"])
def test_a_master_stays_in_its_file(kind, tmp_path):
    pixels = np.arange(4 * 70, dtype=np.float32).reshape(4, 70)
    scale = {"BSCALE": 0.5, "BZERO": 3.0} if kind == "scaled" else {}
    stored = pixels.astype(">i2" if kind in ("i2", "scaled") else ">f4")
    path = tmp_path / "bias.fits"
    master(path, stored)
    if scale:
        from astropy.io import fits

        with fits.open(path, "update", checksum=True, do_not_scale_image_data=True) as file:
            for key, value in scale.items():
                file[1].header[key] = value
    frame = np.full((4, 70), 1000, np.float32)
    with FitsFile(path) as file:
        image = StoredImage(HduPixels(file, 1))
        assert (image.shape, image.dtype, image.bbox.height) == ((4, 70), file.hdus[1].dtype, 4)
        bias = MaskedImage(image)
        if kind == "i2":
            assert_array_equal(bias.image.array, pixels)
            return
        found = corrected(Batch(2), frame, bias)
        assert image.is_pending
        assert file.data_sum(1) == int(file.hdus[1].cards["DATASUM"])
        assert_array_equal(found, corrected(Immediate(), frame, bias))
        assert not image.is_pending
        assert_array_equal(corrected(Batch(2), frame, bias), found)
        assert_array_equal(image.copy().array, image.subset(image.bbox).array)


def test_damage_of_a_master_is_found_in_the_pass(tmp_path):
    path = tmp_path / "bias.fits"
    master(path, np.ones((40, 700), np.float32))
    frame = np.full((40, 700), 1000, np.float32)
    with FitsFile(path) as file:
        place = file.hdus[1].data_start
    with open(path, "r+b") as file:
        file.seek(place + 5000)
        file.write(b"\1")
    with FitsFile(path) as file:
        stated = int(file.hdus[1].cards["DATASUM"])
        assert file.stated_sum(1) == stated
        with pytest.raises(FileFormatError, match=r"bias.fits: HDU 1 .*DATASUM is"):
            corrected(Batch(), frame, MaskedImage(StoredImage(HduPixels(file, 1))))
    with FitsFile(path, "ignore") as file:
        assert file.stated_sum(1) != stated
        corrected(Batch(), frame, MaskedImage(StoredImage(HduPixels(file, 1))))
    with FitsFile(path) as file:
        bias = MaskedImage(StoredImage(HduPixels(file, 1)))
        os.truncate(path, place + 9000)
        with pytest.raises(FileFormatError, match=r"HDU 1 .*is truncated: .* the file at byte"):
            corrected(Batch(), frame, bias)
