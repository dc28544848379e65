"""Files of defects in every form, and the real ones."""

import gzip
import shutil

import numpy as np
import pytest
from astropy.io import fits

from cfhtisr import Box2I, FileFormatError
from cfhtisr.camera import facts, megacam_like
from cfhtisr.io import read_defects
from raw_files import ccd_cards, header_of

BOXES = [(0, 0, 10, 1), (3, 2, 1, 10), (9, 11, 1, 1)]
WANTED = [Box2I(*box) for box in BOXES]
SMALL = (12, 10)


def table(boxes=BOXES, **cards):
    columns = [
        fits.Column(name, "I", array=np.array([box[index] for box in boxes], np.int16))
        for index, name in enumerate(("x0", "y0", "width", "height"))
    ]
    return fits.BinTableHDU.from_columns(columns, header=header_of(cards))


def write(path, *hdus):
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    return path


def serial(ccd):
    return facts(ccd).serial.replace("-", "")


def test_table(tmp_path):
    path = write(tmp_path / "d.fits", table(SERIAL=serial(4)))
    assert read_defects(path, 4, shape=SMALL) == WANTED
    assert read_defects(path, "ccd04") == WANTED
    with pytest.raises(FileFormatError) as caught:
        read_defects(path, 5)
    assert str(caught.value) == (
        f"{path}: no table for ccd05, SERIAL {serial(5)}; "
        f"there is HDU 1 (no EXTNAME, SERIAL {serial(4)})"
    )
    assert read_defects(path, 5, serial=facts(4).serial) == WANTED


def test_table_that_says_nothing(tmp_path):
    assert read_defects(write(tmp_path / "d.fits", table()), 5, shape=SMALL) == WANTED


def test_tables_of_several_ccds(tmp_path):
    hdus = [table([(ccd, 0, 1, 1)], EXTNAME=f"ccd{ccd:02d}", SERIAL=serial(ccd))
            for ccd in range(4)]  # fmt: skip
    path = write(tmp_path / "d.fits", *hdus)
    for ccd in range(4):
        assert read_defects(path, ccd, shape=SMALL) == [Box2I(ccd, 0, 1, 1)]
    with pytest.raises(FileFormatError, match="no table for ccd09"):
        read_defects(path, 9)
    path = write(tmp_path / "e.fits", table(EXTNAME="ccd03", SERIAL=serial(2)))
    with pytest.raises(FileFormatError, match=f"HDU 1: SERIAL is {serial(2)}, but ccd03 has"):
        read_defects(path, 3)


def test_directory(tmp_path):
    write(tmp_path / "ccd02.fits", table(SERIAL=serial(2)))
    (tmp_path / "ccd03.txt").write_text("3 2 1 10\n")
    assert read_defects(tmp_path, 2, shape=SMALL) == WANTED
    assert read_defects(tmp_path, 3, shape=SMALL) == WANTED[1:2]
    with pytest.raises(FileNotFoundError, match=r"no defects of ccd04, wanted ccd04.fits; there"):
        read_defects(tmp_path, 4)
    (tmp_path / "ccd03.reg").write_text("image")
    with pytest.raises(FileFormatError, match=r"several files .* for ccd03: ccd03.reg, ccd03.txt"):
        read_defects(tmp_path, 3)


def frame(ccd, rows=12, columns=10):
    """Return a mask frame of the raw layout, 1 good and 0 bad, and its header."""
    pixels = np.zeros((rows + 32, columns + 64), np.int16)
    for amplifier in megacam_like(rows, columns)[ccd]:
        pixels[amplifier.raw_data_bbox.slices] = 1
    for x0, y0, width, height in BOXES:
        pixels[y0 : y0 + height, 32 + x0 : 32 + x0 + width] = 0
    return pixels, header_of(ccd_cards(ccd, rows, columns))


def rasterised(boxes, shape):
    mask = np.zeros(shape, bool)
    for box in boxes:
        mask[box.slices] = True
    return mask


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("trimmed", [False, True])
def test_mask_frame(tmp_path, compress, trimmed):
    hdus = []
    for ccd in (5, 6):
        pixels, header = frame(ccd)
        pixels = pixels[:12, 32:42] if trimmed else pixels
        kind = fits.CompImageHDU if compress else fits.ImageHDU
        hdus.append(kind(pixels, header))
    path = write(tmp_path / "mask.fits.fz", *hdus)
    boxes = read_defects(path, 6, shape=SMALL)
    np.testing.assert_array_equal(rasterised(boxes, SMALL), rasterised(WANTED, SMALL))
    with pytest.raises(FileFormatError, match=r"no mask of ccd07; there is ccd05, ccd06"):
        read_defects(path, 7, shape=SMALL)
    with pytest.raises(FileFormatError, match=r"HDU 1: (mask of ccd05 has|card DSECA)"):
        read_defects(path, 5)


def test_mask_frame_without_names(tmp_path):
    hdus = []
    for ccd in (0, 1):
        pixels, header = frame(ccd)
        del header["EXTNAME"]
        hdus.append(fits.ImageHDU(pixels, header))
    path = write(tmp_path / "mask.fits", *hdus)
    assert rasterised(read_defects(path, 1, shape=SMALL), SMALL).sum() == 21


@pytest.mark.parametrize("value", [2, -1, 0.5])
def test_images_that_are_no_masks(tmp_path, value):
    pixels, header = frame(0)
    pixels = pixels.astype(type(value)).astype(np.float32 if value == 0.5 else np.int16)
    pixels[3, 3] = value
    path = write(tmp_path / "mask.fits", fits.ImageHDU(pixels, header))
    with pytest.raises(FileFormatError, match=r"mask.fits, HDU 1: pixels are .* wanted 1 for good"):
        read_defects(path, 0, shape=SMALL)


def test_text(tmp_path):
    (tmp_path / "d.csv").write_text(
        "\ufeffccd,x0,y0,width,height\n3,0,0,10,1\n4,1,1,1,1\n", "utf-8"
    )
    assert read_defects(tmp_path / "d.csv", 3, shape=SMALL) == WANTED[:1]
    (tmp_path / "d.reg").write_text("image\nbox(5.5,1,10,1,0)\n")
    assert read_defects(tmp_path / "d.reg", 3, shape=SMALL) == WANTED[:1]
    (tmp_path / "empty.txt").write_text("")
    assert read_defects(tmp_path / "empty.txt", 3) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.txt", b"2040 0 9 1", "line 1: box x0=2040 y0=0 width=9 height=1 reaches outside of "
         "ccd03, which has 2048 x 4612 pixels"),
        ("d.txt", b"1 2 3", "line 1: 3 columns"),
        ("d.reg", b"circle(3,4,5)", "line 1: a circle cannot be read"),
        ("d.txt", b"\xff\xfe\x00", "is neither FITS nor text"),
        ("d.txt", b"1 2 3 4\0", "is neither FITS nor text"),
        ("d.fits", b"SIMPLE  =                    T", "is no readable FITS file"),
        ("d.fits.gz", b"\x1f\x8b hello", "is no readable FITS file"),
    ],
)  # fmt: skip
def test_refused_files(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FileFormatError) as caught:
        read_defects(path, 3)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_refused_tables(tmp_path):
    path = write(tmp_path / "a.fits", table([(2040, 0, 9, 1)], SERIAL=serial(3)))
    with pytest.raises(FileFormatError, match=r"a.fits: HDU 1, row 1: box .* outside of ccd03"):
        read_defects(path, 3)
    path = write(tmp_path / "b.fits")
    with pytest.raises(FileFormatError, match=r"b.fits: no table of defects and no image in it"):
        read_defects(path, 3)
    floats = [fits.Column(name, "E", array=[1.5]) for name in ("x0", "y0", "width", "height")]
    path = write(tmp_path / "c.fits", fits.BinTableHDU.from_columns(floats))
    with pytest.raises(FileFormatError, match=r"c.fits, HDU 1: columns hold .*float32, wanted"):
        read_defects(path, 3)
    with pytest.raises(FileNotFoundError):
        read_defects(tmp_path / "none.fits", 3)


SETS = ["2003A.mask.0.36.00.nn", "2003A.mask.0.36.00_enlarged.nn", "2003B.mask.0.36.00.nn",
        "2004B.mask.0.36.00.nn", "2004B.mask.0.36.01.nn", "test.mask.0.40.00.nn",
        "test.mask.0.40.00_enlarged.nn"]  # fmt: skip
COUNTS = [184, 184, 548, 517, 540, 656, 656]


@pytest.mark.parametrize(("name", "count"), list(zip(SETS, COUNTS, strict=True)))
def test_real_tables(shared, name, count):
    folder = shared / "defects" / name
    n_ccd = 40 if ".40." in name else 36
    assert sum(len(read_defects(folder, ccd)) for ccd in range(n_ccd)) == count
    with pytest.raises(FileFormatError, match="no table for ccd01"):
        read_defects(folder / "ccd00.fits", 1)


def test_a_real_mask_frame_as_it_is(shared):
    name = "2004B.mask.0.36.01"
    path = shared / "defects" / "elixir_masks" / f"{name}.fits.gz"
    from_pixels = rasterised(read_defects(path, 7), (4612, 2048))
    from_table = rasterised(read_defects(shared / "defects" / f"{name}.nn", 7), (4612, 2048))
    assert np.count_nonzero(from_pixels != from_table) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["2004B.mask.0.36.01", "test.mask.0.40.00"])
def test_real_mask_frames_equal_their_tables(shared, tmp_path, name):
    # Inflated once: a gzipped file has to be inflated anew up to each CCD.
    path = tmp_path / "mask.fits"
    packed = shared / "defects" / "elixir_masks" / f"{name}.fits.gz"
    with gzip.open(packed) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    for ccd in range(40 if ".40." in name else 36):
        from_pixels = rasterised(read_defects(path, ccd), (4612, 2048))
        from_table = rasterised(read_defects(shared / "defects" / f"{name}.nn", ccd), (4612, 2048))
        assert np.count_nonzero(from_pixels != from_table) == 0
    path.unlink()
