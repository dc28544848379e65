import shutil

import numpy as np
import pytest

from cfhtisr import butler as ours
from cfhtisr.butler import RepositoryError
from cfhtisr.tasks.run_isr import RunIsrConfig
from small_nights import certify, night

daf = pytest.importorskip("lsst.daf.butler", reason="needs the extra [butler]")


def put(butler, dark=False):
    config = RunIsrConfig()
    config.isr.doDark = dark
    butler.put(config, "runIsr_config")


def dark(butler):
    return butler.get("runIsr_config").isr.doDark


def test_for_reading_only(two_eras):
    butler = ours.open_butler(two_eras)
    assert len(list(butler.subset("raw"))) == 7
    assert butler.prepare([next(iter(butler.subset("raw")))])[0].staging is None
    with pytest.raises(RepositoryError, match="for reading only"):
        put(butler)


def test_a_rerun_on_top_of_another_one(filled):
    put(ours.open_butler(filled, rerun="first"), dark=True)
    butler = ours.open_butler(filled, rerun="first:second")
    assert dark(butler)
    assert not butler.datasetExists("runIsr_config", write=True)
    put(butler, dark=False)
    assert not dark(butler)
    assert dark(ours.open_butler(filled, rerun="first"))


def test_what_the_inputs_were_made_from_is_searched_too(filled):
    put(ours.open_butler(filled, rerun="first"), dark=True)
    ours.open_butler(filled, rerun="first:second")
    for _ in range(2):  # made, and opened
        butler = ours.open_butler(filled, rerun="second:third")
        assert butler.places.collections[:2] == ("rerun/second", "rerun/first")
        assert dark(butler)


def thumb(butler, grey):
    ref = butler.dataRef("raw", filter="i2", ccd=7)
    (work,) = butler.prepare([ref], [])
    work.put(np.full((2, 4, 3), grey, np.uint8), "ossThumb")
    butler.collect([work])


def grey(butler):
    """Return what the butler finds, and what its work references do."""
    ref = butler.dataRef("raw", filter="i2", ccd=7)
    (work,) = butler.prepare([ref], [("ossThumb", {}), ("bias", {})])
    assert ref.get("bias").identity == work.get("bias").identity
    found = (ref.get("ossThumb").min(), work.get("ossThumb").min())
    assert found[0] == found[1]
    return found[0]


def test_an_output_repository_is_an_input_too(two_eras, tmp_path):
    first, second = tmp_path / "a, b", tmp_path / "second"
    thumb(ours.open_butler(two_eras, output=first), 1)
    put(ours.open_butler(two_eras, output=first), dark=True)
    alone = ours.open_butler(first)
    assert alone.places.root == str(two_eras)
    assert (grey(alone), dark(alone), len(list(alone.subset("raw")))) == (1, True, 7)
    with pytest.raises(RepositoryError, match="for reading only"):
        put(alone)
    for _ in range(2):
        butler = ours.open_butler(first, output=second)
        assert (grey(butler), dark(butler)) == (1, True)
        assert not butler.datasetExists("runIsr_config", write=True)
    thumb(butler, 2)
    assert (grey(ours.open_butler(second)), grey(ours.open_butler(first))) == (2, 1)
    # A rerun within an output, and the output as its own.
    for where in ({"rerun": "inner"}, {"output": first}):
        butler = ours.open_butler(first, **where)
        assert grey(butler) == 1
        thumb(butler, 3)
        assert grey(butler) == 3
    assert grey(ours.open_butler(first)) == 3
    assert grey(ours.open_butler(second)) == 2


def test_an_output_whose_input_has_gone(two_eras, tmp_path):
    moved = shutil.copytree(two_eras, tmp_path / "moved")
    put(ours.open_butler(moved, output=tmp_path / "out"))
    moved.rename(tmp_path / "elsewhere")
    told = f"out: was made from another repository; {moved}: there is no such folder"
    with pytest.raises(RepositoryError, match=told):
        ours.open_butler(tmp_path / "out")


def test_an_input_that_is_its_own_output(filled):
    thumb(ours.open_butler(filled, output=filled), 4)
    assert grey(ours.open_butler(filled)) == 4
    assert grey(ours.open_butler(filled, rerun="me")) == 4


def test_an_output_remembers_its_input(filled):
    put(ours.open_butler(filled, rerun="first"), dark=True)
    ours.open_butler(filled, rerun="first:second")
    assert dark(ours.open_butler(filled, rerun="second"))
    ours.open_butler(filled, rerun="other")
    with pytest.raises(RepositoryError, match="was made from rerun/first, it cannot go on from"):
        ours.open_butler(filled, rerun="other:second")
    ours.open_butler(filled, rerun="other:second", clobber_output=True)


def test_clobbering_removes_the_rerun_and_nothing_else(filled):
    for name in ("one", "two"):
        put(ours.open_butler(filled, rerun=name))
    assert (filled / "rerun/one/config").is_dir()
    butler = ours.open_butler(filled, rerun="one", clobber_output=True)
    assert not butler.datasetExists("runIsr_config")
    assert not (filled / "rerun/one/config").exists()
    assert ours.open_butler(filled, rerun="two").datasetExists("runIsr_config")
    assert len(list(butler.subset("raw"))) == 7


def test_clobbering_takes_neither_the_input_nor_what_lies_inside(filled):
    for name in ("one", "one/sub"):
        put(ours.open_butler(filled, rerun=name))
    with pytest.raises(RepositoryError, match=r"rerun/one/sub lies in its folder"):
        ours.open_butler(filled, rerun="one", clobber_output=True)
    with pytest.raises(RepositoryError, match=r"rerun/one/sub is read"):
        ours.open_butler(filled, rerun="one/sub:one/sub", clobber_output=True)
    for name in ("one", "one/sub"):
        assert ours.open_butler(filled, rerun=name).get("runIsr_config") is not None


def test_clobbering_never_takes_what_is_read_or_is_no_output(filled, tmp_path):
    out = tmp_path / "out"
    put(ours.open_butler(filled, output=out))
    put(ours.open_butler(out, output=tmp_path / "next"))
    # what comes after an output is made from it
    with pytest.raises(RepositoryError, match="out: rerun/output is read"):
        ours.open_butler(tmp_path / "next", output=out, clobber_output=True)
    ours.open_butler(filled, rerun="one")
    ours.open_butler(filled, rerun="one:two")
    ours.open_butler(filled, rerun="two:three")
    with pytest.raises(RepositoryError, match="rerun/one is read"):
        ours.open_butler(filled, rerun="two:one", clobber_output=True)
    put(ours.open_butler(filled, output=filled / "rerun/one/inside"))
    with pytest.raises(RepositoryError, match=r"the repository .*one/inside lies in its folder"):
        ours.open_butler(filled, rerun="one", clobber_output=True)
    # a repository with data of its own loses its output only
    both = shutil.copytree(filled, tmp_path / "both")
    butler = ours.open_butler(filled, output=both, calib=filled)
    put(butler)
    butler = ours.open_butler(filled, output=both, calib=both, clobber_output=True)
    assert not butler.datasetExists("runIsr_config")
    assert len(list(ours.open_butler(both).subset("raw"))) == 7
    assert ours.open_butler(both).dataRef("raw", filter="i2", ccd=7).get("bias") is not None


def test_an_output_behind_a_link_and_one_that_is_a_file(filled, tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to("real")
    put(ours.open_butler(filled, output=link))
    assert not ours.open_butler(filled, output=link, clobber_output=True).datasetExists(
        "runIsr_config"
    )
    assert link.is_symlink()
    (tmp_path / "file").write_text("")
    with pytest.raises(RepositoryError, match="file is a file, wanted a folder"):
        ours.open_butler(filled, output=tmp_path / "file", clobber_output=True)


def test_an_input_is_the_same_by_whatever_name(filled, tmp_path):
    out, link = tmp_path / "out", tmp_path / "link"
    link.symlink_to(filled)
    put(ours.open_butler(filled, output=out), dark=True)
    for name in (link, filled / "butler.yaml"):
        assert dark(ours.open_butler(name, output=out))
    moved = filled.rename(tmp_path / "moved")
    assert dark(ours.open_butler(moved, output=out))
    assert ours.open_butler(out).places.root == str(moved)


def test_calibrations_are_never_passed_over(filled, two_eras, tmp_path):
    out = tmp_path / "out"
    ours.open_butler(filled, output=out)
    certify(out, night(tmp_path, 40, seed=5, only=["bias"]), ["bias"])
    for words in ({}, {"rerun": "me"}, {"output": tmp_path / "next"}):
        with pytest.raises(RepositoryError, match="out: has calibrations of its own, beside"):
            ours.open_butler(out, **words)
    with pytest.raises(RepositoryError, match="--calib with one of the two"):
        ours.open_butler(filled, output=out)
    told = {
        ours.open_butler(out, calib=root).dataRef("raw", filter="i3", ccd=7).get("bias").identity
        for root in (out, filled)
    }
    assert len(told) == 2


@pytest.mark.parametrize("name", ["output", "output:me", "me:output"])
def test_the_name_of_outputs_is_no_rerun(two_eras, name):
    with pytest.raises(ValueError, match="is what --output writes"):
        ours.open_butler(two_eras, rerun=name)


@pytest.mark.parametrize("name", ["", "a:b:c", ":", "a:", "../a", "a/../b"])
def test_names_that_are_none(two_eras, name):
    with pytest.raises(ValueError, match="rerun is"):
        ours.open_butler(two_eras, rerun=name)


def test_an_input_that_is_not_there(two_eras, filled):
    with pytest.raises(RepositoryError, match="there is no rerun 'no'"):
        ours.open_butler(filled, rerun="no:yes")
    with pytest.raises(ValueError, match="exclude each other"):
        ours.open_butler(two_eras, rerun="a", output="b")
    with pytest.raises(ValueError, match="needs an output"):
        ours.open_butler(two_eras, clobber_output=True)


def test_an_output_repository_is_made_and_removed(two_eras, tmp_path):
    out = tmp_path / "out"
    put(ours.open_butler(two_eras, output=out))
    assert ours.open_butler(two_eras, output=out).datasetExists("runIsr_config", write=True)
    fresh = ours.open_butler(two_eras, output=out, clobber_output=True)
    assert not fresh.datasetExists("runIsr_config")
    assert fresh.dataRef("raw", filter="i2", ccd=7).get("bias") is not None


def test_an_output_repository_that_others_make_meanwhile_is_theirs_too(
    two_eras, tmp_path, monkeypatch
):
    from cfhtisr.butler import repository

    create, place = repository.create, tmp_path / "out"

    def late(folder):
        monkeypatch.undo()
        put(ours.open_butler(two_eras, output=place), dark=True)
        return create(folder)

    monkeypatch.setattr(repository, "create", late)
    assert dark(ours.open_butler(two_eras, output=place))


def test_a_folder_of_other_things_is_never_removed(two_eras, tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(RepositoryError, match="is not empty"):
        ours.open_butler(two_eras, output=tmp_path, clobber_output=True)
    assert (tmp_path / "thesis.tex").exists()
    with pytest.raises(RepositoryError, match="is the input"):
        ours.open_butler(two_eras, output=two_eras, clobber_output=True)
    assert (two_eras / "butler.yaml").exists()


def test_an_output_of_another_input(two_eras, filled, tmp_path):
    ours.open_butler(two_eras, output=tmp_path / "out")
    with pytest.raises(RepositoryError, match="was made from"):
        ours.open_butler(filled, output=tmp_path / "out")


def test_an_output_may_be_the_repository_of_the_calibrations(filled, two_eras):
    butler = ours.open_butler(two_eras, output=filled, calib=filled)
    assert butler.dataRef("raw", filter="i2", ccd=7).get("bias") is not None
    thumb(butler, 5)
    put(butler)
    assert grey(butler) == 5


def test_calibrations_of_another_collection_or_repository(filled, empty_repository, tmp_path):
    other = night(tmp_path, 40, seed=5, only=["bias"])
    elsewhere = shutil.copytree(empty_repository, tmp_path / "elsewhere")
    certify(elsewhere, other, ["bias"])
    usual = ours.open_butler(filled).dataRef("raw", filter="i3", ccd=7).get("bias")
    own = ours.open_butler(filled, calib=elsewhere).dataRef("raw", filter="i3", ccd=7).get("bias")
    assert own.identity != usual.identity
    named = ours.open_butler(filled, calib="MegaPrime/calib").dataRef("raw", filter="i3", ccd=7)
    assert named.get("bias").identity == usual.identity
    with pytest.raises(RepositoryError, match="of type RUN, wanted one of calibrations"):
        ours.open_butler(filled, calib="MegaPrime/raw/all")
    with pytest.raises(RepositoryError, match="neither a collection"):
        ours.open_butler(filled, calib="nonsense")
    with pytest.raises(RepositoryError, match="is no repository"):
        ours.open_butler(filled, calib=tmp_path)
