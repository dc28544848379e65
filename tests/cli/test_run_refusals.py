"""What ``cfhtisr run`` refuses, and whether it says why."""

import errno
import gzip
import json
import os
import shutil
from collections import namedtuple

import pytest
from astropy.io import fits

import faults
from cfhtisr.io.verify import verify
from small_sets import calibrations, contents, edited, run, small_set


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A set of plain files, which are easily spoiled."""
    return small_set(tmp_path_factory.mktemp("plain"), compress=None)


def said(capsys, *parts):
    err = capsys.readouterr().err
    for part in parts:
        assert str(part) in err
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize(
    ("kind", "changes", "text"),
    [
        ("bias", {"OBSTYPE": "DARK"}, "OBSTYPE is DARK, wanted BIAS for the bias"),
        ("flat", {"FILTER": "r.MP9602"}, "the flat was taken in filter r.MP9602, the exposure in"),
        ("fringe", {"FILTER": "z.MP9901"}, "fringe was taken in filter z.MP9901"),
        ("dark", {"CCDBIN1": 2}, "the dark is binned 2 x 1, the exposure 1 x 1"),
        ("bias", {"NEXTEND": 36, "NCCDS": 36}, "made in the era of 36 CCDs, the exposure in that"),
        ("bias", {"DETECTOR": "WIRCam"}, "DETECTOR is 'WIRCam'"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_calibration_that_does_not_belong(kind, changes, text, files, tmp_path, capsys):
    path = edited(files.paths[kind], tmp_path / f"{kind}.fits", **changes)
    words = (*calibrations(files, [kind]), f"--{kind}", path)
    assert run(files.raw, tmp_path / "out", *words) == 1
    said(capsys, path, "ccd00", text)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_calibration_of_another_size(files, tmp_path, capsys):
    other = small_set(tmp_path / "other", rows=64, columns=128, compress=None)
    assert run(files.raw, tmp_path / "out", "--bias", other.bias) == 1
    said(
        capsys,
        f"{other.bias}, ccd07: the bias has 192 x 96 pixels, wanted 192 x 128 (raw) or 128 x 96",
    )


def test_a_calibration_that_lacks_a_ccd(files, tmp_path, capsys):
    flat = edited(files.flat, tmp_path / "flat.fits", ccds=("ccd00", "ccd12"))
    assert run(files.raw, tmp_path / "out", "--flat", flat, "-j", "2") == 1
    err = said(capsys, f"{flat}: no ccd07 in it; there are ccd00")
    assert "ccd07: " in err.splitlines()[-1]
    assert [path.name[-10:-5] for path in sorted((tmp_path / "out").iterdir())] == [
        "ccd00",
        "ccd12",
    ]


def test_a_calibration_that_is_not_there(files, tmp_path, capsys):
    assert run(files.raw, tmp_path / "out", "--flat", tmp_path / "no.fits") == 1
    said(capsys, "no such file or folder for --flat", tmp_path / "no.fits")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_calibrations_without_the_ccd(files, tmp_path, capsys):
    folder = tmp_path / "flats"
    folder.mkdir()
    for name in ("ccd00", "ccd12"):
        edited(files.flat, folder / f"flat-{name}.fits", ccds=(name,))
    shutil.copy(folder / "flat-ccd12.fits", folder / "again-ccd12.fits")
    assert run(files.raw, tmp_path / "out", "--flat", folder) == 1
    said(
        capsys,
        f"{folder}: no file with ccd07 in the name for the flat, wanted one FITS file",
        "2 files (again-ccd12.fits, flat-ccd12.fits ...) with ccd12 in the name",
    )
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_another_camera(files, tmp_path, capsys):
    raw = edited(files.raw, tmp_path / "raw.fits", DETECTOR="CFH12K")
    assert run(raw, tmp_path / "out") == 1
    said(capsys, f"{raw}: not a MegaCam file: DETECTOR is 'CFH12K', wanted 'MegaCam'")


def test_a_raw_that_is_processed(files, tmp_path, capsys):
    raw = tmp_path / "1234567p.fits"
    shutil.copy(files.raw, raw)
    assert run(raw, tmp_path / "out") == 1
    said(capsys, raw, "has processed this already (state p in the name", "--processed")
    assert run(raw, tmp_path / "out", "--processed", "--ccd", "7") == 0


def test_our_own_product_as_raw(files, tmp_path, capsys):
    assert run(files.raw, tmp_path / "out", "--ccd", "7") == 0
    (path,) = (tmp_path / "out").iterdir()
    assert run(path, tmp_path / "again") == 1
    said(capsys, f"{path}: is a product of cfhtisr")


@pytest.mark.parametrize("where", ["pixels", "header", "padding", "boundary"])
def test_a_truncated_raw(where, files, tmp_path, capsys):
    with fits.open(files.raw, disable_image_compression=True) as hdus:
        last = hdus[3].fileinfo()
        previous = hdus[2].fileinfo()
    size = {
        "pixels": last["datLoc"] + 5000,
        "header": last["hdrLoc"] + 1000,
        "padding": previous["datLoc"] + 192 * 128 * 2 + 5,
        "boundary": last["hdrLoc"],
    }[where]
    raw = tmp_path / files.raw.name
    raw.write_bytes(files.raw.read_bytes()[:size])
    status = run(raw, tmp_path / "out")
    captured = capsys.readouterr()
    if where == "boundary":  # as good a file as a part that somebody has cut out
        assert status == 0
        assert "NEXTEND is 3, but there are 2 images of CCDs" in captured.out
        return
    assert status == 1
    assert f"{raw}: " in captured.err
    assert "truncated" in captured.err
    assert "2 done, 0 skipped, 1 failed" in captured.out
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert run(raw, tmp_path / "out", "--ccd", "12") == 1
    assert "ccd12" in capsys.readouterr().err


@pytest.mark.parametrize("part", [0.4, 0.999])
def test_a_truncated_gzipped_raw(part, files, tmp_path, capsys):
    raw = tmp_path / f"{files.raw.name}.gz"
    data = gzip.compress(files.raw.read_bytes(), 1)
    raw.write_bytes(data[: int(len(data) * part)])
    assert run(raw, tmp_path / "out") == 1
    said(capsys, raw, "gzip")


def test_a_truncated_compressed_raw(tmp_path, capsys):
    files = small_set(tmp_path, only=["raw"])
    files.raw.write_bytes(files.raw.read_bytes()[:-9000])
    assert run(files.raw, tmp_path / "out") == 1
    said(capsys, files.raw, "HDU 3 (ccd12)", "is truncated")


def test_a_wrong_checksum(files, tmp_path, capsys):
    raw = tmp_path / files.raw.name
    with fits.open(files.raw, do_not_scale_image_data=True) as hdus:
        hdus.writeto(raw, checksum=True)
    data = bytearray(raw.read_bytes())
    with fits.open(raw) as hdus:
        data[hdus[1].fileinfo()["datLoc"] + 1001] ^= 1
    raw.write_bytes(data)
    assert run(raw, tmp_path / "out", "--report", tmp_path / "r.json") == 1
    said(capsys, f"{raw}: HDU 1 (ccd00): DATASUM is")
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert run(raw, tmp_path / "warn", "--checksum", "warn", "-j", "2") == 0
    assert "warning: " in (out := capsys.readouterr().out)
    assert "DATASUM" in out
    assert run(raw, tmp_path / "ignore", "--checksum", "ignore") == 0
    assert "DATASUM" not in capsys.readouterr().out
    outcomes = json.loads((tmp_path / "r.json").read_text())
    assert [one["status"] for one in outcomes] == ["failed", "done", "done"]


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        (["-c", "overscanFitTyp=MEDIAN"], ["no field 'overscanFitTyp'", "overscanFitType"]),
        (["-c", "doFlat=true"], ["-c doFlat=true, but no --flat"]),
        (["-c", "doFlat = yes"], ["-c doFlat=yes, but no --flat"]),
        (["-c", "overscanFitType"], ["wanted name=value"]),
        (["-c", "overscanFitType=NONSENSE"], ["overscanFitType=NONSENSE", "NONSENSE"]),
        (["-c", "overscanOrder=two"], ["overscanOrder"]),
        (["-C", "none.toml"], ["none.toml"]),
        (["-C", "file.ini"], ["*.toml"]),
    ],
    ids=lambda value: " ".join(value)[:30],
)
def test_a_configuration_that_cannot_be(words, texts, files, tmp_path, capsys):
    assert run(files.raw, tmp_path / "out", *words) == 1
    err = said(capsys, *texts)
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_calibration_that_contradicts_the_configuration(files, tmp_path, capsys):
    words = ("-c", "config.doBias=False", *calibrations(files, ["bias"]))
    assert run(files.raw, tmp_path / "out", *words) == 1
    said(capsys, "-c doBias=False and --bias, which contradict")


def test_a_file_of_settings_names_its_line(files, tmp_path, capsys):
    path = tmp_path / "settings.toml"
    path.write_text("doWrite = false\noverscanFitTyp = 'MEDIAN'\n")
    assert run(files.raw, tmp_path / "out", "-C", path) == 1
    said(capsys, f"{path}:2: ", "did you mean overscanFitType")


def test_a_full_disk_is_seen_before_the_work(files, tmp_path, capsys, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 10**9, 100_000))
    assert run(files.raw, tmp_path / "out") == 1
    said(capsys, "the products need up to", "GB are free", "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("layout", ["ccd", "mosaic"])
def test_a_disk_that_is_full_on_the_way(layout, files, tmp_path, capsys):
    """At each call of the system by which something is written."""
    words = ("--ccd", "7", "--format", layout, "--weight")
    with faults.injected() as counted:
        assert run(files.raw, tmp_path / "whole", *words) == 0
    whole = contents(tmp_path / "whole")
    capsys.readouterr()
    writing = [at for at, name in enumerate(counted.calls) if name in ("write", "open")]
    for at in writing[:: max(len(writing) // 12, 1)]:
        out = tmp_path / f"out{at}"
        with faults.injected("ENOSPC", at):
            assert run(files.raw, out, *words) == 1
        said(capsys, os.strerror(errno.ENOSPC), out, "ccd07")
        for path in out.iterdir():  # what is there is whole, and nothing is half-written
            assert whole[path.name] == path.read_bytes()
        assert run(files.raw, out, *words) == 0
        capsys.readouterr()
        assert contents(out) == whole


def test_the_old_product_outlives_a_full_disk(files, tmp_path, capsys):
    assert run(files.raw, tmp_path, "--ccd", "7") == 0
    before = contents(tmp_path)
    with faults.injected("ENOSPC", 1):
        assert run(files.raw, tmp_path, "--ccd", "7", "-c", "overscanFitType=MEDIAN") == 1
    said(capsys, "nothing is left of them")
    assert contents(tmp_path) == before


def test_two_raws_of_one_name(files, tmp_path, capsys):
    other = tmp_path / "other" / f"{files.raw.name}.fz"
    other.parent.mkdir()
    shutil.copy(files.raw, other)
    assert run([files.raw, other], tmp_path / "out") == 1
    said(capsys, files.raw, other, "would both be written as raw-")
    assert run([files.raw, files.raw], tmp_path / "out") == 1
    said(capsys, f"{files.raw}: is given twice")


def test_an_output_that_is_no_folder(files, tmp_path, capsys):
    path = tmp_path / "file"
    path.touch()
    for out in (path, path / "below"):
        assert run(files.raw, out) == 1
        said(capsys, out, "wanted a folder for the products")


def test_an_output_without_permission(files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("cfhtisr.batch.runner.os.access", lambda *_: False)
    assert run(files.raw, tmp_path / "out") == 1
    said(capsys, "no permission to write", tmp_path / "out")


@pytest.mark.parametrize("content", [None, b"", b"no FITS at all" * 500, "folder"])
def test_a_raw_that_cannot_be_read(content, files, tmp_path, capsys):
    raw = tmp_path / "raw.fits"
    if content == "folder":
        raw.mkdir()
    elif content is not None:
        raw.write_bytes(content)
    assert run([files.raw, raw], tmp_path / "out") == 1
    said(capsys, raw)
    assert not (tmp_path / "out").exists()


def test_a_raw_without_permission(files, tmp_path, capsys):
    raw = tmp_path / "raw.fits"
    shutil.copy(files.raw, raw)
    raw.chmod(0)
    if os.access(raw, os.R_OK):
        pytest.skip("whoever runs this may read everything")
    assert run(raw, tmp_path / "out") == 1
    said(capsys, raw, os.strerror(errno.EACCES))


@pytest.mark.parametrize(
    "words", [["--ccd", "40"], ["--ccd", ""], ["-j", "0"], ["--threads", "-1"], ["--format", "x"]]
)
def test_arguments_out_of_range(words, files, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        run(files.raw, tmp_path / "out", *words)
    assert end.value.code == 2
    said(capsys, words[0])


def test_no_raw_at_all(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        run([], tmp_path / "out")
    assert end.value.code == 2
    said(capsys, "RAW")


def test_a_damaged_product_is_not_taken_for_a_finished_one(files, tmp_path):
    assert run(files.raw, tmp_path, "--ccd", "7") == 0
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-2880])
    assert verify(path)
    assert run(files.raw, tmp_path, "--ccd", "7") == 0
    assert verify(path) == []
