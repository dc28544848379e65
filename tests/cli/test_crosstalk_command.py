"""``cfhtisr measure-crosstalk`` and ``cfhtisr run --crosstalk``, from the one into the other."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from cfhtisr import read_exposure, read_raw
from cfhtisr.cli.main import main
from cfhtisr.io.exposure_file import read_provenance
from small_sets import contents, run, small_set

TRUE = {"A": 4e-3, "B": 2e-3}  # by victim
BRIGHT = 40000


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return small_set(tmp_path_factory.mktemp("set"), ccds=(0, 7), only=["raw"])


@pytest.fixture(scope="module")
def raws(files, tmp_path_factory):
    """The same exposure, with bright pixels and without and with crosstalk of ccd07."""
    folder = tmp_path_factory.mktemp("raws")
    for name in ("clean", "talking"):
        with fits.open(files.raw) as hdus:
            detector = read_raw(files.raw, ccd=7).detector
            pixels = hdus["ccd07"].data
            boxes = {amp.name: amp.raw_data_bbox for amp in detector}
            parts = {
                amp: pixels[box.y0 : box.y1 + 1, box.x0 : box.x1 + 1] for amp, box in boxes.items()
            }
            parts["A"][10:20, 5:25] += BRIGHT
            parts["B"][60:70, 30:50] += BRIGHT
            if name == "talking":
                signal = {amp: part.astype(float) - 1500 for amp, part in parts.items()}
                # B is read out from the other end
                for victim, source in ("AB", "BA"):
                    left = TRUE[victim] * signal[source][:, ::-1]
                    parts[victim][...] = np.rint(parts[victim] + left).astype(np.uint16)
            for hdu in hdus:
                for card in ("CHECKSUM", "DATASUM"):
                    hdu.header.remove(card, ignore_missing=True)
            plain = [fits.ImageHDU(hdu.data, hdu.header) for hdu in hdus[1:]]
            fits.HDUList([hdus[0], *plain]).writeto(folder / f"{name}o.fits")
    return {name: folder / f"{name}o.fits" for name in ("clean", "talking")}


def measure(*words):
    return main(["measure-crosstalk", *map(str, words)])


def test_what_is_measured_takes_crosstalk_away(raws, tmp_path, capsys):
    table, ratios = tmp_path / "crosstalk.ecsv", tmp_path / "ratios.fits"
    assert measure(raws["talking"], "--ccd", "7", "-o", table, "--ratios", ratios) == 0
    assert "ccd07 A from B: +" in capsys.readouterr().out
    rows = Table.read(table)
    assert rows["ccd"].tolist() == ["ccd07"] * 2
    assert min(rows["number"]) >= 200  # and perhaps a star
    for row in rows:
        # four standard deviations of the mean of 200 ratios, and the rounding of the raw
        bound = 4 * row["error"] / np.sqrt(200) + 0.5 / BRIGHT
        assert abs(row["coefficient"] - TRUE[row["target"]]) < bound
        assert bound < 0.15 * TRUE[row["target"]]
    dump = Table.read(ratios)
    assert len(dump) == sum(rows["number"])
    assert set(dump["target"]) == {"A", "B"}

    assert run([raws["clean"], raws["talking"]], tmp_path / "off") == 0
    assert run(raws["talking"], tmp_path / "on", "--crosstalk", table) == 0
    assert "crosstalk not applied: ccd00 is not in crosstalk.ecsv (1 CCDs)" in (
        capsys.readouterr().out
    )
    clean = read_exposure(tmp_path / "off" / "cleano-ccd07.fits")
    off = read_exposure(tmp_path / "off" / "talkingo-ccd07.fits")
    on = read_exposure(tmp_path / "on" / "talkingo-ccd07.fits")
    # where B is bright, in A; what was measured is off by less than its bound, what is left is
    # that, and the reading of whole numbers
    victims = (slice(60, 70), slice(14, 34))
    left = [np.median((each.image.array - clean.image.array)[victims]) for each in (off, on)]
    assert left[0] > 100
    assert abs(left[1]) < 0.15 * left[0]
    assert on.metadata["ISRXTALK"] is True
    facts = read_provenance(tmp_path / "on" / "talkingo-ccd07.fits")
    assert facts["CROSSTALK"].startswith("crosstalk.ecsv[ccd07] SHA256 ")
    other = tmp_path / "on" / "talkingo-ccd00.fits"
    assert read_exposure(other).metadata["ISRXTALK"] is False
    assert read_provenance(other)["CROSSTALK"].startswith("not applied")
    same = read_exposure(tmp_path / "off" / "talkingo-ccd00.fits")
    assert np.array_equal(read_exposure(other).image.array, same.image.array)
    # nothing is done twice, and all again with other coefficients
    assert run(raws["talking"], tmp_path / "on", "--crosstalk", table) == 0
    assert "0 done, 2 skipped" in capsys.readouterr().out
    rows["coefficient"][0] *= 2
    rows.write(table, overwrite=True)
    assert run(raws["talking"], tmp_path / "on", "--crosstalk", table) == 0
    assert "1 done, 1 skipped" in capsys.readouterr().out


def test_products_are_measured_too_and_the_file_is_the_same_again(raws, tmp_path, capsys):
    assert run(raws["talking"], tmp_path / "p", "--ccd", "7", "--format", "mosaic") == 0
    product = tmp_path / "p" / "talkingo.fits"
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        table = tmp_path / name / "c.ecsv"
        assert measure(product, "-o", table, "--ratios", table.with_suffix(".fits")) == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert Table.read(table)["coefficient"][0] == pytest.approx(TRUE["A"], rel=0.15)
    assert run(raws["talking"], tmp_path / "on", "--ccd", "7", "--crosstalk", table) == 0
    capsys.readouterr()
    corrected = tmp_path / "on" / "talkingo-ccd07.fits"
    assert measure(corrected, "-o", tmp_path / "again.ecsv") == 1
    assert "ISRXTALK" in capsys.readouterr().err
    assert not (tmp_path / "again.ecsv").exists()


HEAD = "# %ECSV 1.0\n# ---\n# datatype:\n" + "".join(
    f"# - {{name: {name}, datatype: {kind}}}\n"
    for name, kind in (
        ("ccd", "string"),
        ("target", "string"),
        ("source", "string"),
        ("coefficient", "float64"),
    )
)
ROWS = "ccd target source coefficient\n"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "is no ECSV table"),
        ("ccd,target\nccd07,A\n", "is no ECSV table"),
        (HEAD.replace("coefficient", "c") + ROWS.replace("coefficient", "c"), "no column coeff"),
        (HEAD + ROWS + "ccd07 A B 1e-3\n", "ccd07: no row for crosstalk of B from A"),
        (HEAD + ROWS + "ccd07 A C 1e-3\n", "A from C: wanted two of the amplifiers A, B"),
        (HEAD + ROWS + "ccd07 A B nan\nccd07 B A 0\n", "ccd07: crosstalk of A from B is nan"),
        (HEAD + ROWS + "ccd07 A B 0\nccd07 A B 0\n", "A from B is there twice"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(text, wanted, files, tmp_path, capsys):
    table = tmp_path / "bad.ecsv"
    table.write_text(text)
    assert run(files.raw, tmp_path / "out", "--ccd", "7", "--crosstalk", table) == 1
    err = capsys.readouterr().err
    assert wanted in err
    assert "bad.ecsv" in err


def test_contradictions_are_refused(files, tmp_path, capsys):
    table = tmp_path / "c.ecsv"
    table.write_text(HEAD + ROWS)
    words = ("--crosstalk", table, "-c", "doCrosstalk=False")
    assert run(files.raw, tmp_path / "out", *words) == 1
    assert "contradict" in capsys.readouterr().err
    words = ("--crosstalk", table, "-c", "crosstalk.useConfigCoefficients=True")
    assert run(files.raw, tmp_path / "out", *words) == 1
    assert "useConfigCoefficients" in capsys.readouterr().err
    assert run(files.raw, tmp_path / "out", "--crosstalk", tmp_path / "none.ecsv") == 1
    assert "--crosstalk" in capsys.readouterr().err
    assert measure(files.raw, "-o", files.raw) == 1
    assert "would overwrite an input" in capsys.readouterr().err


def test_a_pair_without_bright_pixels_is_written_as_nan(files, tmp_path, capsys):
    table = tmp_path / "c.ecsv"
    words = ("--threshold", "1e6", "--ccd", "7")
    assert measure(files.raw, *words, "-o", table) == 0
    assert np.isnan(Table.read(table)["coefficient"]).all()
    assert "(0 ratios)" in capsys.readouterr().out
    assert run(files.raw, tmp_path / "out", "--ccd", "7", "--crosstalk", table) == 1
    assert "leave the CCD out" in capsys.readouterr().err
