import pickle
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from cfhtisr import Box2I
from cfhtisr import butler as ours
from cfhtisr.butler import NoResults, RepositoryError
from cfhtisr.butler.keys import KEYS
from cfhtisr.errors import FileFormatError
from cfhtisr.io import read_master, read_provenance, read_raw
from cfhtisr.isr.conversion import to_float
from cfhtisr.pipe import PropertyList, PropertySet
from cfhtisr.tasks.run_isr import RunIsrConfig
from small_nights import CCDS, FILTERS, certify, night

daf = pytest.importorskip("lsst.daf.butler", reason="needs the extra [butler]")


@pytest.fixture(scope="module")
def visits(nights):
    return {n_ccd: files.settings.obsid for n_ccd, files in nights.items()}


@pytest.fixture(scope="module")
def reading(two_eras):
    return ours.Butler(two_eras)


@pytest.fixture
def writing(filled):
    return ours.open_butler(filled, rerun="me")


def product(raw, **facts):
    """Return what might have been made of a raw."""
    made = raw.with_pixels(to_float(raw.masked_image))
    made.provenance = {"JOB": "first", **facts}
    return made


def test_references_have_whole_data_ids(reading, visits):
    refs = list(reading.subset("raw"))
    assert [(ref.dataId["visit"], ref.dataId["ccd"]) for ref in refs] == [
        (visits[n_ccd], ccd) for n_ccd in (36, 40) for ccd in CCDS[n_ccd]
    ]
    first = refs[0].dataId
    assert first.keys() == KEYS.keys() - {"extension", "state"}
    assert {type(value) for key, value in first.items()} == {str, int, float}
    assert first["filter"] == "i2"
    assert first["date"] == first["taiObs"][:10] == "2008-03-30"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"ccd": 7}, [(36, 7), (40, 7)]),
        ({"ccd": "ccd07", "filter": "i3"}, [(40, 7)]),
        ({"filter": "i.MP9702", "ccd": 0}, [(36, 0)]),
        ({"detector": 35}, [(36, 35)]),
        ({"extension": 37}, [(40, 36)]),
        ({"date": "2008-03-30", "ccd": 0}, [(36, 0)]),
        ({"day_obs": 20080330, "ccd": 0}, [(36, 0)]),
        ({"object": "Simulated field", "ccd": 39}, [(40, 39)]),
        ({"state": "o", "ccd": 39}, [(40, 39)]),
        ({"object": "it's not there; --"}, []),
        ({"filter": "z"}, []),
        ({"date": "yesterday"}, []),
        ({"visit": 1}, []),
    ],
)
def test_a_partial_data_id_leaves_what_fits(reading, visits, asked, expected):
    found = [(ref.dataId["visit"], ref.dataId["ccd"]) for ref in reading.subset("raw", **asked)]
    assert found == [(visits[n_ccd], ccd) for n_ccd, ccd in expected]


def test_every_key_of_a_reference_finds_it_again(reading):
    for ref in reading.subset("raw"):
        for key, value in ref.dataId.items():
            found = list(reading.subset("raw", **{key: value}))
            assert ref.dataId in [other.dataId for other in found]
        (same,) = reading.subset("raw", **ref.dataId)
        assert same.dataId == ref.dataId


def test_levels(reading, visits):
    visit, *_ = reading.subset("raw", level="visit")
    assert visit.dataId["visit"] == visits[36]
    assert "ccd" not in visit.dataId
    assert [ref.dataId["ccd"] for ref in visit.subItems()] == list(CCDS[36])
    assert visit.subLevels() == ["ccd"]
    ccd = reading.dataRef("raw", visit=visits[36], ccd=7)
    assert (ccd.subLevels(), list(ccd.subItems())) == ([], [])
    with pytest.raises(ValueError, match="level is 'amp'"):
        reading.subset("raw", level="amp")
    with pytest.raises(RuntimeError, match="2 data references fit"):
        reading.dataRef("raw", ccd=7)


@pytest.mark.parametrize("n_ccd", [36, 40])
def test_frames_are_those_of_the_readers_with_their_identity(reading, nights, visits, n_ccd):
    files = nights[n_ccd]
    for ref in reading.subset("raw", visit=visits[n_ccd]):
        ccd = ref.dataId["ccd"]
        raw = read_raw(files.raw, ccd)
        assert ref.get().identity == raw.identity
        np.testing.assert_array_equal(ref.get("raw").image.array, raw.image.array)
        for kind in ("bias", "dark", "flat", "fringe"):
            frame, plain = ref.get(kind), read_master(files.paths[kind], ccd)
            assert frame.identity == plain.identity != ""
            np.testing.assert_array_equal(frame.image.array, plain.image.array)
        assert ref.get("defects").identity.startswith(f"{files.defects.name}[ccd{ccd:02d}]")


def test_a_calibration_of_another_filter_is_never_taken_for_it(filled, nights, visits):
    butler = ours.Butler(filled)
    ref = butler.dataRef("raw", visit=visits[36], ccd=7)
    with pytest.raises(NoResults, match=r"no flat of filter r .* there are some of filter i2"):
        ref.get("flat", filter="r")
    assert not ref.datasetExists("flat", filter="r")
    assert ref.get("flat", filter="i.MP9702").filter == FILTERS[36]
    assert ref.get("bias", filter="r").identity == ref.get("bias").identity


def test_what_is_missing_is_told_with_type_data_id_and_place(reading, visits):
    ref = reading.dataRef("raw", visit=visits[40], ccd=36)
    with pytest.raises(NoResults) as told:
        ref.get("linearizer")
    for part in ("linearizer", str(visits[40]), "ccd36", "MegaPrime/calib", "2019-12-04"):
        assert part in str(told.value)
    with pytest.raises(NoResults, match="searched MegaPrime/defaults of"):
        ref.get("postISRCCD")
    with pytest.raises(NoResults, match="there is no exposure 5"):
        reading.get("raw", visit=5, ccd=3)
    with pytest.raises(NoResults, match="2 raws fit, wanted one"):
        reading.get("bias", ccd=7)
    with pytest.raises(NoResults, match=r"has filter='i3'"):
        reading.get("raw", visit=visits[40], ccd=36, filter="z")
    with pytest.raises(NoResults, match="there is no type of datasets 'nonsense'"):
        reading.get("nonsense")
    with pytest.raises(NoResults, match="a key 'amp'"):
        reading.get("raw", amp=3)
    with pytest.raises(NoResults, match="ccd='ccd77'"):
        reading.get("raw", ccd="ccd77")
    assert issubclass(NoResults, LookupError)


def test_the_calibration_is_that_of_the_time_when_the_exposure_began(
    repository, nights, visits, tmp_path
):
    other = night(tmp_path, 40, seed=9, only=["bias"])
    ours.ingest(repository, [nights[40].raw])
    # The exposure is of 6:00:00, and takes a minute.
    certify(repository, nights[40], ["bias"], end="2019-12-04T06:00:30")
    certify(repository, other, ["bias"], begin="2019-12-04T06:00:30", label="later")
    ref = ours.Butler(repository).dataRef("raw", visit=visits[40], ccd=7)
    assert ref.get("bias").identity == read_master(nights[40].bias, 7).identity


def test_no_calibration_beyond_its_range(repository, nights, visits):
    ours.ingest(repository, [nights[40].raw])
    certify(repository, nights[40], ["bias"], "2019-12-05T00:00:00", "2020-01-01T00:00:00")
    ref = ours.Butler(repository).dataRef("raw", visit=visits[40], ccd=7)
    with pytest.raises(NoResults, match="valid from 2019-12-05T00:00:00 to 2020-01-01T00:00:00"):
        ref.get("bias")


def test_derived_types(reading, nights, visits):
    ref = reading.dataRef("raw", visit=visits[40], ccd=36)
    raw = read_raw(nights[40].raw, 36)
    assert ref.get("raw_filename") == [str(nights[40].raw)]
    assert ref.get("raw_md").tostring() == raw.metadata.tostring()
    box = Box2I(3, 4, 5, 6)
    np.testing.assert_array_equal(
        ref.get("raw_sub", bbox=box).image.array, raw.image.array[4:10, 3:8]
    )
    assert ref.get("raw_sub", bbox=box, imageOrigin="LOCAL").bbox == box
    assert ref.get("raw_bbox") == raw.bbox
    assert ref.get("raw_filter") == raw.filter
    assert ref.get("raw_visitInfo") == raw.visit_info
    assert ref.get("raw_detector").name == "ccd36"
    np.testing.assert_allclose(ref.get("raw_wcs").wcs.crval, raw.wcs.wcs.crval)
    assert ref.get("bias_md")["OBSTYPE"] == "BIAS"
    with pytest.raises(NoResults, match="needs bbox"):
        ref.get("raw_sub")
    with pytest.raises(NoResults):
        ref.get("ossThumb_filename")


def test_types_that_are_no_files(reading, visits):
    numbers = [ref.get("ccdExposureId") for ref in reading.subset("raw")]
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) < 2**32
    ref = reading.dataRef("raw", visit=visits[36], ccd=7)
    assert ref.get("ccdExposureId") == visits[36] * 36 + 7
    assert ref.get("ccdExposureId_bits") == 32
    assert ref.get("expIdInfo").expId == ref.get("ccdExposureId")
    assert len(ref.get("camera")) == 40
    assert ref.datasetExists("camera")
    with pytest.raises(NoResults, match="needs ccd"):
        reading.get("ccdExposureId", visit=visits[36])


def test_a_deferred_dataset_fails_late_and_is_read_once(reading, visits):
    ref = reading.dataRef("raw", visit=visits[36], ccd=7)
    later = ref.get("raw", immediate=False)
    assert later.filter == FILTERS[36]
    assert later.get() is later.get()
    missing = ref.get("linearizer", immediate=False)
    with pytest.raises(NoResults):
        missing.get()


def test_keys_and_metadata(reading, visits):
    assert reading.getKeys("raw") == KEYS
    assert reading.getKeys("raw", "visit").keys() == KEYS.keys() - {"ccd", "extension"}
    assert reading.getKeys("packages") == {}
    assert reading.queryMetadata("raw", "visit") == [visits[36], visits[40]]
    assert reading.queryMetadata("raw", ["ccd", "extension"], visit=visits[36]) == [
        (ccd, ccd + 1) for ccd in CCDS[36]
    ]
    with pytest.raises(NoResults, match="there is no key 'amp'"):
        reading.queryMetadata("raw", "amp")
    with pytest.raises(NoResults):
        reading.getKeys("nonsense")


def test_put_then_get_of_every_kind(writing, visits):
    ref = writing.dataRef("raw", visit=visits[40], ccd=36)
    made = product(ref.get())
    ref.put(made, "postISRCCD")
    back = ref.get("postISRCCD")
    np.testing.assert_array_equal(back.image.array, made.image.array)
    assert back.provenance["JOB"] == "first"
    notes = PropertySet()
    notes.set("runIsr", PropertyList())
    notes.add("runIsr:isr", PropertyList())
    notes.getScalar("runIsr").add("runStartCpuTime", 0.25)
    ref.put(notes, "runIsr_metadata")
    assert ref.get("runIsr_metadata") == notes
    thumb = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    ref.put(thumb, "ossThumb")
    np.testing.assert_array_equal(ref.get("ossThumb"), thumb)
    config = RunIsrConfig()
    config.isr.doDark = True
    writing.put(config, "runIsr_config")
    assert writing.get("runIsr_config").compare(config)
    packages = pytest.importorskip("lsst.utils.packages").Packages({"python": "3.11"})
    writing.put(packages, "packages")
    assert writing.get("packages") == packages
    assert ref.datasetExists("postISRCCD", write=True)
    assert not ref.datasetExists("raw", write=True)
    assert not ref.datasetExists("icExp", write=True)


def test_a_second_put_replaces_and_keeps_backups_in_order(writing, visits):
    ref = writing.dataRef("raw", visit=visits[40], ccd=36)
    raw = ref.get()
    for number in range(4):
        ref.put(product(raw, NUMBER=number), "postISRCCD", doBackup=number > 0)
    path = Path(ref.getUri("postISRCCD"))
    names = [path.name, *(f"{path.name}~{k}" for k in (1, 2, 3))]
    found = [read_provenance(path.with_name(name))["NUMBER"] for name in names]
    assert found == [3, 2, 1, 0]
    assert sorted(file.name for file in path.parent.iterdir()) == sorted(names)
    ref.put(product(raw, NUMBER=9), "postISRCCD")
    assert len(list(path.parent.iterdir())) == 4


def test_a_failed_write_keeps_what_was_there(writing, visits, monkeypatch):
    ref = writing.dataRef("raw", visit=visits[40], ccd=36)
    made = product(ref.get())
    ref.put(made, "postISRCCD")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("cfhtisr.io.atomic._os.write", full)
        with pytest.raises(OSError, match="No space left"):
            ref.put(made, "postISRCCD")
    assert ref.get("postISRCCD").provenance["JOB"] == "first"


def test_finished_is_of_the_same_job_and_whole(writing, visits):
    ref = writing.dataRef("raw", visit=visits[40], ccd=36)
    assert not ref.finished("postISRCCD", "first")
    ref.put(product(ref.get()), "postISRCCD")
    assert ref.finished("postISRCCD", "first")
    assert not ref.finished("postISRCCD", "second")
    path = Path(ref.getUri("postISRCCD"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert not ref.finished("postISRCCD", "first")


def test_nothing_is_put_without_an_output_or_without_a_range_of_time(reading, writing, visits):
    with pytest.raises(RepositoryError, match="for reading only"):
        reading.put(RunIsrConfig(), "runIsr_config")
    assert not reading.datasetExists("runIsr_config", write=True)
    assert not writing.datasetExists("bias", write=True, visit=visits[36], ccd=7)
    with pytest.raises(RepositoryError, match="ingest-calibs"):
        writing.put(None, "bias", visit=visits[36], ccd=7)
    with pytest.raises(NoResults, match="raws fit"):
        writing.put(None, "postISRCCD", visit=visits[36])


def test_one_of_two_puts_the_configuration(writing):
    config = RunIsrConfig()
    assert writing.putIfAbsent(config, "runIsr_config")
    assert not writing.putIfAbsent(config, "runIsr_config")
    assert not pickle.loads(pickle.dumps(writing)).putIfAbsent(config, "runIsr_config")


def test_a_butler_travels_as_text(writing, visits):
    data = pickle.dumps(writing)
    assert len(data) < 500
    assert pickle.loads(data).get("raw", visit=visits[36], ccd=7).filter == FILTERS[36]
    ref = writing.dataRef("raw", visit=visits[36], ccd=7)
    again = pickle.loads(pickle.dumps(ref))
    assert again.dataId == ref.dataId
    assert again.get("bias").identity == ref.get("bias").identity
    assert again.datasetExists()


def test_threads_may_share_one(writing, visits):
    refs = list(writing.subset("raw"))
    failed = []

    def work(ref):
        try:
            ref.put(product(ref.get()), "postISRCCD")
            assert ref.datasetExists("postISRCCD", write=True)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(ref,)) for ref in refs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []


def test_a_damaged_and_a_vanished_raw(repository, nights, tmp_path, visits):
    raw = tmp_path / nights[36].raw.name
    shutil.copy(nights[36].raw, raw)
    ours.ingest(repository, [raw])
    ref = ours.Butler(repository).dataRef("raw", visit=visits[36], ccd=7)
    raw.write_bytes(raw.read_bytes()[:-100])
    with pytest.raises(FileFormatError, match="is not the file that was taken"):
        ref.get()
    raw.unlink()
    assert not ref.datasetExists()
    with pytest.raises(FileNotFoundError, match=raw.name):
        ref.get()
