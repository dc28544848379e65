"""Raw files read with headers that stand for astropy's, against those of `read_raw`."""

import logging

import pytest

from cfhtisr.images.lean_header import LeanHeader
from cfhtisr.io import defects as reader
from cfhtisr.io import open_raw, read_defects, write_exposure
from cfhtisr.io.lean_raw import LeanRawFile
from cfhtisr.simulate.settings import HEADER_VARIANTS
from small_sets import CCDS, small_set

FORMS = [{"header_variant": name} for name in HEADER_VARIANTS if name != "image-primary"]
FORMS += [{}, {"n_ccd": 36, "layout": "amplifiers", "filter": "r.MP9601"}, {"compress": None}]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_what_is_read_and_written_is_the_same(form, tmp_path, caplog):
    files = small_set(tmp_path, only=("raw", "bias"), **form)
    products = []
    for kind in (open_raw, LeanRawFile):
        caplog.clear()
        made = []
        with caplog.at_level(logging.INFO):
            for name in ("raw", "bias"):
                with kind(files.paths[name], processed=name == "bias") as file:
                    for ccd in CCDS:
                        exposure = file.read(ccd)
                        path = tmp_path / "product.fits"
                        write_exposure(exposure, path, overwrite=True, sync=False)
                        facts = (exposure.filter, repr(exposure.visit_info), exposure.detector)
                        made.append((path.read_bytes(), *map(str, facts), file.identity(ccd)))
                        made.append([str(amp) for amp in exposure.detector])
        products.append((made, [record.getMessage() for record in caplog.records]))
        if kind is LeanRawFile:
            assert isinstance(exposure.metadata, LeanHeader)
            assert exposure.metadata.entries is not None
    assert products[0] == products[1]


def test_tables_of_defects_are_those_that_astropy_reads(tmp_path, monkeypatch):
    path = small_set(tmp_path, only=("defects",)).paths["defects"]
    assert reader.plain_tables(path) is not None
    ours = [read_defects(path, ccd, shape=(96, 128)) for ccd in CCDS]
    monkeypatch.setattr(reader, "plain_tables", lambda path: None)
    assert [read_defects(path, ccd, shape=(96, 128)) for ccd in CCDS] == ours
