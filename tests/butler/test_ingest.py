import filecmp
import os
import shutil
from pathlib import Path

import pytest
from astropy.io import fits

from cfhtisr import butler as ours
from cfhtisr.butler import RepositoryError
from cfhtisr.cli.main import main
from cfhtisr.simulate.files import exposure

daf = pytest.importorskip("lsst.daf.butler", reason="needs the extra [butler]")

CCDS = {36: (0, 7, 35), 40: (0, 7, 36, 39)}


@pytest.fixture(scope="module")
def raws(tmp_path_factory):
    """Return a raw file of each era and layout."""
    folder = tmp_path_factory.mktemp("raws")
    small = {"rows": 96, "columns": 128, "only": ["raw"]}

    def one(name, n_ccd, **options):
        return exposure(folder / name, n_ccd=n_ccd, ccds=CCDS[n_ccd], **small, **options).raw

    return {
        "36": one("36", 36),
        "40": one("40", 40),
        "gz": one("gz", 40, seed=2, frame=1, compress=None, gzip=True),
        "plain": one("plain", 36, seed=3, frame=2, compress=None),
        "old": one("old", 36, seed=4, frame=3, layout="amplifiers"),
    }


def opened(root, **options):
    return daf.Butler.from_config(str(root), collections="MegaPrime/defaults", **options)


def raws_of(root):
    with opened(root) as butler:
        refs = butler.query_datasets("raw", explain=False)
        return sorted((ref.dataId["exposure"], ref.dataId["detector"]) for ref in refs)


def same_pixels(one, other):
    return (one.image.array == other.image.array).all()


def test_files_of_every_era_and_layout_are_read_as_read_raw_reads_them(repository, raws):
    from cfhtisr.io import read_raw, scan_raw

    done = ours.ingest(repository, raws.values())
    assert (len(done.files), done.datasets, done.failed) == (5, 17, [])
    with opened(repository) as butler:
        for path in raws.values():
            scan = scan_raw(path)
            data_id = {"instrument": "MegaPrime", "exposure": scan.obsid}
            for ccd in scan.ccds:
                frame = butler.get("raw", data_id, detector=ccd)
                plain = read_raw(path, ccd)
                assert same_pixels(frame, plain)
                assert frame.metadata.tostring() == plain.metadata.tostring()
                header = butler.get("raw.metadata", data_id, detector=ccd)
                assert header["EXTNAME"] == f"ccd{ccd:02d}"
            (record,) = butler.query_dimension_records("exposure", data_id=data_id)
            assert record.physical_filter == scan.filter
            assert record.exposure_time == scan.exposure_time
            assert record.has_simulated


@pytest.mark.parametrize("mode", ["direct", "copy", "link", "hardlink", "move"])
def test_every_mode_and_a_repeat_of_it(repository, raws, tmp_path, mode):
    raw = shutil.copy(raws["36"], tmp_path / raws["36"].name)
    done = ours.ingest(repository, [raw], mode=mode)
    assert (done.files, done.datasets) == ([str(raw)], 3)
    assert os.path.exists(raw) == (mode != "move")
    with opened(repository) as butler:
        (ref, *_) = butler.query_datasets("raw")
        place = butler.getURI(ref).ospath
        assert filecmp.cmp(place, raws["36"], shallow=False)
        assert (place == str(raw)) == (mode == "direct")
        assert os.path.islink(place) == (mode == "link")
    again = ours.ingest(repository, [raws["36"]] if mode == "move" else [raw], mode=mode)
    assert (again.files, len(again.there), again.failed) == ([], 1, [])


def test_a_bad_file_is_named_and_the_others_are_taken_in(repository, raws, tmp_path, capsys):
    cut = tmp_path / "cut.fits"
    cut.write_bytes(raws["plain"].read_bytes()[:-5000])
    text = tmp_path / "text.fits"
    text.write_text("no FITS file")
    words = [text, raws["36"], cut, tmp_path / "gone.fits"]
    assert main(["repo", "ingest", str(repository), *map(str, words)]) == 1
    told = capsys.readouterr()
    assert "1 files taken in (3 CCDs), 0 were there, 3 failed" in told.out
    for path in (text, cut, tmp_path / "gone.fits"):
        assert f"failed: {path}: " in told.err
    assert "No such file" in told.err
    assert "damaged" in told.err
    assert len(raws_of(repository)) == 3


def test_masters_and_processed_exposures_are_refused(repository, tmp_path):
    files = exposure(tmp_path, rows=96, columns=128, ccds=(0,), only=["bias"])
    done = ours.ingest(repository, [files.bias])
    assert done.files == []
    assert "processed this already" in done.failed[0][1]


def test_an_exposure_from_another_file_is_refused_or_passed_over(repository, raws, tmp_path):
    other = exposure(tmp_path, n_ccd=36, ccds=CCDS[36], rows=112, columns=128, only=["raw"]).raw
    ours.ingest(repository, [raws["36"]])
    done = ours.ingest(repository, [other])
    assert "is in the repository already, from" in done.failed[0][1]
    assert str(raws["36"]) in done.failed[0][1]
    passed = ours.ingest(repository, [other], skip_existing=True)
    assert (passed.there, passed.failed) == ([str(other)], [])


def test_what_is_moved_is_removed_when_the_registry_has_it(repository, raws, tmp_path, monkeypatch):
    raw = Path(shutil.copy(raws["36"], tmp_path / raws["36"].name))

    class Killed(BaseException):
        """What nobody catches."""

    def die(path, stored):
        raise Killed

    monkeypatch.setattr("cfhtisr.butler.raw_files.finish_move", die)
    with pytest.raises(Killed):
        ours.ingest(repository, [raw], mode="move")
    assert raw.exists()
    monkeypatch.undo()
    assert ours.ingest(repository, [raw], mode="move").there == [str(raw)]
    assert ours.Butler(repository).dataRef("raw", ccd=7).get().filter == "i.MP9702"


def test_a_file_that_cannot_be_linked_is_copied(repository, raws, tmp_path, monkeypatch):
    raw = Path(shutil.copy(raws["36"], tmp_path / raws["36"].name))
    monkeypatch.setattr("cfhtisr.butler.transfers.os.geteuid", lambda: raw.stat().st_uid + 1)
    assert ours.ingest(repository, [raw], mode="move").files == [str(raw)]
    assert not raw.exists()
    assert ours.Butler(repository).dataRef("raw", ccd=7).get().filter == "i.MP9702"


def test_a_file_that_cannot_be_removed_is_told_of(repository, raws, tmp_path, monkeypatch):
    raw = Path(shutil.copy(raws["36"], tmp_path / raws["36"].name))
    monkeypatch.setattr(
        "cfhtisr.butler.transfers.os.unlink",
        lambda path: (_ for _ in ()).throw(PermissionError(13, "Permission denied")),
    )
    done = ours.ingest(repository, [raw], mode="move")
    ((_, reason),) = done.failed
    assert reason.startswith("is in the repository as ")
    assert "cannot be removed here (Permission denied)" in reason
    assert ours.Butler(repository).dataRef("raw", ccd=7).get().filter == "i.MP9702"


@pytest.mark.parametrize("name", ["", "../../esc", "a//b", "/a", "a b", "a/", ".a"])
def test_names_of_collections_that_are_none(repository, raws, name):
    with pytest.raises(ValueError, match=r"collection is .*, wanted parts of letters"):
        ours.ingest(repository, [raws["36"]], run=name)


def test_a_collection_that_is_none_of_raws(repository, raws):
    with pytest.raises(RepositoryError, match="MegaPrime/calib is a collection of type CALIB"):
        ours.ingest(repository, [raws["36"]], run="MegaPrime/calib")


def test_a_failure_in_the_midst_leaves_nothing(repository, raws, monkeypatch):
    monkeypatch.setattr(
        "lsst.daf.butler.direct_butler.DirectButler.ingest",
        lambda *_, **__: (_ for _ in ()).throw(OSError("the disk is full")),
    )
    done = ours.ingest(repository, [raws["36"]])
    assert done.failed[0][1] == "the disk is full"
    with opened(repository) as butler:
        assert not butler.query_dimension_records("exposure", explain=False)


def test_a_folder_gives_its_files(repository, raws):
    done = ours.ingest(repository, [raws["40"].parent])
    assert done.files == [str(raws["40"])]


def test_a_folder_of_all_kinds_of_files_serves_both_commands(repository, tmp_path, capsys):
    files = exposure(tmp_path, rows=96, columns=128, ccds=(0,))
    assert main(["repo", "ingest", str(repository), str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert "1 files taken in (1 CCDs), 0 were there, 6 passed over, 0 failed" in told.out
    assert f"passed over: {files.bias}: the observatory has processed this" in told.out
    assert f"passed over: {files.paths['defects']}: no image HDU" in told.out
    assert main(["repo", "ingest-calibs", str(repository), str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert "5 files taken in (5 CCDs), 0 were there, 2 passed over, 0 failed" in told.out
    assert f"passed over: {files.raw}: OBSTYPE is 'OBJECT', wanted a calibration" in told.out
    # With the kind given, what says that it is of another one is passed over just so.
    for kind in ("defects", "flat"):
        words = ["repo", "ingest-calibs", str(repository), str(tmp_path), "--type", kind]
        assert main(words) == 0
        told = capsys.readouterr()
        assert "0 files taken in (0 CCDs), 1 were there, 6 passed over, 0 failed" in told.out
        assert f"passed over: {files.raw}: OBSTYPE is 'OBJECT', wanted {kind}" in told.out
    product = tmp_path / "product.fits"
    with fits.open(files.paths["truth"]) as hdus:
        hdus[0].header["CFHTISR"] = hdus[0].header["OBSTYPE"] = "OBJECT"
        hdus.writeto(product)
    assert main(["repo", "ingest", str(repository), str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert f"passed over: {product}: is a product of cfhtisr" in told.out
    product.unlink()
    # What is named is wanted, and what is damaged is told of, in a folder too.
    assert main(["repo", "ingest", str(repository), str(files.bias)]) == 1
    files.raw.write_bytes(files.raw.read_bytes()[:5000])
    assert main(["repo", "ingest", str(repository), str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert "6 passed over, 1 failed" in told.out
    assert told.err.count(f"{files.raw}: ") == 1


def test_the_stock_command_finds_them(repository, raws):
    from click.testing import CliRunner
    from lsst.daf.butler.cli.butler import cli

    ours.ingest(repository, [raws["40"]])
    found = CliRunner().invoke(
        cli, ["query-datasets", str(repository), "raw", "--collections", "*"]
    )
    assert found.exit_code == 0
    assert found.output.count("MegaPrime/raw/all") == 4


@pytest.mark.parametrize("mode", ["direct", "copy", "move"])
@pytest.mark.parametrize("name", ["a b#c.fits.fz", "a%20b.fits.fz", "a?b:c.fits.fz", "é.FITS.FZ"])
def test_odd_names_of_files(repository, raws, tmp_path, mode, name):
    raw = shutil.copy(raws["36"], tmp_path / name)
    done = ours.ingest(repository, [raw], mode=mode)
    assert (done.files, done.failed) == ([str(raw)], [])
    ref = ours.Butler(repository).dataRef("raw", ccd=7)
    assert ref.datasetExists()
    assert os.path.exists(ref.get("raw_filename")[0])
    assert ref.get().filter == "i.MP9702"
