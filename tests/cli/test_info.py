"""``cfhtisr info`` and ``cfhtisr verify``: any file that may lie about."""

import shutil

import numpy as np
import pytest
from astropy.io import fits

from cfhtisr.cli.main import main
from small_sets import calibrations, run, small_set


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return small_set(tmp_path_factory.mktemp("set"))


@pytest.fixture(scope="module")
def products(files, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    words = (*calibrations(files, ["bias", "fringe"]), "--weight")
    assert run(files.raw, out, *words) == 0
    assert run(files.raw, out, *words[:-1], "--format", "mosaic", "--ccd", "0,7,33") == 1
    return out


def info(capsys, *words):
    capsys.readouterr()
    status = main(["info", *map(str, words)])
    out, err = capsys.readouterr()
    return status, out, err


def test_a_raw(files, capsys):
    status, out, err = info(capsys, files.raw, "--levels", "--ccd", "7")
    assert (status, err) == (0, "")
    lines = [line.split(None, 1) for line in out.splitlines()[1:]]
    assert lines[:7] == [
        ["kind", "object, simulated"],
        ["era", "40 CCDs, layout spliced"],
        ["CCDs", "0,7,12"],
        ["packing", "RICE_1"],
        ["exposure", "2600100, object Simulated field"],
        ["filter", "i.MP9703"],
        ["times", "exposure 60.102 s, dark 60 s, start MJD 58821.25000"],
    ]
    assert [line[0] for line in lines[8:]] == ["ccd07", "ccd07"]


def test_masters_and_the_truth_and_defects(files, capsys):
    status, out, err = info(capsys, *files.paths.values(), "--levels")
    assert (status, err) == (0, "")
    for kind in ("object", "bias", "dark", "flat", "fringe"):
        assert f"kind       {kind}, simulated" in out
    assert "processed  card IMCMB_DT" in out
    assert "kind       simulated; FITS file, no raw exposure of MegaCam: " in out
    assert "ccd00            BINTABLE of 3 rows" in out
    assert "ccd07_MASK       image 128 x 96 int16, GZIP_1" in out


def test_products(files, products, capsys):
    stem = files.raw.name.partition(".")[0]
    status, out, err = info(capsys, products / f"{stem}-ccd07.fits", "--levels")
    assert (status, err) == (0, "")
    assert "product of cfhtisr" in out
    assert "pixels     128 x 96, float32, unit adu" in out
    assert "corrected  overscan, bias, fringe; not dark, flat, defects" in out
    assert f"made of    raw {files.raw.name}[ccd07] DATASUM " in out
    assert "setting    fringe.large = 10" in out
    assert out.splitlines()[-1].split()[0] == "ccd07"

    status, out, err = info(capsys, products / f"{stem}.fits", "--levels")
    assert (status, err) == (0, "")
    assert "CCDs       ccd00, ccd07" in out
    assert "missing    ccd33" in out
    assert "corrected  overscan, bias, fringe; not" in out
    assert [line.split()[0] for line in out.splitlines()[-2:]] == ["ccd00", "ccd07"]

    status, out, err = info(capsys, products / f"{stem}-ccd07.weight.fits")
    assert (status, err) == (0, "")
    assert "weight map of cfhtisr" in out


def test_any_fits_file(tmp_path, capsys):
    path = tmp_path / "any.fits"
    cube = fits.ImageHDU(np.zeros((2, 3, 4), "f4"), name="CUBE")
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])], name="T")
    image = fits.PrimaryHDU(np.arange(6, dtype="i4").reshape(2, 3))
    empty = fits.ImageHDU(np.zeros((0, 3), "f4"), name="EMPTY")
    fits.HDUList([image, cube, table, empty]).writeto(path)
    status, out, err = info(capsys, path, "--levels")
    assert (status, err) == (0, "")
    assert "not a MegaCam file: there is no card DETECTOR" in out
    assert "HDU 0    -                image 3 x 2 int32, 24 bytes" in out
    assert "CUBE             image 4 x 3 x 2, 96 bytes" in out
    assert "T                BINTABLE of 2 rows, 8 bytes" in out
    assert out.splitlines()[-1].split() == ["0", "0", "2.5", "5"]


def test_what_cannot_be_read_keeps_no_other(files, tmp_path, capsys):
    broken = tmp_path / "text.fits"
    broken.write_text("no FITS")
    cut = tmp_path / "cut.fits.fz"
    cut.write_bytes(files.raw.read_bytes()[:-9000])
    status, out, err = info(capsys, tmp_path / "none.fits", broken, tmp_path, cut, files.raw)
    assert status == 1
    assert [path in err for path in (str(broken), "none.fits")] == [True, True]
    assert f"{cut}: HDU 3 (ccd12): is truncated" in err
    assert "Traceback" not in err
    assert str(cut) in out
    assert str(files.raw) in out


def test_a_part_of_a_raw_says_so(files, tmp_path, capsys):
    part = tmp_path / "part.fits"
    with fits.open(files.raw, disable_image_compression=True) as hdus:
        fits.HDUList(hdus[:2]).writeto(part)
    status, out, _ = info(capsys, part)
    assert status == 0
    assert "NEXTEND is 3, but there are 1 images" in out


def test_verify(products, tmp_path, capsys):
    folder = tmp_path / "products"
    shutil.copytree(products, folder)
    assert main(["verify", str(folder)]) == 0
    assert "10 files: 10 whole, 0 with problems" in capsys.readouterr().out
    path = sorted(folder.iterdir())[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    assert main(["verify", str(folder), str(tmp_path / "none.fits")]) == 1
    out = capsys.readouterr().out
    assert f"{path}: HDU" in out
    assert f"{tmp_path / 'none.fits'}: No such file or directory" in out
    assert "11 files: 9 whole, 2 with problems" in out


def test_verify_of_nothing(tmp_path, capsys):
    assert main(["verify", str(tmp_path)]) == 1
    assert "no FITS file" in capsys.readouterr().err
