"""The files of a whole exposure: raw, plain and Rice-compressed, and its calibrations."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import fitsio
import numpy as np

from benches.speed import workload
from cfhtisr.cli._progress import progress

_VERSION = 2
_BYTES = 140_000_000  # of a CCD: raws and calibrations
_PRODUCTS = 115_000_000  # of a CCD
CALIBRATIONS = ("bias", "dark", "flat")


@dataclass(frozen=True)
class Files:
    """Where the files are; ``ccds`` is how many CCDs each of them holds."""

    folder: Path
    ccds: int

    @property
    def arrays(self) -> Path:
        """The arrays of one CCD."""
        return self.folder / "arrays"

    def raw(self, form: str) -> Path:
        """The raw exposure, ``plain`` or ``rice``."""
        return self.folder / {"plain": "plain.fits", "rice": "rice.fits.fz"}[form]

    def master(self, kind: str) -> Path:
        """A calibration."""
        return self.folder / f"{kind}.fits"

    @property
    def defects(self) -> Path:
        """The boxes of bad pixels, of every CCD the same."""
        return self.folder / "defects.txt"

    def names(self) -> list[str]:
        """The CCDs, as HDUs are called."""
        return [f"ccd{ccd:02d}" for ccd in range(self.ccds)]


def prepare(folder: Path, ccds: int) -> Files:
    """Return the files in a folder; what is there from the last time stays."""
    files = Files(folder, ccds)
    note = folder / "workload.json"
    wanted = {"version": _VERSION, "ccds": ccds}
    if note.is_file() and json.loads(note.read_text()) == wanted:
        return files
    folder.mkdir(parents=True, exist_ok=True)
    need = ccds * (_BYTES + _PRODUCTS)
    free = shutil.disk_usage(folder).free
    if free < need:
        text = f"{folder} has {free / 1e9:.1f} GB free, an exposure of {ccds} CCDs and its products"
        raise OSError(f"{text} take {need / 1e9:.1f} GB; choose fewer --ccds or another --work")
    note.unlink(missing_ok=True)
    first = workload.make()
    first.save(files.arrays)
    for path in (files.raw("plain"), files.raw("rice"), *map(files.master, CALIBRATIONS)):
        path.unlink(missing_ok=True)
    _write_defects(files.defects, first.boxes)
    with progress("making files") as tell:
        for ccd in range(ccds):
            _append(files, ccd, workload.rolled(first, ccd))
            tell(ccd + 1, ccds)
    note.write_text(json.dumps(wanted))
    return files


def _append(files: Files, ccd: int, pixels: workload.Workload) -> None:
    name = f"ccd{ccd:02d}"
    for form in ("plain", "rice"):
        packing = {"compress": "RICE", "tile_dims": (1, pixels.raw.shape[1])}
        _write(files.raw(form), files.ccds, name, "OBJECT", pixels.raw, packing, form == "rice")
    for kind in CALIBRATIONS:
        frame = getattr(pixels, kind)
        _write(files.master(kind), files.ccds, name, kind.upper(), frame, {}, False)


def _write_defects(path: Path, boxes) -> None:
    lines = [f"{x0} {y0} {x1 - x0 + 1} {y1 - y0 + 1}" for x0, y0, x1, y1 in boxes.tolist()]
    path.write_text("\n".join(["x0 y0 width height", *lines, ""]))


def _write(path, ccds, name, kind, pixels, packing, packed) -> None:
    ccd = int(name[3:])
    with fitsio.FITS(path, "rw") as file:
        if ccd == 0:
            file.write(None, header=_records(workload.primary_cards(ccds, kind)))
            file[-1].write_checksum()
        options = packing if packed else {}
        cards = _records(workload.ccd_cards(ccd, kind))
        file.write(np.ascontiguousarray(pixels), header=cards, extname=name, **options)
        file[-1].write_checksum()


def _records(cards: dict) -> list[dict]:
    return [{"name": name, "value": value} for name, value in cards.items()]
