"""``cfhtisr undo``: a product comes back as what a run without the calibrations makes."""

import numpy as np
import pytest

from cfhtisr import Mask, read_exposure
from cfhtisr.cli.main import main
from cfhtisr.io.exposure_file import read_provenance
from cfhtisr.io.verify import verify
from small_sets import calibrations, contents, run, small_set

U = 2.0**-24
KINDS = ("bias", "dark", "flat", "fringe")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return small_set(tmp_path_factory.mktemp("set"), ccds=(0, 7))


@pytest.fixture(scope="module")
def made(files, tmp_path_factory):
    """Products with all frames, with the bias alone, and with none; and a mosaic."""
    folder = tmp_path_factory.mktemp("made")
    for name, kinds in (("all", KINDS), ("bias", ("bias",)), ("none", ())):
        assert run(files.raw, folder / name, *calibrations(files, kinds)) == 0
    words = (*calibrations(files, KINDS), "--format", "mosaic")
    assert run(files.raw, folder / "mosaic", *words) == 0
    return folder


def undo(products, out, *words):
    return main(["undo", *map(str, products), "-o", str(out), "--no-sync", *map(str, words)])


def frames(files, *kinds):
    return [word for kind in kinds for word in (f"--{kind}", files.paths[kind])]


def assert_restored(back, wanted, frames, noise=None):
    """Compare pixels that were never interpolated, to the bound that undo states.

    ``noise`` has the variance that is wanted, if ``wanted`` has not.
    """
    touched = Mask.bitmask(["INTRP", "BAD", "SAT", "UNMASKEDNAN"])
    good = (back.mask.array | wanted.mask.array) & touched == 0
    assert good.mean() > 0.8
    left, right = back.image.array[good].astype(float), wanted.image.array[good].astype(float)
    # each frame rounds twice, by u of a value that no flat of these (0.8 to 1.25) makes larger
    # than 1.25 |restored| and 100 ADU for what was subtracted
    assert (np.abs(left - right) <= 2 * frames * U * 1.25**2 * (np.abs(right) + 100)).all()
    # the variance is kept in float32 between the steps
    noise = wanted if noise is None else noise
    assert np.allclose(back.variance.array[good], noise.variance.array[good], rtol=1e-5)


@pytest.mark.parametrize(("kinds", "to"), [(("dark", "flat", "fringe"), "bias"), (KINDS, "none")])
def test_products_come_back(kinds, to, files, made, tmp_path, capsys):
    products = sorted((made / "all").glob("*.fits"))
    assert undo(products, tmp_path / "out", *frames(files, *kinds)) == 0
    out, err = capsys.readouterr()
    assert "2 products: 2 done, 0 failed" in out
    assert "[2/2]" in err
    for product in products:
        path = tmp_path / "out" / product.name
        assert verify(path) == []
        back, wanted = read_exposure(path), read_exposure(made / to / product.name)
        before = read_exposure(product)
        assert np.abs(before.image.array - wanted.image.array).max() > 10
        image, variance = back.image.array, back.variance.array
        # photon noise is that of the pixels without the bias, and stays
        assert_restored(back, wanted, len(kinds), read_exposure(made / "bias" / product.name))
        assert image.dtype == variance.dtype == np.float32
        assert [back.metadata[f"ISR{name}"] for name in ("DARK", "FLAT", "FRNG")] == [False] * 3
        assert back.metadata["ISRBIAS"] is (to == "bias")
        facts = read_provenance(path)
        assert facts["UNDONE"] == ", ".join(kinds)
        assert "JOB" not in facts
    again = tmp_path / "again"
    assert undo(products, again, *frames(files, *kinds)) == 0
    assert contents(again) == contents(tmp_path / "out")


def test_all_ccds_of_a_mosaic_come_back(files, made, tmp_path):
    mosaic = next((made / "mosaic").glob("*.fits"))
    assert undo([mosaic], tmp_path, *frames(files, *KINDS)) == 0
    assert verify(tmp_path / mosaic.name) == []
    for ccd in (0, 7):
        name = f"{mosaic.stem}-ccd{ccd:02d}.fits"
        wanted, noise = (read_exposure(made / kind / name) for kind in ("none", "bias"))
        assert_restored(read_exposure(tmp_path / mosaic.name, ccd=ccd), wanted, 4, noise)


def test_refusals(files, made, tmp_path, capsys, tmp_path_factory):
    product = sorted((made / "all").glob("*.fits"))[1]
    plain = made / "none" / product.name
    other = small_set(tmp_path_factory.mktemp("other"), ccds=(7,), seed=2, only=["flat", "fringe"])
    out = tmp_path / "out"
    fringe, flat = frames(files, "fringe"), frames(files, "flat")
    for given, words, wanted in (
        (product, [], "nothing is to be taken back"),
        (plain, flat, "ccd07: ISRFLAT says that there is no flat"),
        (product, flat, "the fringe was applied after the flat: --fringe is needed too"),
        (product, frames(files, "dark", "fringe"), "the flat was applied after the dark"),
        (product, [*fringe, "--flat", other.paths["flat"]], "ccd07: the flat is "),
        (product, ["--fringe", other.paths["fringe"]], "ccd07: the fringe is "),
        (product, ["--flat", tmp_path / "none.fits"], "there is no such file or folder for --flat"),
        (files.raw, flat, "wanted one of its products"),
    ):
        assert undo([given], out, *words) == 1
        assert wanted in capsys.readouterr().err
    assert not out.exists() or contents(out) == {}
    assert undo([product], made / "all", *fringe) == 1
    assert "would overwrite an input" in capsys.readouterr().err


def test_a_bias_of_the_reference_left_no_variance(files, tmp_path):
    words = ("--preset", "lsst-v17", "--ccd", "7")
    assert run(files.raw, tmp_path / "made", *calibrations(files, ["bias"]), *words) == 0
    product = next((tmp_path / "made").glob("*.fits"))
    assert undo([product], tmp_path / "out", *frames(files, "bias")) == 0
    back, before = read_exposure(tmp_path / "out" / product.name), read_exposure(product)
    assert np.array_equal(back.variance.array, before.variance.array, equal_nan=True)
