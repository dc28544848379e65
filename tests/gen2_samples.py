"""Small repositories as LSST's second generation made them."""

import contextlib
import sqlite3

RAW_TABLE = (
    "CREATE TABLE raw (id integer primary key autoincrement, runId text, object text, visit int, "
    "ccd int, extension int, state text, filter text, date text, taiObs text, expTime double, "
    "defects text, unique(visit, ccd))"
)
CALIBRATION_TABLE = (
    "CREATE TABLE {} (id integer primary key autoincrement, path text, ccdNum int, version int, "
    "expTime double, filter text, label text, validStart text, validEnd text, registered text, "
    "extension int)"
)


@contextlib.contextmanager
def database(path):
    """Open a database for writing, and write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        yield connection
        connection.commit()


def add_raw(root, file, visit, *, ccds=(0, 7), suffix=".fits.fz", filter="i2", listed=True):
    """Put a raw file where a repository has it, as a link, and list it."""
    facts = ("08BL05", "w2.+2+2", "2008-11-01", filter)
    place = root.joinpath("raw", *facts, f"{visit}o{suffix}")
    place.parent.mkdir(parents=True, exist_ok=True)
    if file is not None:
        place.symlink_to(file)
    with database(root / "registry.sqlite3") as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'raw'").fetchone():
            connection.execute(RAW_TABLE)
        for extension, ccd in enumerate(ccds if listed else (), 1):
            run, target, date, name = facts
            connection.execute(
                "INSERT INTO raw (runId, object, visit, ccd, extension, state, filter, date, "
                "taiObs, expTime) VALUES (?, ?, ?, ?, ?, 'o', ?, ?, ?, 60.0)",
                (run, target, visit, ccd, extension, name, date, f"{date}T06:00:00.00"),
            )
    return place


def add_calibration(
    root,
    kind,
    path,
    start,
    end,
    *,
    version=0,
    registered="2009-01-01T12:00:00",
    filter="NONE",
    extensions=range(1, 37),
):
    """List a calibration, once for each extension."""
    with database(root / "calibRegistry.sqlite3") as connection:
        for name in ("bias", "dark", "flat", "fringe"):
            if not connection.execute(
                "SELECT 1 FROM sqlite_master WHERE name = ?", (name,)
            ).fetchone():
                connection.execute(CALIBRATION_TABLE.format(name))
        connection.executemany(
            f"INSERT INTO {kind} (path, ccdNum, version, expTime, filter, label, validStart, "
            "validEnd, registered, extension) VALUES (?, 36, ?, 0.0, ?, 'elixir', ?, ?, ?, ?)",
            [
                (str(path), version, filter, start, end, registered, extension)
                for extension in extensions
            ],
        )
