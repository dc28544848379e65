"""A repository whose registry is in PostgreSQL does what one with SQLite does."""

import fcntl
import importlib.util
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import postgres_server
from cfhtisr.cli import run_isr
from cfhtisr.cli.main import main

pytestmark = pytest.mark.slow

KINDS = ("bias", "dark", "flat", "fringe", "defects")
OPTIONS = ("-c", "isr.fringe.large=10")  # apertures that fit into these CCDs
CCDS = 7


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("lsst.daf.butler", reason="needs the extra [butler]")
    if (reason := postgres_server.missing()) is not None:
        pytest.skip(reason)
    with postgres_server.running() as server:
        yield server


@pytest.fixture(autouse=True)
def told(server, request):
    """Let the report say what the test ran on."""
    request.node.user_properties.append((postgres_server.PROPERTY, server.version))


@pytest.fixture(scope="module")
def passwords(server, tmp_path_factory):
    """Keep the password where libpq looks for it, and nowhere else."""
    folder = tmp_path_factory.mktemp("home")
    file = folder / "pgpass"
    file.write_text(f"127.0.0.1:{server.port}:*:{postgres_server.TEAM}:{server.password}\n")
    file.chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGPASSFILE", str(file))
        patch.setenv("LSST_DB_AUTH", str(folder / "none.yaml"))
        yield file


def made(root, files, *words):
    """Make a repository of two nights with the commands, as a user would."""
    assert main(["repo", "create", str(root), *words]) == 0
    assert main(["repo", "ingest", str(root), *(str(each.raw) for each in files)]) == 0
    masters = [str(each.paths[kind]) for each in files for kind in KINDS]
    assert main(["repo", "ingest-calibs", str(root), *masters]) == 0
    return root


@pytest.fixture(scope="module")
def repo(server, passwords, nights, tmp_path_factory):
    """Return a repository with the registry in the server."""
    root = tmp_path_factory.mktemp("served") / "repo"
    return made(root, nights.values(), "--registry", server.url(server.database()))


@pytest.fixture(scope="module")
def plain(nights, tmp_path_factory):
    """Return the same with a registry of SQLite."""
    return made(tmp_path_factory.mktemp("plain") / "repo", nights.values())


def started(*words):
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def correcting(root, rerun, *words):
    words = ("--id", "--rerun", rerun, *OPTIONS, *words)
    return started("-m", "cfhtisr.cli.run_isr", root, *words)


def corrected(root, rerun):
    """Do the same in this process, which is faster."""
    assert run_isr.main([str(root), "--id", "--rerun", rerun, *OPTIONS]) == 0


def finished(process):
    told, _ = process.communicate(timeout=100)
    assert process.returncode == 0, told[-3000:]
    return told


def products(root, rerun):
    """Return the bytes of the products of a RUN, by their places in it."""
    folder = root / "rerun" / rerun
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("post*.fits")}


@pytest.fixture(scope="module")
def wanted(plain):
    corrected(plain, "me")
    found = products(plain, "me")
    assert len(found) == CCDS
    return found


def listed(root, *collections):
    """Return the datasets that the middleware's own command finds: type, RUN and data id."""
    command = Path(sys.executable).with_name("butler")
    words = [command, "query-datasets", root, "--collections", ",".join(collections)]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in told.splitlines()]
    # All but the identifier, which is random for products.
    found = sorted((row[0], row[1], *row[3:]) for row in rows if row[1:2] and row[1] in collections)
    return found, Counter(row[0] for row in found)


def test_products_and_what_the_middleware_lists_are_those_of_a_plain_repository(
    repo, plain, wanted
):
    finished(correcting(repo, "me", "-j", "2"))
    assert products(repo, "me") == wanted
    assert not list(repo.glob("*.sqlite3"))
    found, numbers = listed(repo, "MegaPrime/raw/all", "rerun/me")
    assert found == listed(plain, "MegaPrime/raw/all", "rerun/me")[0]
    assert numbers == {
        "raw": CCDS,
        "postISRCCD": CCDS,
        "runIsr_metadata": CCDS,
        "runIsr_config": 1,
        "packages": 1,
    }


def looked_up(root):
    """Return what the facade says of a repository."""
    from cfhtisr.butler import open_butler

    butler = open_butler(root)
    try:
        found = {}
        for ref in butler.subset("raw"):
            frames = {kind: ref.get(kind) for kind in ("raw", "bias", "dark", "flat", "fringe")}
            key = (ref.dataId["visit"], ref.dataId["ccd"])
            found[key] = {kind: frame.identity for kind, frame in frames.items()}
            found[key] |= {"defects": ref.get("defects"), "id": ref.dataId}
        names = ("visit", "filter", "date", "taiObs", "expTime", "object", "runId")
        assert len(found) == CCDS
        return (
            found,
            butler.queryMetadata("raw", names),
            butler.queryMetadata("raw", "visit", filter="i2"),
            len(butler.subset("raw", ccd=7)),
            butler.datasetExists("raw", visit=1, ccd=0),
        )
    finally:
        butler.close()


def test_look_ups_find_the_same(repo, plain):
    assert looked_up(repo) == looked_up(plain)


def test_two_writers_at_once_write_each_product_once(repo, wanted):
    for process in [correcting(repo, "both") for _ in range(2)]:
        finished(process)
    assert products(repo, "both") == wanted
    _, numbers = listed(repo, "rerun/both")
    assert (numbers["postISRCCD"], numbers["runIsr_config"]) == (CCDS, 1)


def test_two_who_certify_at_once_lose_nothing(repo, nights, monkeypatch):
    from cfhtisr.butler.calibs.certify import certify
    from cfhtisr.butler.calibs.store import CalibrationStore
    from cfhtisr.butler.connect import connect

    certify_all, inside, done = CalibrationStore.certify, threading.Event(), threading.Event()

    def slowly(self, held):
        if not inside.is_set():
            inside.set()
            done.wait(2)  # time enough for the other one, if it were let in
        certify_all(self, held)

    monkeypatch.setattr(CalibrationStore, "certify", slowly)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(certify, repo, [nights[36].bias], collection="u/two")
        assert inside.wait(60)
        second = pool.submit(certify, repo, [nights[40].bias], collection="u/two")
        second.add_done_callback(lambda _: done.set())
        assert (first.result().datasets, second.result().datasets) == (3, 4)
    files = {row[2] for row in second.result().table}
    assert files == {nights[36].bias.name, nights[40].bias.name}
    with connect(repo) as butler:
        held = butler.registry.queryDatasetAssociations("bias", collections="u/two")
        assert Counter(each.ref.dataId["detector"] for each in held) == Counter(
            [0, 7, 35, 0, 7, 36, 39]
        )


def test_the_address_that_is_kept_names_the_driver_and_no_password(repo, server):
    kept = (repo / "butler.yaml").read_text()
    assert re.search(r"db: postgresql\+psycopg2://team@127\.0\.0\.1:\d+/isr\d", kept)
    assert server.password not in kept


def test_an_address_without_a_driver(repo, tmp_path):
    """Such a repository of others opens where the default driver is there, or says what to do."""
    import sqlalchemy

    from cfhtisr.butler import open_butler
    from cfhtisr.errors import MissingExtraError

    (tmp_path / "butler.yaml").write_text(
        (repo / "butler.yaml").read_text().replace("postgresql+psycopg2:", "postgresql:")
    )
    if importlib.util.find_spec("psycopg") is None and sqlalchemy.__version__ >= "2.1":
        with pytest.raises(
            MissingExtraError, match=r"needs psycopg, because .* names no driver"
        ) as told:
            open_butler(tmp_path)
        assert "begin with postgresql+psycopg2://" in str(told.value)
    else:
        open_butler(tmp_path).close()


def test_passwords_in_the_file_of_the_middleware(repo, server, tmp_path, monkeypatch):
    from cfhtisr.butler import RepositoryError, open_butler

    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    with pytest.raises(RepositoryError, match=r"asks for a password, see ~/\.pgpass and ~/\.lsst"):
        open_butler(repo)
    file = tmp_path / "db-auth.yaml"
    monkeypatch.setenv("LSST_DB_AUTH", str(file))
    entry = f"- url: postgresql://127.0.0.1:{server.port}/isr*\n  username: team\n  password: "
    file.write_text(f"{entry}wrong\n")
    file.chmod(0o644)
    with pytest.raises(RepositoryError, match="has incorrect permissions"):
        open_butler(repo)
    file.chmod(0o600)
    with pytest.raises(RepositoryError, match="refuses the password"):
        open_butler(repo)
    file.write_text(f"{entry}{server.password}\n")
    butler = open_butler(repo)
    assert len(butler.subset("raw")) == CCDS
    butler.close()


def test_a_database_that_cannot_be_used(repo, server, tmp_path):
    from cfhtisr.butler import RepositoryError, create, open_butler

    kept = (repo / "butler.yaml").read_text()
    used = re.search(r"db: (\S+)", kept)[1]
    bare = server.url(server.database(extension=False))
    for url, reason in (
        (used, "has one already"),
        (bare, r"lacks an extension .*CREATE EXTENSION btree_gist"),
        (server.url("none"), 'database "none" does not exist'),
    ):
        with pytest.raises(RepositoryError, match=reason) as error:
            create(tmp_path / "new", url)
        assert "\n" not in str(error.value)
        assert not (tmp_path / "new").exists()
    butler = open_butler(repo)
    assert len(butler.subset("raw")) == CCDS
    butler.close()


def test_a_server_that_is_gone_and_comes_back(repo, server, tmp_path, capsys):
    from cfhtisr.butler import RepositoryError, open_butler

    secret = tmp_path / "secret"
    secret.mkdir()
    kept = (repo / "butler.yaml").read_text()
    (secret / "butler.yaml").write_text(kept.replace("team@", f"team:{server.password}@"))
    butler = open_butler(repo)
    assert len(butler.subset("raw")) == CCDS
    server.stop()
    try:
        with pytest.raises(RepositoryError, match="the server of the registry") as error:
            butler.subset("raw")
        assert str(repo) in str(error.value)
        capsys.readouterr()
        url = server.url("isr1", password=True)
        for words in (
            ["repo", "create", str(tmp_path / "new"), "--registry", url],
            ["repo", "ingest", str(secret), "raw.fits"],
            ["repo", "ingest", str(repo), "raw.fits"],
        ):
            assert main(words) == 1
            told = capsys.readouterr().err
            assert "the server of the registry does not answer" in told
            assert words[2] in told
            assert told.count("\n") == 1
            assert server.password not in told
        process = correcting(secret, "me")
        told, _ = process.communicate(timeout=60)
        assert process.returncode != 0
        assert "the server of the registry does not answer" in told
        assert "Traceback" not in told
        assert server.password not in told
    finally:
        server.start()
    assert len(butler.subset("raw")) == CCDS
    butler.close()


def test_a_server_that_goes_while_work_is_done(repo, server, wanted):
    process = correcting(repo, "broken")
    staging = repo / "rerun" / "broken" / ".staging"
    deadline = time.monotonic() + 60
    while not list(staging.glob("postISRCCD*.fits")):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.001)
    try:
        # Whoever holds this lock keeps the finished products out of the repository.
        with open(staging / ".lock", "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            server.stop()
        told, _ = process.communicate(timeout=60)
    finally:
        server.start()
    assert process.returncode != 0
    assert "the server of the registry" in told
    assert "Traceback" not in told
    corrected(repo, "broken")
    assert products(repo, "broken") == wanted


def test_users_that_may_only_read(repo, server, tmp_path, monkeypatch):
    """A role of the database that may read is enough for looking, and is told so if it writes."""
    from cfhtisr.butler import RepositoryError, open_butler

    database = re.search(r"/(isr\d+)", (repo / "butler.yaml").read_text())[1]
    server.sql(f"CREATE ROLE guest LOGIN PASSWORD '{server.password}'")
    server.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest", database=database)
    file = tmp_path / "pgpass"
    file.write_text(f"*:*:*:guest:{server.password}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    root = tmp_path / "repo"
    root.mkdir()
    kept = (repo / "butler.yaml").read_text()
    (root / "butler.yaml").write_text(kept.replace("team@", "guest@"))
    butler = open_butler(root)
    assert len(butler.subset("raw")) == CCDS
    butler.close()
    with pytest.raises(RepositoryError, match="may not be used like that by this user"):
        open_butler(root, rerun="theirs")
