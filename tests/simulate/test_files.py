"""Whole sets of small CCDs: what is in the files, and that only the seed decides it."""

import gzip
import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from cfhtisr import simulate
from cfhtisr.images.geom import Box2I
from cfhtisr.images.mask import PLANES
from cfhtisr.simulate.settings import HEADER_VARIANTS, Settings
from cfhtisr.simulate.truth import read_truth

SMALL = {"rows": 96, "columns": 128, "ccds": (0, 3, 30)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return simulate.exposure(tmp_path_factory.mktemp("set"), **SMALL)


def contents(files):
    return {kind: path.read_bytes() for kind, path in files.paths.items() if path.exists()}


def test_astropy_reads_every_file(made):
    for kind, path in made.paths.items():
        with fits.open(path) as hdus:
            hdus.verify("exception")
            names = [hdu.name.lower() for hdu in hdus[1:]]
            assert [n for n in names if "mask" not in n] == ["ccd00", "ccd03", "ccd30"], kind
            for hdu in hdus[1:]:
                assert hdu.data is not None


def test_the_same_seed_gives_the_same_bytes_with_any_workers(made, tmp_path):
    again = simulate.exposure(tmp_path / "again", workers=2, **SMALL)
    assert contents(again) == contents(made)
    alone = simulate.exposure(tmp_path / "alone", **(SMALL | {"ccds": (30,)}))
    other = simulate.exposure(tmp_path / "other", seed=2, **SMALL)
    with fits.open(made.raw) as a, fits.open(alone.raw) as b, fits.open(other.raw) as c:
        np.testing.assert_array_equal(a["ccd30"].data, b["ccd30"].data)
        assert (a["ccd30"].data != c["ccd30"].data).any()


def test_nothing_half_written_is_left(tmp_path):
    def stop(done, n):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate.exposure(tmp_path, progress=stop, **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_sections_fit_the_frame(made):
    with fits.open(made.raw) as hdus:
        for hdu in hdus[1:]:
            header, (rows, columns) = hdu.header, hdu.shape
            frame = Box2I(0, 0, columns, rows)
            assert (rows, columns) == (96 + 32, 128 + 64)
            boxes = {key: Box2I.from_section(header[key]) for key in ("DSECA", "DSECB", "BSECA")}
            assert all(frame.contains(box) for box in boxes.values())
            assert Box2I.from_section(header["DATASEC"]) == boxes["DSECA"].union(boxes["DSECB"])
            assert Box2I.from_section(header["CCDSIZE"]).shape == (96, 128)
            assert header["BIASSEC"] == "[0:0,0:0]"
            across, _ = header["DETSEC"].strip("[]").split(",")
            first, last = map(int, across.split(":"))
            assert last - first == (127 if header["EXTVER"] == 30 else -127)
            assert Box2I.from_section(header["DETSIZE"]).contains(
                Box2I.from_section(header["DETSEC"])
            )


@pytest.mark.parametrize("ccd", [0, 3, 30])
def test_raw_less_its_signature_is_the_truth(made, ccd):
    """The forward model undone in plain NumPy."""
    name = f"ccd{ccd:02d}"
    planes = {}
    for kind in ("raw", "bias", "dark", "flat", "fringe"):
        with fits.open(made.paths[kind]) as hdus:
            planes[kind] = np.asarray(hdus[name].data, float)
            header = hdus[name].header
            if kind == "dark":
                dark_time = header["DARKTIME"]
            if kind == "raw":
                seconds, gains = header["DARKTIME"], (header["GAINA"], header["GAINB"])
                noises = (header["RDNOISEA"], header["RDNOISEB"])
    truth = read_truth(made.truth, ccd)
    data = {kind: plane[:96, 32:160] for kind, plane in planes.items()}
    raw = data["raw"].copy()
    raw[:, :64] -= np.median(planes["raw"][:96, :32], axis=1)[:, None]
    raw[:, 64:] -= np.median(planes["raw"][:96, 160:], axis=1)[:, None]
    counts = raw - data["bias"]
    gain = np.repeat(gains, 64)
    variance = (np.maximum(counts, 0) / gain + (np.repeat(noises, 64) / gain) ** 2) / data[
        "flat"
    ] ** 2
    result = (counts - data["dark"] * seconds / dark_time) / data["flat"]
    result -= truth.fringe_scale * data["fringe"]
    good = truth.mask == 0
    pull = (result - truth.image)[good] ** 2 / variance[good]
    assert good.mean() > 0.8
    assert pull.mean() == pytest.approx(1, abs=0.06)
    assert abs(np.median((result - truth.image)[good])) < 1.0
    nan = truth.mask >> PLANES["UNMASKEDNAN"] & 1 == 1
    assert nan.any()
    assert not np.isfinite(result[nan]).any()
    saturated = truth.mask >> PLANES["SAT"] & 1 == 1
    assert saturated.any()
    assert (data["raw"][saturated] >= 0.95 * min(truth.saturations)).all()
    assert truth.levels[0] == pytest.approx(np.median(planes["raw"][:96, :32]), abs=1)


def test_the_level_falls_with_the_light(tmp_path):
    bright = simulate.exposure(tmp_path, kind="f", only=["raw"], **SMALL)
    dark = simulate.exposure(tmp_path, kind="b", only=["raw"], **SMALL)
    with fits.open(bright.raw) as a, fits.open(dark.raw) as b:
        fall = np.median(a[1].data[:, :32]) - np.median(b[1].data[:, :32])
        assert -30 < fall < -8
        assert a[0].header["OBSTYPE"] == "FLAT"
        assert b[0].header["EXPTIME"] == 0
        assert "EXPREQ" not in b[0].header


@pytest.mark.parametrize("kind", ["o", "f", "b", "d", "x", "l"])
def test_kinds_of_raw_frames(kind, tmp_path):
    made = simulate.exposure(tmp_path, kind=kind, only=["raw"], **(SMALL | {"ccds": (5,)}))
    assert made.raw.name.endswith(f"{kind}.fits.fz")
    with fits.open(made.raw) as hdus:
        assert hdus[1].data.dtype == np.uint16
        assert hdus[1].data.std() > 1


def test_one_amplifier_per_hdu_holds_the_same_pixels(tmp_path):
    options = SMALL | {"n_ccd": 36, "only": ["raw"]}
    single = simulate.exposure(tmp_path / "a", layout="amplifiers", compress=None, **options)
    with fits.open(single.raw) as hdus:
        names = [hdu.header["EXTNAME"] for hdu in hdus[1:]]
        assert names == ["amp00", "amp01", "amp06", "amp07", "amp60", "amp61"]
        amplifiers = [hdu.header["AMPNAME"] for hdu in hdus[1:]]
        assert amplifiers == ["00b", "00a", "03b", "03a", "30a", "30b"]
        for hdu in hdus[1:]:
            data = Box2I.from_section(hdu.header["DATASEC"])
            overscan = Box2I.from_section(hdu.header["BIASSEC"])
            assert data.x1 + 1 == overscan.x0
            assert np.median(hdu.data[data.slices]) > np.median(hdu.data[overscan.slices]) + 200


@pytest.mark.parametrize("variant", [v for v in HEADER_VARIANTS if v])
def test_oddities_of_real_headers(variant, tmp_path):
    compress = None if variant in ("no-extname", "image-primary") else "RICE_1"
    made = simulate.exposure(
        tmp_path,
        header_variant=variant,
        compress=compress,
        only=["raw"],
        **(SMALL | {"ccds": (7,)}),
    )
    text = made.raw.read_bytes().decode("latin-1")
    names = text.count("EXTNAME =")
    assert names == {"no-extname": 0, "double-extname": 2}.get(variant, 1)
    assert ("COMPRESSED_IMAGE" in text) == (variant in ("double-extname", "compressed-image"))
    assert "QID     = 55700500000000068888" in text
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(made.raw) as hdus:
            hdu = hdus[0] if variant == "image-primary" else hdus[1]
            assert hdu.shape == (128, 192)
            assert hdu.header["CCDNAME"]
            if variant == "rdnoise-65535":
                assert hdu.header["RDNOISEA"] == 65535
                assert hdu.header["RDNOISE"] < 10
            if variant == "shifted-datasec":
                assert hdu.header["DATASEC"] == "[34:162,2:98]"


def test_frames_of_one_camera_differ_in_noise_alone(made, tmp_path):
    second = simulate.exposure(tmp_path, frame=7, **SMALL)
    assert second.raw.name == "raw-2600107o.fits.fz"
    assert second.truth.name == "truth-2600107.fits.fz"
    for kind in ("flat", "bias", "dark", "fringe", "defects"):
        assert second.paths[kind].name == made.paths[kind].name
        with fits.open(made.paths[kind]) as a, fits.open(second.paths[kind]) as b:
            np.testing.assert_array_equal(a[1].data, b[1].data)
    first, other = (read_truth(files.truth, 3).image for files in (made, second))
    np.testing.assert_array_equal(first, other)
    with fits.open(made.raw) as a, fits.open(second.raw) as b:
        assert b[0].header["OBSID"] - a[0].header["OBSID"] == 7
        assert b[0].header["UTC-OBS"] == "7:10:00.00"
        assert (a[1].data != b[1].data).mean() > 0.5


def test_a_gzipped_file(tmp_path):
    plain = simulate.exposure(tmp_path, compress=None, only=["raw"], **SMALL)
    packed = simulate.exposure(tmp_path, compress=None, gzip=True, only=["raw"], **SMALL)
    assert packed.raw.name.endswith(".fits.gz")
    assert gzip.decompress(packed.raw.read_bytes()) == plain.raw.read_bytes()


def test_realistic_gains_differ_from_the_headers(tmp_path):
    made = simulate.exposure(tmp_path, realistic=True, **SMALL)
    with fits.open(made.raw) as hdus:
        header = hdus["ccd00"].header
    truth = read_truth(made.truth, 0)
    assert truth.gains[0] != pytest.approx(header["GAINA"], abs=1e-4)
    assert truth.gains[0] == pytest.approx(header["GAINA"], rel=0.15)
    assert truth.read_noises[0] == 3.9
    assert header["RDNOISEA"] == 3


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"n_ccd": 38}, "n_ccd is 38"),
        ({"ccds": (40,)}, "numbers from 0 to 39"),
        ({"columns": 101}, "columns is 101"),
        ({"rows": 4}, "rows is 4"),
        ({"layout": "both"}, "layout is 'both'"),
        ({"compress": "PLIO_1"}, "compress is 'PLIO_1'"),
        ({"kind": "p"}, "kind is 'p'"),
        ({"gzip": True}, "gzip is True"),
        ({"only": ["row"]}, "'row'"),
        ({"workers": 0}, "workers is 0"),
        ({"header_variant": "none"}, "header_variant is 'none'"),
    ],
)
def test_refusals(options, text, tmp_path):
    with pytest.raises(ValueError, match=text):
        simulate.exposure(tmp_path, **(SMALL | options))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_seen_before_the_work(tmp_path, monkeypatch):
    import shutil
    from types import SimpleNamespace

    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(OSError, match="GB free"):
        simulate.exposure(tmp_path, **SMALL)


@pytest.mark.parametrize(
    ("n_ccd", "date", "run"),
    [
        (36, "2009-01-31", "08Bm06"),
        (36, "2009-02-01", "09Am01"),
        (40, "2016-08-05", "16Bm01"),
        (40, "2016-07-31", "16Am06"),
    ],
)
def test_a_night_is_in_all_headers(tmp_path, n_ccd, date, run):
    few = {"ccds": (3,), "rows": 32, "columns": 32, "n_ccd": n_ccd}
    made = simulate.exposure(tmp_path, **few, date=date, frame=2)
    with fits.open(made.raw) as raw, fits.open(made.flat) as flat:
        for header in (raw[1].header, flat[1].header):
            assert header["DATE-OBS"] == date
        assert Time(raw[1].header["MJD-OBS"], format="mjd").iso.startswith(f"{date} 06:20")
        assert raw[0].header["CRUNID"] == run


@pytest.mark.parametrize("date", ["2019-13-01", "20160101", "2014-12-31", "yesterday"])
def test_a_night_outside_of_the_era_is_refused(date):
    with pytest.raises(ValueError, match=f"date is '{date}', wanted"):
        Settings(n_ccd=40, date=date)
