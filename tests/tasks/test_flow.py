"""From simulated files to a corrected CCD, compared with the truth."""

import numpy as np
import pytest

from cfhtisr import CfhtIsrTask, CfhtIsrTaskConfig, read_raw, simulate
from cfhtisr.images import Mask
from cfhtisr.io import read_defects
from cfhtisr.simulate.compare import Product, compare
from cfhtisr.simulate.truth import read_truth

CCD = 7


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("night")
    simulate.exposure(folder, ccds=[CCD], rows=600, columns=400, seed=3)
    return {path.name.partition("-")[0]: path for path in folder.iterdir()}


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
def test_truth_comes_out(files, parity):
    config = CfhtIsrTaskConfig()
    config.parity = parity
    config.fringe.large, config.fringe.num = 20, 5000
    task = CfhtIsrTask(config=config)
    raw = read_raw(files["raw"], CCD)
    frames = {
        name: task.assembleCcd.assembleCcd(read_raw(files[name], CCD, processed=True))
        for name in ("bias", "dark", "flat", "fringe")
    }
    frames["fringes"] = frames.pop("fringe")
    exposure = task.run(raw, defects=read_defects(files["defects"], CCD), **frames).exposure

    product = Product(
        exposure.image.array, exposure.mask.array, exposure.variance.array, Mask.planes()
    )
    found = compare(product, read_truth(files["truth"], CCD), CCD)
    assert found.residual < found.limit
    assert not any(found.missing.values())
    assert found.counts["UNMASKEDNAN"] == found.injected["UNMASKEDNAN"]
    assert np.isfinite(exposure.image.array).all()
    if parity == "none":  # the reference adds read noise in electrons to ADU
        assert found.chi2 == pytest.approx(1, abs=0.03)
        assert (exposure.variance.array > 0).all()
    assert exposure.metadata["OBJECT"] == raw.metadata["OBJECT"]
    assert "DATASEC" not in exposure.metadata
