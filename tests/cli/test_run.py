"""``cfhtisr run``: what it makes, what it skips, what it says."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal

from cfhtisr import read_exposure
from cfhtisr.cli.main import main
from cfhtisr.io.exposure_file import read_provenance
from cfhtisr.io.verify import verify
from small_sets import CCDS, calibrations, contents, run, small_set


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return small_set(tmp_path_factory.mktemp("set"))


@pytest.fixture(scope="module")
def corrected(files, tmp_path_factory):
    """Everything corrected, once for all tests that look at it."""
    out = tmp_path_factory.mktemp("corrected")
    assert run(files.raw, out, *calibrations(files), "--weight") == 0
    return out


def product(files, out, ccd):
    return out / f"{files.raw.name.partition('.')[0]}-ccd{ccd:02d}.fits"


def test_without_calibrations_it_says_which_are_missing(files, tmp_path, capsys):
    assert run(files.raw, tmp_path / "new" / "out") == 0
    out, err = capsys.readouterr()
    assert "off, for want of a calibration: bias, dark, flat, fringe, defects" in out
    assert "3 CCDs: 3 done, 0 skipped, 0 failed" in out
    assert "[3/3]" in err
    path = product(files, tmp_path / "new" / "out", 7)
    header = read_exposure(path).metadata
    assert header["ISROSCN"] is True
    assert [header[f"ISR{name}"] for name in ("BIAS", "DARK", "FLAT", "FRNG", "DEFCT")] == [
        False
    ] * 5
    assert read_provenance(path)["CONFIG doBias"] == "False"
    assert verify(path) == []


def test_all_calibrations(files, corrected):
    for ccd in CCDS:
        exposure = read_exposure(product(files, corrected, ccd), ccd=ccd)
        header = exposure.metadata
        for card in ("ISRBIAS", "ISRDARK", "ISRFLAT", "ISRFRNG", "ISRDEFCT"):
            assert header[card] is True, card
        assert exposure.masked_image.shape == (96, 128)
        facts = read_provenance(product(files, corrected, ccd))
        assert facts["CONFIG fringe.large"] == "10"
        for name in ("RAW", "BIAS", "DARK", "FLAT", "FRINGES"):
            assert f"[ccd{ccd:02d}] DATASUM " in facts[name], name
        assert "SHA256" in facts["DEFECTS"]
        assert str(corrected) not in str(facts)


def test_weight_and_flag_maps(files, corrected):
    exposure = read_exposure(product(files, corrected, 7))
    base = str(product(files, corrected, 7)).removesuffix(".fits")
    weight = read_exposure(f"{base}.weight.fits").image.array
    flags = fits.getdata(f"{base}.flag.fits")
    assert np.array_equal(flags, exposure.mask.array)
    good = exposure.mask.array == 0
    assert np.allclose(weight[good] * exposure.variance.array[good], 1)


@pytest.mark.parametrize("words", [("-j", "2"), ("--threads", "1"), ("--threads", "2")])
def test_the_bytes_do_not_depend_on_who_works(words, files, corrected, tmp_path):
    assert run(files.raw, tmp_path, *calibrations(files), "--weight", *words) == 0
    assert contents(tmp_path) == contents(corrected)


def test_nor_does_the_preset_get_lost_on_the_way_to_a_process(files, tmp_path):
    words = (*calibrations(files, ["bias"]), "--preset", "lsst-v17", "--ccd", "0,7")
    assert run(files.raw, tmp_path / "one", *words) == 0
    assert run(files.raw, tmp_path / "two", *words, "-j", "2") == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    header = read_exposure(product(files, tmp_path / "one", 0)).metadata
    assert header["ISRPARIT"] == "lsst-v17"


def test_what_is_finished_is_skipped(files, corrected, tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree(corrected, out)
    words = [*calibrations(files), "--weight"]
    assert run(files.raw, out, *words) == 0
    assert "0 done, 3 skipped, 0 failed" in capsys.readouterr().out
    assert run(files.raw, out, *calibrations(files), "-j", "2") == 0
    assert "0 done, 3 skipped, 0 failed" in capsys.readouterr().out

    damaged = product(files, out, 7)
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    product(files, out, 12).write_bytes(b"")
    assert run(files.raw, out, *words) == 0
    assert "2 done, 1 skipped, 0 failed" in capsys.readouterr().out
    assert contents(out) == contents(corrected)

    (out / f"{damaged.stem}.weight.fits").unlink()
    assert run(files.raw, out, *words) == 0
    assert "1 done, 2 skipped, 0 failed" in capsys.readouterr().out
    assert contents(out) == contents(corrected)

    assert run(files.raw, out, *words, "--redo", "--ccd", "0") == 0
    assert "1 done, 0 skipped, 0 failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "other",
    [
        ["-c", "overscanFitType=MEDIAN"],
        ["--units", "electron"],
        ["--compress", "lossless"],
        ["--compress", "rice"],
        ["-c", "growSaturationFootprintSize=2"],
        "without bias",
        "other defects",
        "other version",
    ],
    ids=str,
)
def test_what_was_made_otherwise_is_done_again(
    other, files, corrected, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "out"
    shutil.copytree(corrected, out)
    words = [*calibrations(files), "--ccd", "7"]
    if other == "without bias":
        words = [*calibrations(files, ["dark", "flat", "fringe", "defects"]), "--ccd", "7"]
    elif other == "other defects":
        text = tmp_path / "defects-2600100.txt"
        text.write_text("1 1 3 3\n" * 3)
        words += ["--defects", text]
    elif other == "other version":
        monkeypatch.setattr("cfhtisr.tasks.provenance.__version__", "99")
    else:
        words += other
    assert run(files.raw, out, *words) == 0
    assert "1 done, 0 skipped, 0 failed" in capsys.readouterr().out


@pytest.mark.parametrize("layout", ["ccd", "mosaic"])
def test_compressed_products(layout, files, corrected, tmp_path, capsys):
    words = [*calibrations(files), "--ccd", "7", "--format", layout]
    plain = read_exposure(product(files, corrected, 7))
    made = {}
    for mode in ("none", "lossless", "rice"):
        out = tmp_path / mode
        assert run(files.raw, out, *words, "--compress", mode) == 0
        (path,) = out.glob("*.fits")
        made[mode] = path.read_bytes()
        assert verify(path) == []
        back = read_exposure(path, 7)
        assert_array_equal(back.mask.array, plain.mask.array)
        if mode == "rice":
            off = np.abs(back.image.array - plain.image.array)
            assert 0 < np.nanmax(off) < 5
            assert back.provenance["COMPRESS"] == "rice 16.0"
        else:
            assert_array_equal(back.image.array, plain.image.array)
        capsys.readouterr()
        assert run(files.raw, out, *words, "--compress", mode) == 0
        assert "0 done, 1 skipped" in capsys.readouterr().out
        # With one byte changed it is made again, the same.
        damaged = bytearray(made[mode])
        damaged[len(damaged) // 2] ^= 1
        path.write_bytes(damaged)
        assert run(files.raw, out, *words, "--compress", mode) == 0
        assert "1 done, 0 skipped" in capsys.readouterr().out
        assert path.read_bytes() == made[mode]
    assert len(made["rice"]) < len(made["lossless"]) < len(made["none"])
    assert run(files.raw, tmp_path / "rice", *words, "--compress", "rice", "--quantize", "4") == 0
    assert "1 done, 0 skipped" in capsys.readouterr().out


@pytest.mark.parametrize("steps", ["0", "-1", "nan", "many"])
def test_steps_that_are_none(steps, files, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(files.raw, tmp_path, "--compress", "rice", "--quantize", steps)
    assert f"--quantize: {steps!r} is not a number above 0" in capsys.readouterr().err


def test_products_in_electrons(files, corrected, tmp_path):
    assert run(files.raw, tmp_path, *calibrations(files), "--units", "electron") == 0
    adu = read_exposure(product(files, corrected, 7))
    electrons = read_exposure(product(files, tmp_path, 7))
    assert electrons.metadata["BUNIT"] == "electron"
    assert electrons.metadata["GAIN"] == 1
    gains = [amp.gain for amp in adu.detector]
    assert [amp.gain for amp in electrons.detector] == [1, 1]
    for amp, gain in zip(adu.detector, gains, strict=True):
        part = amp.bbox.slices
        same = adu.image.array[part] * np.float32(gain)
        assert np.array_equal(electrons.image.array[part], same, equal_nan=True)
        ratio = electrons.variance.array[part] / adu.variance.array[part]
        assert np.allclose(ratio, gain**2)
    assert np.array_equal(adu.mask.array, electrons.mask.array)
    ratio = electrons.metadata["SATURATE"] / adu.metadata["SATURATE"]
    assert min(gains) <= ratio <= max(gains)
    assert electrons.metadata["RDNOISE"] == adu.metadata["RDNOISE"]
    header = fits.getheader(product(files, tmp_path, 7), "VARIANCE")
    assert "electron" in header["BUNIT"]


def test_several_raws_in_one_call(files, corrected, tmp_path, capsys):
    second = small_set(tmp_path / "second", frame=1, only=["raw"])
    out = tmp_path / "out"
    assert run([files.raw, second.raw], out, *calibrations(files), "-j", "2", "--weight") == 0
    assert "6 CCDs: 6 done" in capsys.readouterr().out
    both = contents(out)
    assert {name: both[name] for name in contents(corrected)} == contents(corrected)
    assert len(both) == 18


def test_the_report(files, tmp_path):
    report = tmp_path / "report.json"
    words = (*calibrations(files, ["bias"]), "--ccd", "7,12,33", "--report", report)
    assert run(files.raw, tmp_path / "out", *words) == 1
    outcomes = json.loads(report.read_text())
    assert [one["ccd"] for one in outcomes] == [7, 12, 33]
    assert [one["status"] for one in outcomes] == ["done", "done", "failed"]
    facts = outcomes[0]["facts"]
    assert facts["applied"] == ["overscan", "bias"]
    assert facts["unit"] == "adu"
    assert facts["planes"]["SAT"] >= 0
    assert "no ccd33 in it" in outcomes[2]["message"]
    assert run(files.raw, tmp_path / "out", "--report", tmp_path / "none" / "r.json") == 1
    assert run(files.raw, tmp_path / "out", "--report", files.raw) == 1


def test_the_summary_says_what_was_found(files, tmp_path, capsys):
    words = (*calibrations(files), "-c", "fringe.filters=z")
    assert run(files.raw, tmp_path, *words) == 0
    out = capsys.readouterr().out
    assert "sky " in out
    assert "saturation " in out
    assert "fringe not applied: filter i.MP9703 is not in fringe.filters (3 CCDs)" in out
    path = product(files, tmp_path, 7)
    assert read_exposure(path).metadata["ISRFRNG"] is False
    assert "not applied" in read_provenance(path)["FRINGES"]
    assert read_provenance(path)["CONFIG fringe.filters"] == "['z']"


def test_a_raw_without_fringes_needs_no_fringe_frame_of_its_filter(files, tmp_path, capsys):
    other = small_set(tmp_path / "r", filter="r.MP9602", only=["raw", "flat"])
    words = calibrations(files, ["bias", "fringe"])
    assert run(other.raw, tmp_path / "out", *words, "--ccd", "7") == 0
    assert "not applied: filter r.MP9602" in capsys.readouterr().out


def test_a_mosaic(files, corrected, tmp_path, capsys):
    words = [*calibrations(files), "--format", "mosaic", "--weight"]
    out = tmp_path / "out"
    assert run(files.raw, out, *words) == 0
    (path,) = [path for path in out.iterdir() if "-ccd" not in path.name]
    assert verify(path) == []
    for ccd in CCDS:
        one, same = read_exposure(product(files, corrected, ccd)), read_exposure(path, ccd=ccd)
        assert np.array_equal(one.image.array, same.image.array, equal_nan=True)
        assert np.array_equal(one.mask.array, same.mask.array)
        assert np.array_equal(one.variance.array, same.variance.array, equal_nan=True)
    maps = {name for name in contents(corrected) if "weight" in name or "flag" in name}
    assert maps == {name for name in contents(out) if name != path.name}
    capsys.readouterr()
    before = contents(out)
    assert run(files.raw, out, *words) == 0
    assert "0 done, 3 skipped" in capsys.readouterr().out
    assert run(files.raw, out, *words, "--redo", "-j", "2", "--threads", "2") == 0
    assert contents(out) == before


def test_a_mosaic_lacks_the_ccd_that_fails(files, tmp_path, capsys):
    words = [*calibrations(files, ["flat"]), "--format", "mosaic", "--ccd", "0,7,33"]
    for expected in ("2 done, 0 skipped, 1 failed", "0 done, 2 skipped, 1 failed"):
        assert run(files.raw, tmp_path, *words) == 1
        out, err = capsys.readouterr()
        assert expected in out
        assert "no ccd33 in it" in err
    (path,) = tmp_path.iterdir()
    assert fits.getheader(path)["MISSING"] == "ccd33"
    assert verify(path) == []


def test_a_mosaic_of_nothing_is_not_written(files, tmp_path, capsys):
    assert run(files.raw, tmp_path, "--format", "mosaic", "--ccd", "33,34") == 1
    assert "0 done, 0 skipped, 2 failed" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_mosaic_never_overwrites_a_raw(tmp_path, capsys):
    files = small_set(tmp_path, compress=None, only=["raw"])
    before = contents(tmp_path)
    assert run(files.raw, tmp_path, "--format", "mosaic") == 1
    assert "would overwrite an input" in capsys.readouterr().err
    assert contents(tmp_path) == before


def test_one_amplifier_per_hdu_of_the_early_camera(tmp_path):
    old = small_set(tmp_path / "old", n_ccd=36, layout="amplifiers", ccds=(0, 30))
    new = small_set(tmp_path / "new", n_ccd=36, ccds=(0, 30))
    for files in (old, new):
        assert run(files.raw, tmp_path / f"{files.raw.parent.name}-out", *calibrations(files)) == 0
    for ccd in (0, 30):
        name = product(old, tmp_path, ccd).name
        one, other = (read_exposure(tmp_path / f"{which}-out" / name) for which in ("old", "new"))
        # The electronics of 2003 are simulated with a noise of their own.
        assert np.nanmax(np.abs(one.image.array - other.image.array)) < 5
        assert np.array_equal(one.mask.array, other.mask.array)


def test_a_gzipped_raw_is_corrected_alike(files, corrected, tmp_path):
    packed = small_set(tmp_path, compress=None, gzip=True, only=["raw"])
    assert packed.raw.suffix == ".gz"
    assert run(packed.raw, tmp_path / "out", *calibrations(files)) == 0
    one, other = (read_exposure(product(files, out, 12)) for out in (corrected, tmp_path / "out"))
    assert np.array_equal(one.image.array, other.image.array, equal_nan=True)


def test_paths_may_be_odd_and_relative(files, tmp_path, monkeypatch):
    folder = tmp_path / "é ü 中 [x]"
    folder.mkdir()
    for path in (files.raw, files.bias):
        shutil.copy(path, folder)
    monkeypatch.chdir(folder)
    words = ("--bias", files.bias.name, "--ccd", "0,7", "-j", "2")
    assert run(files.raw.name, "aus gabe", *words) == 0
    assert len(list((folder / "aus gabe").iterdir())) == 2


def test_as_a_command_of_its_own(files, corrected, tmp_path):
    command = [sys.executable, "-W", "error", "-m", "cfhtisr.cli.main", "run", files.raw, "-v"]
    command += ["-o", tmp_path, *calibrations(files), "--weight", "-j", "2"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert contents(tmp_path) == contents(corrected)


def test_whoever_reads_the_output_may_leave():
    command = f"{sys.executable} -m cfhtisr.cli.main config | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("words", ["info {0} {0} {0}", "config", "run --help"])
def test_no_command_minds(words, files):
    command = f"{sys.executable} -m cfhtisr.cli.main {words.format(files.raw)} | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_ctrl_c(files, tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    assert run(files.raw, tmp_path, "--ccd", "0") == 0
    before = contents(tmp_path)
    monkeypatch.setattr("cfhtisr.tasks.cfht.CfhtIsrTask.run", interrupted)
    assert run(files.raw, tmp_path) == 130
    assert "interrupted; what was finished is kept" in capsys.readouterr().err
    assert contents(tmp_path) == before
    assert run(files.raw, tmp_path / "mosaic", "--format", "mosaic") == 130
    assert list((tmp_path / "mosaic").iterdir()) == []


def test_names_need_not_be_text(files, tmp_path):
    raw = os.path.join(os.fsencode(tmp_path), "ü-".encode() + b"\xff.fits.fz")
    try:
        shutil.copy(os.fsencode(files.raw), raw)
    except OSError:
        pytest.skip("this file system has names of text only")
    command = [sys.executable, "-m", "cfhtisr.cli.main", "run", raw, "-o", tmp_path, "--ccd", "7"]
    command += ["--report", tmp_path / "r.json"]
    environment = {**os.environ, "PYTHONUTF8": "1"}
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "r.json").read_text())[0]["status"] == "done"
    command[3:] = ["info", raw, raw.replace(b".fits.fz", b"-ccd07.fits")]
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_version_and_the_help(capsys):
    for words in (["--version"], ["--help"], ["run", "--help"]):
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == 0
    assert "examples:" in capsys.readouterr().out
