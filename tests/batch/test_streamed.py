"""Products whose rows go to the file as they are finished: the same bytes, no plane in memory."""

import errno
import os

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cfhtisr.batch.correct import Worker
from cfhtisr.cli.main import main
from cfhtisr.images import Box2I, Mask, MaskedImage
from cfhtisr.images.streamed_frame import StreamedFrame
from cfhtisr.io.atomic import AtomicFile
from cfhtisr.io.exposure_file import read_exposure
from cfhtisr.io.streamed_product import StreamedProduct
from cfhtisr.isr.fused import Batch
from cfhtisr.isr.immediate import Immediate
from cfhtisr.tasks.cfht import CfhtIsrTask
from small_sets import CCDS, calibrations, contents, run, small_set

KINDS = ("bias", "dark", "flat", "defects")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return small_set(tmp_path_factory.mktemp("set"))


@pytest.fixture
def streamed(monkeypatch):
    """Count the products that were streamed to their end."""
    done = []
    finish = StreamedProduct.finish

    def counted(product, hdus):
        done.append(product)
        finish(product, hdus)

    monkeypatch.setattr(StreamedProduct, "finish", counted)
    return done


def both(files, tmp_path, monkeypatch, *words):
    """Return the products, streamed if that can be, and as they are without that."""
    arguments = [*calibrations(files, KINDS), *words]
    assert run(files.raw, tmp_path / "streamed", *arguments) == 0
    with monkeypatch.context() as patch:
        patch.setattr(Worker, "_streams", lambda worker, raw: False)
        assert run(files.raw, tmp_path / "whole", *arguments) == 0
    return contents(tmp_path / "streamed"), contents(tmp_path / "whole")


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ((), 3),
        (("--threads", "2"), 3),
        (("--preset", "lsst-v17"), 0),  # its repairs want a statistic of the frame
        (("-c", "doSaturation=False", "-c", "doNanInterpAfterFlat=False"), 3),
        (("-c", "doAmpOffset=True"), 0),
        (("-c", "qa.doThumbnailFlattened=True"), 0),
        (("-c", "doMeasureBackground=True"), 0),
        (("-c", "doAttachTransmissionCurve=False", "-c", "ampOffsetWidth=8"), 3),
        (("--weight",), 0),
        (("--units", "electron"), 0),
        (("--compress", "lossless"), 0),
        (("--format", "mosaic"), 0),
    ],
)
def test_the_bytes_are_those_of_a_product_from_memory(
    words, count, files, tmp_path, monkeypatch, streamed
):
    found, wanted = both(files, tmp_path, monkeypatch, *words)
    assert found == wanted
    assert len(streamed) == count


def test_headers_of_any_length(files, tmp_path, monkeypatch, streamed):
    # Shorter and longer than they are: planes move up, down, and apart.
    for number, lengths in enumerate([(2880,) * 4, (288000,) * 4, (5760, 2880, 288000, 2880)]):
        monkeypatch.setattr("cfhtisr.batch.correct._HEADERS", lengths)
        monkeypatch.setattr("cfhtisr.io.streamed_product._PIECE", 4096 if number else 1 << 22)
        found, wanted = both(files, tmp_path / str(number), monkeypatch)
        assert found == wanted
    assert len(streamed) == 9


def test_bits_that_move_are_moved_in_memory(files, tmp_path, monkeypatch, streamed):
    name = "ZZZ_STREAMED"  # not the first of the process, but of the product
    Mask.add_plane("AAA_STREAMED")
    Mask.add_plane(name)
    words = ("-c", f"saturatedMaskName={name}")
    found, wanted = both(files, tmp_path, monkeypatch, *words)
    assert found == wanted
    assert not streamed
    for ccd in CCDS:
        path = next((tmp_path / "streamed").glob(f"*ccd{ccd:02d}.fits"))
        assert read_exposure(path).mask.count(name)


def test_a_method_that_looks_at_pixels_finds_them(files, tmp_path, monkeypatch, streamed):
    seen = []
    inherited = CfhtIsrTask.flatCorrection

    def look(task, exposure, flat, invert=False):
        seen.append(float(exposure.image.array.mean()))
        inherited(task, exposure, flat, invert)

    monkeypatch.setattr(CfhtIsrTask, "flatCorrection", look)
    found, wanted = both(files, tmp_path, monkeypatch)
    assert found == wanted
    assert sorted(seen[:3]) == sorted(seen[3:])
    assert not streamed


def test_pixels_that_change_after_the_pass_are_in_the_product(
    files, tmp_path, monkeypatch, streamed
):
    inherited = CfhtIsrTask.roughZeroPoint

    def change(task, exposure):
        exposure.image.array[0, 0] = 4711
        inherited(task, exposure)

    monkeypatch.setattr(CfhtIsrTask, "roughZeroPoint", change)
    found, wanted = both(files, tmp_path, monkeypatch)
    assert found == wanted
    assert not streamed
    path = next((tmp_path / "streamed").glob("*ccd00.fits"))
    assert read_exposure(path).image.array[0, 0] == 4711


def test_a_file_that_cannot_be_written_is_named(files, tmp_path, monkeypatch, capsys):
    def closed(product, shape):
        return os.open(os.devnull, os.O_RDONLY), (0, 0, 0)

    monkeypatch.setattr(StreamedProduct, "open", closed)
    assert main(["run", str(files.raw), "-o", str(tmp_path), "--ccd", "0"]) == 1
    said = capsys.readouterr().err
    assert f"[Errno {errno.EBADF}]" in said
    assert "-ccd00.fits'" in said
    assert not list(tmp_path.glob("*ccd*"))


class Memory:
    """A sink that is a file, for frames of their own."""

    def __init__(self, path):
        self.file = AtomicFile(path, sync=False)

    def __enter__(self):
        self.file.__enter__()
        return StreamedProduct(self.file, (2880, 0, 0, 0))

    def __exit__(self, *error):
        self.file.__exit__(*error)


def test_a_frame_comes_back_when_somebody_looks(tmp_path):
    from isr.test_fused import two_amplifiers

    detector = two_amplifiers(40, 50, ((True, False), (False, True)))
    random = np.random.default_rng(5)
    raw = MaskedImage(random.integers(900, 1100, (40, 106)).astype(np.uint16))
    bias = MaskedImage(random.normal(0, 1, (40, 100)).astype(np.float32))
    wanted, seen = None, []
    with Memory(tmp_path / "frame") as sink:
        frame = StreamedFrame((40, 100), sink, 8, [(46, 54)])
        for way in (Immediate(), Batch(out=frame)):
            ccd = way.assemble(way.to_float(raw), detector)
            way.subtract_bias(ccd, bias)
            way.update_variance(ccd, 1.6, 4.0)
            way.see_variance(ccd, lambda pixels: seen.append(pixels.copy()))
            if wanted is None:
                wanted = ccd
        assert ccd is frame
        assert frame.is_pending
        assert (frame.shape, frame.dtype, frame.bbox) == ((40, 100), wanted.dtype, wanted.bbox)
        part, other = frame.subset(Box2I(47, 3, 6, 9)), frame.subset(Box2I(40, 3, 10, 9))
        way.flush()
        assert_array_equal(seen[1], seen[0])
        assert frame.is_streamed
        for found, of in zip(frame.every_row(8), wanted.every_row(8), strict=True):
            assert_array_equal(found, of)
        assert_array_equal(part.image.array, wanted.image.array[3:12, 47:53])
        assert part.image.xy0 == part.mask.xy0 == (47, 3)
        with pytest.raises(ValueError, match="read-only"):
            part.image.array[0] = 1
        assert way.count_planes(frame) == Immediate().count_planes(frame)
        assert frame.is_streamed
        with pytest.raises(IndexError, match="outside of the image"):
            frame.subset(Box2I(0, 0, 101, 1))
        with pytest.raises(IndexError, match="outside of the image"):
            part.subset(Box2I(46, 3, 2, 2))
        assert_array_equal(other.variance.array, wanted.variance.array[3:12, 40:50])
        assert frame.is_made
        for found, of in zip(frame.getArrays(), wanted.getArrays(), strict=True):
            assert_array_equal(found, of)
        part.image.array[0] = 1
        assert (frame.image.array[3, 47:53] == 1).all()
        way.begin(frame)
        way.subtract_bias(frame, bias)
        way.flush()
        assert_array_equal(frame.image.array[20:], wanted.image.array[20:] - bias.image.array[20:])


def test_a_frame_that_nobody_makes_is_empty(tmp_path):
    with Memory(tmp_path / "frame") as sink:
        frame = StreamedFrame((4, 6), sink)
        frame.image = 3
        frame.subset(Box2I(0, 0, 2, 2)).mask = 1
        assert (frame.image.array == 3).all()
        assert frame.mask.array.sum() == 4
        assert not frame.variance.array.any()
        frame.setXY0(2, 1)
        assert frame.bbox == Box2I(2, 1, 6, 4)
