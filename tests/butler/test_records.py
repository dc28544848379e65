import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfhtisr.errors import FileFormatError
from raw_files import primary_cards, real_headers, write_amplifiers, write_raw, write_real

pytest.importorskip("lsst.daf.butler", reason="needs the extra [butler]")
records = pytest.importorskip("cfhtisr.butler.records")

# File, CCDs, filter, start and end [UTC], kind, right ascension [degree] or None.
REAL = [
    ("675258o", 40, "NONE", "2002-12-08T04:55:42", "2002-12-08T04:55:57", "science", None),
    ("676000o", 36, "NONE", "2002-12-12T08:55:18", "2002-12-12T08:55:33", "science", 0.858),
    ("688231o", 36, "r.MP9601", "2003-02-08T05:23:35", "2003-02-08T05:23:50", "science", 60.262),
    ("718955l", 36, "z.MP9801", "2003-09-24T02:43:19", "2003-09-24T02:43:20", "led", None),
    ("979412b", 36, "z.MP9801", "2008-03-30T00:16:50", "2008-03-30T00:17:34", "bias", None),
    ("979412o", 36, "r.MP9601", "2008-03-30T06:15:39", "2008-03-30T06:24:17", "science", 132.43),
    ("1000003f", 36, "z.MP9801", "2008-06-09T22:48:45", "2008-06-09T22:49:51", "flat", 85.309),
    ("1013337x", 36, "r.MP9601", "2008-07-31T05:32:03", "2008-07-31T05:32:54", "focus", None),
    ("1257365o", 36, "i.MP9702", "2010-11-03T04:37:54", "2010-11-03T04:39:02", "science", 280.573),
    ("1265044o", 36, "z.MP9801", "2010-12-09T15:33:09", "2010-12-09T15:34:09", "science", 186.118),
    ("1927963f", 40, "gri.MP9605", "2016-05-11T15:18:34", "2016-05-11T15:18:40", "flat", 326.238),
    ("1927963o", 40, "gri.MP9605", "2016-05-12T06:59:42", "2016-05-12T07:00:47", "science", 204.15),
    ("2463796o", 40, "r.MP9602", "2019-12-04T14:26:18", "2019-12-04T14:26:52", "science", 170.431),
    ("2463854b", 40, "CaHK.MP9303", "2019-12-04T16:25:13", "2019-12-04T16:25:15", "bias", None),
    ("2463857d", 40, "CaHK.MP9303", "2019-12-04T16:39:33", "2019-12-04T16:56:15", "dark", None),
]  # fmt: skip


@pytest.mark.parametrize("case", REAL, ids=lambda case: case[0])
def test_every_real_raw_header(shared, tmp_path, case):
    name, n_ccd, filter, begin, end, kind, right_ascension = case
    path = tmp_path / f"{name}.fits"
    write_real(path, real_headers(shared / "headers" / f"{name}.fits.header.gz"), {})
    found = records.describe(path)
    assert (found.exposure, found.n_ccd) == (int(name[:-1]), n_ccd)
    assert found.ccds == tuple(range(n_ccd))
    assert found.physical_filter == filter
    assert [element for element, _ in found.records] == ["group", "day_obs", "exposure"]
    exposure = found.records[-1][1]
    span = exposure["timespan"]
    assert (span.begin.utc.isot[:19], span.end.utc.isot[:19]) == (begin, end)
    assert exposure["day_obs"] == int(begin[:10].replace("-", ""))
    assert exposure["observation_type"] == kind
    if right_ascension is None:
        assert exposure["tracking_ra"] is None
    else:
        assert exposure["tracking_ra"] == pytest.approx(right_ascension, abs=0.02)
    assert not exposure["has_simulated"]


@pytest.mark.parametrize("name", ["979412p", "1927963p", "19Bm03.bias.0.40.00"])
def test_processed_files_are_refused_with_the_reason(shared, tmp_path, name):
    path = tmp_path / f"{name}.fits"
    write_real(path, real_headers(shared / "headers" / f"{name}.fits.header.gz"), {})
    with pytest.raises(FileFormatError, match=r"processed this already \((card|FILENAME|state)"):
        records.describe(path)


def small(path, **changes):
    """Write a small raw and return its exposure record."""
    write_raw(path, ccds=(0, 36), rows=12, columns=10, primary=changes, changes=changes)
    return records.describe(path)


def test_an_exposure_beyond_midnight_ends_the_day_after(tmp_path):
    times = {"UTC-OBS": "23:59:30.00", "UTCEND": "0:00:35.00"}
    span = small(tmp_path / "a.fits", **times).records[-1][1]["timespan"]
    assert span.end.utc.isot[:19] == "2016-05-13T00:00:35"
    assert (span.end - span.begin).sec == pytest.approx(65.0)


def test_a_filter_that_is_none_is_unknown(tmp_path):
    found = small(tmp_path / "a.fits", FILTER="filter_name", FILTERID=-999)
    assert found.physical_filter == "UNKNOWN"


def test_all_ccds_of_the_later_era(tmp_path):
    assert small(tmp_path / "a.fits").ccds == (0, 36)


def test_one_amplifier_per_hdu_and_gzip(tmp_path):
    plain = tmp_path / "a.fits"
    write_amplifiers(plain)
    packed = tmp_path / "a.fits.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes(), 1))
    for path in (plain, packed):
        assert records.describe(path).ccds == tuple(range(36))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"OBSID": None, "EXPNUM": None, "FILENAME": None}, "no number of the exposure"),
        ({"DATE-OBS": None, "UTC-OBS": None, "MJD-OBS": None}, "do not say when"),
    ],
)
def test_what_a_registry_cannot_do_without(tmp_path, changes, told):
    with pytest.raises(FileFormatError, match=told):
        small(tmp_path / "a.fits", **changes)


odd = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.booleans(),
)
cards = st.sampled_from(
    ["DATE-OBS", "UTC-OBS", "UTCEND", "EXPTIME", "DARKTIME", "MJD-OBS", "RA_DEG", "DEC_DEG",
     "RADECSYS", "TELALT", "TELAZ", "RUNID", "OBJECT", "FILTER", "OBSTYPE", "OBSID"]
)  # fmt: skip


@settings(max_examples=30)
@given(st.dictionaries(cards, odd, max_size=5))
def test_odd_cards_are_repaired_or_refused(tmp_path_factory, changes):
    path = tmp_path_factory.mktemp("odd") / "a.fits"
    try:
        found = small(path, **changes)
    except FileFormatError:
        return
    span = found.records[-1][1]["timespan"]
    assert span.begin <= span.end
    assert found.exposure > 0
    assert primary_cards()["DETECTOR"] == "MegaCam"
