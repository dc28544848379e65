"""``cfhtisr run`` with several fringe frames, and its products taken back."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cfhtisr import read_exposure
from cfhtisr.batch import CalibrationPaths
from cfhtisr.batch.calibrations import Calibrations
from cfhtisr.io import open_raw
from cfhtisr.io.exposure_file import read_provenance
from cfhtisr.tasks.fringe import FringeConfig, FringeTask
from small_sets import SMALL_FRINGES, run, small_set


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return small_set(tmp_path_factory.mktemp("set"), ccds=(7,))


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return small_set(tmp_path_factory.mktemp("other"), ccds=(7,), seed=2, only=["fringe"])


def product(files, out):
    return next(out.glob("*-ccd07.fits"))


def test_several_frames_are_fitted_together(files, other, tmp_path):
    one, both = tmp_path / "one", tmp_path / "both"
    first, second = files.paths["fringe"], other.paths["fringe"]
    assert run(files.raw, one, "--fringe", first, *SMALL_FRINGES) == 0
    assert run(files.raw, both, "--fringe", first, "--fringe", second, *SMALL_FRINGES) == 0
    header = read_exposure(product(files, one)).metadata
    assert header["ISR_FRINGE_N"] == 1
    header = read_exposure(product(files, both)).metadata
    assert header["ISR_FRINGE_N"] == 2
    assert header["ISR_FRINGE_TEMPLATE1"] != header["ISR_FRINGE_TEMPLATE2"]
    for number in (1, 2):
        assert np.isfinite(header[f"ISR_FRINGE_SCALE{number}"])
        assert header[f"ISR_FRINGE_SIGMA{number}"] > 0
    told = read_provenance(product(files, both))["FRINGES"]
    assert told.count("[ccd07] DATASUM ") == 2
    assert read_provenance(product(files, one))["FRINGES"] == told.split("; ")[0]


def test_a_product_is_taken_back_by_what_its_header_tells(files, other, tmp_path):
    paths = (files.paths["fringe"], other.paths["fringe"])
    words = [word for path in paths for word in ("--fringe", path)]
    with_fringes, without = tmp_path / "with", tmp_path / "without"
    assert run(files.raw, with_fringes, *words, *SMALL_FRINGES) == 0
    assert run(files.raw, without) == 0
    done, wanted = (read_exposure(product(files, out)) for out in (with_fringes, without))
    assert np.abs(done.image.array - wanted.image.array).max() > 0.1
    calibrations = Calibrations(CalibrationPaths(fringe=paths))
    with open_raw(files.raw) as raw:
        frames = [frame for frame, _ in calibrations.frames("fringe", raw.read(7), 40)]
    calibrations.close()
    FringeTask(config=FringeConfig()).undo(done, frames)
    largest = float(np.abs(wanted.image.array).max()) + 100
    assert_allclose(done.image.array, wanted.image.array, rtol=0, atol=4 * 2.0**-24 * largest)
    assert_allclose(done.variance.array, wanted.variance.array, rtol=1e-5)


def test_a_fringe_frame_that_is_not_there_is_named(files, tmp_path, capsys):
    words = ("--fringe", files.paths["fringe"], "--fringe", tmp_path / "none.fits")
    assert run(files.raw, tmp_path / "out", *words) != 0
    assert "--fringe" in (text := capsys.readouterr().err)
    assert "none.fits" in text
