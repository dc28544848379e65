import errno
import os
import stat

import pytest

from cfhtisr.io import _os
from cfhtisr.io.atomic import AtomicFile, is_leftover


def put(path, data=b"new", **options):
    with AtomicFile(path, **options) as file:
        file.write(data)


def test_nothing_stands_under_the_name_before_the_end(tmp_path):
    path = tmp_path / "a"
    with AtomicFile(path) as file:
        file.write(b"half")
        assert not path.exists()
        assert all(is_leftover(other) for other in tmp_path.iterdir())
    assert path.read_bytes() == b"half"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_old_file_is_refused_and_untouched(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError, match="not to be overwritten"):
        put(path)
    assert path.read_bytes() == b"old"
    put(path, overwrite=True)
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("code", [None, errno.EPERM])
def test_a_file_that_appears_meanwhile_is_not_clobbered(tmp_path, monkeypatch, code):
    def link(*_):
        raise OSError(code, os.strerror(code))

    if code:
        monkeypatch.setattr(_os, "link", link)
    path = tmp_path / "a"
    with pytest.raises(FileExistsError), AtomicFile(path) as file:  # noqa: PT012
        file.write(b"new")
        path.write_bytes(b"of another process")
    assert path.read_bytes() == b"of another process"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_system_without_links_is_enough(tmp_path, monkeypatch):
    def link(*_):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(_os, "link", link)
    put(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_permissions_are_what_the_umask_leaves(tmp_path):
    old = os.umask(0o027)
    try:
        put(tmp_path / "a")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_link_is_followed(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "a").symlink_to(tmp_path / "there" / "b")
    put(tmp_path / "a")
    put(tmp_path / "a", b"newer", overwrite=True)
    assert (tmp_path / "a").is_symlink()
    assert (tmp_path / "there" / "b").read_bytes() == b"newer"


def test_long_names_and_strange_names_work(tmp_path):
    for name in ("a" * 255, "é" * 127, "-rf *", "new\nline"):
        put(tmp_path / name)
        assert (tmp_path / name).read_bytes() == b"new"


def test_bad_places_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        put(tmp_path / "nowhere" / "a")
    with pytest.raises(IsADirectoryError, match="wanted a file"):
        put(tmp_path, overwrite=True)


def test_later_bytes_may_replace_earlier_ones(tmp_path):
    with AtomicFile(tmp_path / "a") as file:
        file.write(b"0123456789")
        file.write_at(2, b"ab")
        with pytest.raises(ValueError, match="not written yet"):
            file.write_at(9, b"ab")
        assert file.tell() == 10
    assert (tmp_path / "a").read_bytes() == b"01ab456789"


def test_without_sync_nothing_is_synced(tmp_path, monkeypatch):
    monkeypatch.setattr(_os, "fsync", lambda fd: pytest.fail("synced"))
    put(tmp_path / "a", sync=False)
    assert (tmp_path / "a").exists()
