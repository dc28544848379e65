"""One repository for all tests that only read it; others copy it."""

import shutil

import pytest


@pytest.fixture(scope="session")
def empty_repository(tmp_path_factory):
    """Return the folder of a repository as it was made; nobody changes it."""
    pytest.importorskip("lsst.daf.butler", reason="needs the extra [butler]")
    from cfhtisr.butler import create

    return create(tmp_path_factory.mktemp("repositories") / "empty")


@pytest.fixture
def repository(empty_repository, tmp_path):
    """Return the folder of an empty repository of the test's own."""
    return shutil.copytree(empty_repository, tmp_path / "repository")


@pytest.fixture(scope="session")
def nights(tmp_path_factory):
    """Return an exposure of each era with its calibrations."""
    from small_nights import night

    folder = tmp_path_factory.mktemp("nights")
    return {n_ccd: night(folder, n_ccd) for n_ccd in (36, 40)}


@pytest.fixture(scope="session")
def two_eras(empty_repository, nights, tmp_path_factory):
    """Return a repository with exposures and calibrations of two eras; nobody changes it."""
    from small_nights import filled

    return filled(tmp_path_factory.mktemp("filled") / "repo", empty_repository, nights)


@pytest.fixture
def filled(two_eras, tmp_path):
    """Return such a repository of the test's own."""
    return shutil.copytree(two_eras, tmp_path / "filled")
