"""A real server of PostgreSQL for tests: made in a temporary folder, gone afterwards.

It needs the server and its extensions, which ``apt install postgresql`` (Debian, Ubuntu) or
``dnf install postgresql-server postgresql-contrib`` (Fedora) bring, and ``psycopg2``, which is in
the extra ``postgres``. A server that the system runs by itself is neither needed nor touched.
Tests as root run the server as ``postgres`` or ``nobody``, since it refuses root. Where
something is missing, `missing` says what, and the tests skip with that reason.

The server listens on the loopback address alone, at a free port, and asks for passwords. A shell
watches over it: when the tests end, however they end, the shell's input ends, and it stops the
server and removes the folder.
"""

import contextlib
import functools
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ADMINISTRATOR = "administrator"
TEAM = "team"
PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin")
ACCOUNTS = ("postgres", "nobody")
PATIENCE = 60
PROPERTY = "postgresql"

_WATCH = """
folder=$1; shift
"$@" >"$folder/log" 2>&1 &
server=$!
read -r word
[ "$word" = keep ] && how=INT || how=QUIT
kill -$how $server 2>/dev/null
wait $server
[ "$word" = keep ] || rm -rf "$folder"
"""

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "32MB",
    "max_connections": "40",
}


@functools.cache
def programs():
    """Return the folder of the newest server's programs, or None."""
    found = [path for place in PLACES for path in Path("/").glob(place[1:])]
    if (command := shutil.which("initdb")) is not None:
        found.append(Path(command).resolve().parent)
    found = [path for path in found if (path / "initdb").exists() and (path / "postgres").exists()]
    return max(found, key=version, default=None)


def version(folder):
    """Return the version of the programs in a folder, such as (15, 18)."""
    told = subprocess.run(
        [folder / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return tuple(map(int, re.findall(r"\d+", told.partition(")")[2])[:2]))


def account():
    """Return who runs the server, None for whoever runs the tests; raise if there is nobody."""
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise LookupError(f"root cannot run a server, and there is no account {' or '.join(ACCOUNTS)}")


def missing():
    """Return what is missing for a server, as a reason to skip; None if nothing is."""
    if programs() is None:
        return "there is no server of PostgreSQL here: apt install postgresql"
    told = subprocess.run(
        [programs() / "pg_config", "--sharedir"], capture_output=True, text=True, check=False
    )
    if not Path(told.stdout.strip(), "extension", "btree_gist.control").exists():
        return "PostgreSQL lacks the extension btree_gist: apt install postgresql-contrib"
    try:
        account()
        import psycopg2  # noqa: F401
    except LookupError as error:
        return str(error)
    except ImportError:
        return "needs psycopg2: pip install 'cfhtisr[postgres]'"
    return None


class Server:
    """A server that runs, with a database of its own for whoever asks.

    Parameters
    ----------
    folder : pathlib.Path
        Where its data are; made by `running`.
    """

    def __init__(self, folder):
        self.folder = folder
        self.port = None
        self.version = ".".join(map(str, version(programs())))
        self.password = secrets.token_hex(8)
        self._user = account()
        self._watch = None
        self._databases = 0

    def create(self):
        """Make the folder of data, with an administrator."""
        secret = self.folder / "secret"
        secret.write_text(f"{self.password}\n")
        if self._user is not None:
            for path in (self.folder, secret):
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
        self._call(
            *(programs() / "initdb", "-D", self.folder / "data", "-U", ADMINISTRATOR),
            *("-A", "scram-sha-256", "--pwfile", secret),
            *("--no-locale", "-E", "UTF8", "--no-sync"),
        )
        self.port = _free_port()

    def start(self):
        """Start the server, and wait until it takes connections."""
        # The programs that may hold this pipe open, too, are only those that tests fork.
        self._watch = subprocess.Popen(
            [
                *("/bin/sh", "-c", _WATCH, "watch", self.folder),
                *(programs() / "postgres", "-D", self.folder / "data", "-p", str(self.port)),
                *(word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # The interrupt of a terminal is for the tests; they stop the server in their time.
            start_new_session=True,
            **self._who(),
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._connected(ADMINISTRATOR, "postgres").close()
            except Exception as error:
                log = (self.folder / "log").read_text() if (self.folder / "log").exists() else ""
                if "FATAL:  could not" in log or time.monotonic() > deadline:
                    raise RuntimeError(f"the server of PostgreSQL does not start: {log}") from error
                time.sleep(0.05)
            else:
                return

    def stop(self, keep=True):
        """Stop the server; without ``keep``, remove its folder."""
        if self._watch is None:
            return
        with contextlib.suppress(BrokenPipeError):
            self._watch.communicate(b"keep\n" if keep else b"\n", timeout=PATIENCE)
        self._watch = None

    def database(self, extension=True):
        """Make an empty database that the team owns; return its name.

        The extension comes from the owner, who is no administrator: so a team can do it.
        """
        self._databases += 1
        name = f"isr{self._databases}"
        if self._databases == 1:
            self.sql(f"CREATE ROLE {TEAM} LOGIN PASSWORD '{self.password}'")
        self.sql(f"CREATE DATABASE {name} OWNER {TEAM}")
        if extension:
            self.sql("CREATE EXTENSION btree_gist", user=TEAM, database=name)
        return name

    def url(self, database, password=False, user=TEAM):
        """Return the address of a database."""
        who = f"{user}:{self.password}" if password else user
        return f"postgresql://{who}@127.0.0.1:{self.port}/{database}"

    def sql(self, text, user=ADMINISTRATOR, database="postgres"):
        """Carry out a statement; return its rows, if it has any."""
        connection = self._connected(user, database)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(text)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def _connected(self, user, database):
        import psycopg2

        return psycopg2.connect(
            host="127.0.0.1",
            port=self.port,
            user=user,
            password=self.password,
            dbname=database,
            connect_timeout=5,
        )

    def _who(self):
        where = {"cwd": self.folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"}}
        if self._user is None:
            return where
        user = self._user
        return {**where, "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def _call(self, *words):
        done = subprocess.run(
            list(map(str, words)), capture_output=True, text=True, check=False, **self._who()
        )
        if done.returncode:
            raise RuntimeError(f"{words[0]} fails: {done.stdout[-500:]} {done.stderr[-2000:]}")


@contextlib.contextmanager
def running():
    """Start a server; it is gone again when the block ends."""
    # Not a folder of pytest's: the other account could not come to it.
    folder = Path(tempfile.mkdtemp(prefix="cfhtisr-postgres-"))
    server = Server(folder)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop(keep=False)
        shutil.rmtree(folder, ignore_errors=True)


def summary(reports):
    """Return the line that tells whether tests ran on a server; None if there were none.

    Parameters
    ----------
    reports : iterable
        The reports of pytest for the tests that need one; those that ran carry its version.
    """
    ran, versions, reasons, broken = 0, {}, {}, False
    for report in reports:
        versions |= {value: None for name, value in report.user_properties if name == PROPERTY}
        if report.skipped:
            reasons[str(report.longrepr[2]).removeprefix("Skipped: ")] = None
        elif report.when == "call":
            ran += 1
        broken = broken or (report.failed and report.when == "setup")
    if ran:
        return f"PostgreSQL: {ran} tests ran on server {', '.join(versions)}"
    if broken:
        return "PostgreSQL: no test ran, because the server failed"
    return f"PostgreSQL: skipped, because {'; '.join(reasons)}" if reasons else None


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
