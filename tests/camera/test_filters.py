"""The filters of all eras."""

import csv
import gzip
import re

import pytest

from cfhtisr.camera.filters import FILTERS, FRINGE_FILTERS, lookup, lookup_id


def test_names_are_unique():
    for key in ("name", "short_name"):
        names = [getattr(row, key).lower() for row in FILTERS]
        assert len(set(names)) == len(names)
    ids = [row.id for row in FILTERS if row.id is not None]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("row", FILTERS)
def test_lookup(row):
    assert lookup(row.name) is lookup(f" {row.name.upper()} ") is lookup(row.short_name) is row
    assert row.id is None or lookup_id(row.id) is row


def test_what_is_no_filter():
    assert lookup("filter_name") is lookup("UNKNOWN") is lookup("") is lookup_id(-999) is None
    assert lookup("NONE").id == 0


def test_fringe_filters_of_both_eras():
    assert FRINGE_FILTERS == (
        "i.MP9701", "i.MP9702", "z.MP9801", "gri.MP9605", "i.MP9703", "z.MP9901",
    )  # fmt: skip
    assert {era for name in FRINGE_FILTERS for era in lookup(name).eras} == {36, 40}


def test_every_filter_of_the_real_headers_is_known(shared):
    known, seen = set(), 0
    for path in sorted((shared / "headers").glob("*.header.gz")):
        text = gzip.open(path, "rt", encoding="latin-1").read()
        name = re.search(r"^FILTER  = '([^']*)'", text, re.M)
        number = re.search(r"^FILTERID= +(-?\d+)", text, re.M)
        if name and number and int(number[1]) >= 0:
            seen += 1
            row = lookup(name[1])
            known.add(row.name)
            assert row.id == int(number[1])
    assert seen >= 20
    assert len(known) >= 8


def test_every_named_filter_of_the_masters_is_known(shared):
    with (shared / "detrend_db.csv").open() as lines:
        names = {row["filter"] for row in csv.DictReader(lines) if not row["filter"].isdigit()}
    assert all(lookup(name) for name in names)
