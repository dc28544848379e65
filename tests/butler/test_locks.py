"""One at a time, whoever it is."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from cfhtisr.butler.errors import RepositoryError
from cfhtisr.butler.locks import locked

NOBODY = 65534


@contextmanager
def somebody_else():
    """Be another user for a while, which only the super-user can; any other owns all files here."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_a_lock_that_another_user_has_made(folder):
    path = folder / "lock"
    with locked(path):
        pass
    path.chmod(0o444)
    with somebody_else(), locked(path):
        assert not os.access(path, os.W_OK, effective_ids=True)


def test_a_lock_that_may_not_be_read_either(folder):
    path = folder / "lock"
    path.write_text("")
    path.chmod(0)
    with somebody_else(), pytest.raises(RepositoryError, match="lock: may not be written"):
        with locked(path):
            pass


def test_a_lock_that_is_removed_while_others_wait(folder):
    path = folder / "sub/lock"
    with locked(path, kept=False):
        assert path.exists()
    assert not path.exists()
    with locked(path):
        pass
    assert path.exists()
