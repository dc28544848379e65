"""Each trap of the real headers, made small."""

import logging

import hypothesis.strategies as st
import pytest
from astropy.io.fits import Header
from hypothesis import given

from cfhtisr.camera import facts, megacam, section_cards
from cfhtisr.camera.record import Repair, record, value_of
from cfhtisr.camera.repair import repair_header, value_repairs


def good(ccd=7, **changes):
    """Return the header of a raw frame that needs no repair, with changes; None removes."""
    detector = megacam()[ccd]
    cards = {"NAXIS1": 2112, "NAXIS2": 4644, "EXTNAME": detector.name, "EXTVER": ccd}
    cards |= section_cards(detector)
    cards |= {"GAIN": 1.57, "GAINA": 1.53, "GAINB": 1.61}
    cards |= {"RDNOISE": 5, "RDNOISEA": 4, "RDNOISEB": 6, "SATURATE": 65535, "MAXLIN": 65535}
    cards |= {"FILTER": "r.MP9602", "FILTERID": 1300, "EXPTIME": 30.102, "EXPREQ": 30.0}
    cards |= {"DARKTIME": 30.0, "MJD-OBS": 58821.601606, "DATE-OBS": "2019-12-04"}
    cards |= {"UTC-OBS": "14:26:18.76", "AMPLIST": "A B", "DETTEM": -133.2}
    cards |= changes
    return Header([(key, value) for key, value in cards.items() if value is not None])


def repaired(header, ccd=7, **options):
    """Return the repairs as a dictionary and check that each is in the header."""
    repairs = repair_header(header, ccd, **options)
    history = "".join(header.get("HISTORY", []))
    for repair in repairs:
        assert value_of(header, repair.card) == repair.new
        assert f"cfhtisr repair: {repair.card} " in history
    again = Header.fromstring(header.tostring())
    assert repair_header(again, ccd, **options) == [], "a repaired header needs no repair"
    return {repair.card: (repair.old, repair.new) for repair in repairs}


def test_a_good_header_is_left_alone():
    header = good()
    before = header.tostring()
    assert repair_header(header, "ccd07") == []
    assert header.tostring() == before


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"RDNOISEA": 65535}, {"RDNOISEA": (65535, 5.0)}),
        (
            {"RDNOISEA": 65535, "RDNOISEB": 65535, "RDNOISE": 65535},
            {"RDNOISEA": (65535, 4.4), "RDNOISEB": (65535, 6.8), "RDNOISE": (65535, 5.6)},
        ),
        ({"RDNOISEA": 60000}, {}),
        ({"RDNOISEB": -1.0}, {"RDNOISEB": (-1.0, 5.0)}),
        ({"RDNOISEB": "much"}, {"RDNOISEB": ("much", 5.0)}),
        ({"GAINA": None}, {"GAINA": (None, 1.57)}),
        ({"GAIN": None}, {"GAIN": (None, 1.57)}),
        (
            {"GAIN": None, "GAINA": None, "GAINB": 0.0},
            {"GAINA": (None, 1.53), "GAINB": (0.0, 1.61), "GAIN": (None, 1.57)},
        ),
        ({"GAINA": 0.0}, {"GAINA": (0.0, 1.57)}),
        ({"SATURATE": 0}, {"SATURATE": (0, 65535)}),
        ({"SATURATE": 84121}, {"SATURATE": (84121, 65535)}),
        ({"SATURATE": None}, {"SATURATE": (None, 65535)}),
        ({"SATURATE": 60500}, {}),
        ({"DARKTIME": None}, {"DARKTIME": (None, 30.0)}),
        ({"EXPTIME": -1.0}, {"EXPTIME": (-1.0, 30.0)}),
        ({"DARKTIME": 100.0, "EXPTIME": 1.039}, {}),
        ({"FILTER": "filter_name", "FILTERID": -999}, {"FILTER": ("filter_name", "UNKNOWN")}),
        ({"FILTER": "filter_name"}, {"FILTER": ("filter_name", "r.MP9602")}),
        ({"FILTER": None}, {"FILTER": (None, "r.MP9602")}),
        ({"FILTER": "NONE", "FILTERID": 0}, {}),
        ({"QID": 55700500000000068888}, {"QID": (55700500000000068888, "55700500000000068888")}),
        ({"QOBITER": 1}, {}),
        (
            {"DATE": "2002-12-12T8:55:18.29"},
            {"DATE": ("2002-12-12T8:55:18.29", "2002-12-12T08:55:18.29")},
        ),
        ({"DATE": "2002-12-12T08:55:18", "SHUTOPEN": 0.0}, {}),
        ({"DETTEM": -1e5}, {"DETTEM": (-1e5, None)}),
        ({"AMPLIST": "A"}, {"AMPLIST": ("A", "A B")}),
        ({"EXTNAME": None}, {"EXTNAME": (None, "ccd07")}),
        ({"EXTNAME": "COMPRESSED_IMAGE"}, {"EXTNAME": ("COMPRESSED_IMAGE", "ccd07")}),
        ({"MJD-OBS": None, "MJDATE": 58821.6016}, {"MJD-OBS": (None, 58821.6016)}),
        ({"MJD-OBS": None}, {"MJD-OBS": (None, 58821.6016060)}),
        ({"DATE-OBS": None}, {"DATE-OBS": (None, "2019-12-04")}),
        (
            {"DATASEC": "[34:2082,2:4614]"},
            {"DATASEC": ("[34:2082,2:4614]", "[33:2080,1:4612]")},
        ),
        (
            {"CCDSIZE": "[1:2048,1:4613]"},
            {"CCDSIZE": ("[1:2048,1:4613]", "[1:2048,1:4612]")},
        ),
        ({"BSECB": None}, {"BSECB": (None, "[2081:2112,1:4644]")}),
    ],
)
def test_every_trap(changes, wanted):
    assert repaired(good(**changes)) == wanted


def test_a_start_that_is_nowhere_is_when_the_file_was_made():
    header = good(**{"MJD-OBS": None, "DATE-OBS": None, "UTC-OBS": None})
    header["DATE"] = "2002-12-08T04:55:42"  # as in 675258o
    assert repaired(header) == {
        "MJD-OBS": (None, 52616.2053472),
        "DATE-OBS": (None, "2002-12-08"),
    }
    assert "start unknown" in "".join(header["HISTORY"])
    header = good(**{"MJD-OBS": None, "DATE-OBS": "soon"})
    assert repaired(header) == {}


def test_a_doubled_name_becomes_one():
    header = good(EXTNAME="COMPRESSED_IMAGE")
    header.append(("EXTNAME", "ccd07", "CCD number in the mosaic"))
    assert repaired(header) == {"EXTNAME": ("COMPRESSED_IMAGE and ccd07", "ccd07")}
    assert header.count("EXTNAME") == 1


def test_processed_frames_keep_their_scaled_values():
    header = good(GAINA=0.0, RDNOISEA=65535, SATURATE=84121, FILTER=None, EXTNAME=None)
    assert repaired(header, processed=True) == {"EXTNAME": (None, "ccd07")}


def test_order_and_comments_stay():
    header = good()
    header["SATURATE"] = (0, "Saturation value (ADU)")
    keywords = list(header)
    repair_header(header, 7)
    assert [key for key in header if key != "HISTORY"] == keywords
    assert header.comments["SATURATE"] == "Saturation value (ADU)"


def test_what_matters_is_a_warning(caplog):
    caplog.set_level(logging.INFO)
    repair_header(good(RDNOISEA=65535, AMPLIST="A"), 7, source="raw.fits")
    levels = {record.getMessage().split()[2]: record.levelname for record in caplog.records}
    assert levels == {"RDNOISEA": "WARNING", "AMPLIST": "INFO"}
    assert caplog.records[-1].getMessage().startswith("raw.fits ccd07: ")
    caplog.clear()
    record(good(), [Repair("GAINA", 1, 2, "x")], quiet=True)
    assert [record.levelname for record in caplog.records] == ["INFO"]


cards = st.sampled_from(
    ["GAINA", "RDNOISEB", "SATURATE", "EXPTIME", "FILTER", "FILTERID", "MJD-OBS", "DATE-OBS",
     "DATE", "DETTEM", "AMPLIST", "EXTNAME", "DSECA", "BSECB", "CSECA", "DATASEC", "QID"]
)  # fmt: skip
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
)


@given(st.dictionaries(cards, values, max_size=6), st.integers(0, 39))
def test_no_header_stops_the_repair(changes, ccd):
    header = good(ccd, **changes)
    repair_header(header, ccd)
    assert value_repairs(header, ccd) == []
    assert 0 < header["GAINA"] <= 100
    assert 0 <= header["RDNOISEB"] <= 60000
    assert header["EXTNAME"] == facts(ccd).name


def test_an_unreadable_card_counts_as_missing():
    broken = Header.fromstring("GAINA   = 1.5.3".ljust(80) + good(GAINA=None).tostring())
    repair_header(broken, 7)
    assert broken["GAINA"] == 1.57
