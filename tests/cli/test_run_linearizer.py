"""``cfhtisr run --linearizer``."""

import numpy as np
import pytest

from cfhtisr import read_exposure
from cfhtisr.io.exposure_file import read_provenance
from small_sets import run, small_set

LINES = {
    "Squared": "coefficients = [2e-6]",
    "Polynomial": "coefficients = [2e-6, 1e-12]",
    "Spline": "knots = [0, 1e3, 2e3, 4e3, 7e4]\ncorrections = [0, -2, -8, -30, -9000]",
    "LookupTable": f"table = {[float(k % 7) for k in range(70000)]}\noffset = 0.5",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return small_set(tmp_path_factory.mktemp("set"), ccds=(0, 7), only=["raw"])


@pytest.fixture(scope="module")
def plain(files, tmp_path_factory):
    out = tmp_path_factory.mktemp("plain")
    assert run(files.raw, out) == 0
    return out


def written(path, kind, second=None):
    """Write a file in which A of ccd07 has a type, and B another or the same."""
    other = second or f'type = "{kind}"\n{LINES[kind]}'
    path.write_text(f'[ccd07.A]\ntype = "{kind}"\n{LINES[kind]}\n[ccd07.B]\n{other}\n')
    return path


def product(files, out, ccd):
    return read_exposure(out / f"{files.raw.name.partition('.')[0]}-ccd{ccd:02d}.fits")


def added(kind, x):
    """Return what is to be added to pixels."""
    if kind == "LookupTable":
        return np.floor(x + 0.5) % 7
    return 2e-6 * x**2 + (1e-12 * x**3 if kind == "Polynomial" else 0)


@pytest.mark.parametrize("kind", LINES)
def test_the_ccds_of_the_file_are_corrected(kind, files, plain, tmp_path, capsys):
    file = written(tmp_path / "linear.toml", kind)
    assert run(files.raw, tmp_path / "out", "--linearizer", file) == 0
    assert "linearizer not applied: ccd00 is not in linear.toml" in capsys.readouterr().out
    before, after = product(files, plain, 7), product(files, tmp_path / "out", 7)
    good = (before.mask.array | after.mask.array) == 0
    assert good.mean() > 0.9
    x = before.image.array[good].astype(np.float64)
    change = after.image.array[good] - x
    if kind == "Spline":
        assert (change[x > 0] > 0).all()  # the curve itself has an oracle of its own
    else:
        # a float32 of a sum is off by half a unit in its last place, that of the product likewise
        assert np.abs(change - added(kind, x)).max() <= 2.0**-22 * np.abs(x).max()
    assert after.metadata["ISRLIN"] is True
    name = f"{files.raw.name.partition('.')[0]}-ccd07.fits"
    facts = read_provenance(tmp_path / "out" / name)
    assert facts["LINEARIZER"].startswith(f"linear.toml[ccd07] {kind} SHA256 ")
    same = product(files, tmp_path / "out", 0)
    assert np.array_equal(same.image.array, product(files, plain, 0).image.array)
    assert same.metadata["ISRLIN"] is False
    assert run(files.raw, tmp_path / "out", "--linearizer", file) == 0
    assert "0 done, 2 skipped" in capsys.readouterr().out


B = "ccd07, amplifier B"


@pytest.mark.parametrize(
    ("second", "wanted"),
    [
        ("type = 3", f"{B}: type is 3, wanted one of Squared, Polynomial, Spline"),
        ('type = "Cubic"', f"{B}: type is 'Cubic'"),
        ('type = "Squared"', f"{B}: has nothing, wanted coefficients for Squared"),
        ('type = "Squared"\ncoefficients = [nan]', f"{B}: coefficients is [nan], wanted finite"),
        ('type = "Squared"\ncoefficients = [true]', f"{B}: coefficients is [True]"),
        ('type = "Squared"\ncoefficients = [1, 2]', f"{B}: 2 coefficients, wanted 1"),
        ('type = "Squared"\ncoefficients = []', f"{B}: coefficients is []"),
        (f'type = "Squared"\ncoefficients = [{"9" * 400}]', f"{B}: coefficients is [999"),
        ('type = "Polynomial"\ncoefficients = [1e-9]', "wanted Squared as of amplifier A"),
        ('type = "Spline"\nknots = [1, 1]\ncorrections = [0]', "2 knots, which do not grow, and 1"),
        ("= 3", "is no TOML file"),
        ('type = "Squared"\ncoefficients = [1]\n[ccd07.C]', "ccd07: has A, B, C, wanted amplif"),
    ],
)
def test_a_file_that_makes_no_sense_is_named(second, wanted, files, tmp_path, capsys):
    file = written(tmp_path / "bad.toml", "Squared", second)
    assert run(files.raw, tmp_path / "out", "--ccd", "7", "--linearizer", file) == 1
    err = capsys.readouterr().err
    assert wanted in err
    assert "bad.toml" in err


def test_tables_are_equally_long(files, tmp_path, capsys):
    file = written(
        tmp_path / "bad.toml", "LookupTable", 'type = "LookupTable"\ntable = [1, 2]\noffset = 0'
    )
    assert run(files.raw, tmp_path / "out", "--ccd", "7", "--linearizer", file) == 1
    assert f"{B}: table has 2 entries, wanted 70000 as that" in capsys.readouterr().err


def test_switched_off_by_hand_contradicts(files, tmp_path, capsys):
    file = written(tmp_path / "linear.toml", "Squared")
    words = ("--linearizer", file, "-c", "doLinearize=False")
    assert run(files.raw, tmp_path / "out", *words) == 1
    assert "contradict" in capsys.readouterr().err
