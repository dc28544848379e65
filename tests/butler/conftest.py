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
