"""Whole exposures, from FITS to FITS."""

from pathlib import Path

import numpy as np

from benches.speed import measure, scratch, workload
from benches.speed.exposure import CALIBRATIONS, Files
from benches.speed.measure import Result
from benches.speed.ours import SETTINGS

_PEERS = 4  # CCDs for those that take seconds for each


def time_command(
    files: Files,
    repeats: int,
    threads: int = 1,
    form: str = "rice",
    ccds: int | None = None,
    sync: bool = False,
    checksum: str = "error",
) -> Result:
    """Measure ``cfhtisr run``, from the start of the process to its end."""
    count = min(ccds or files.ccds, files.ccds)
    with scratch.folder(files) as out:
        result = run(files, out, form, f"0..{count - 1}", count, threads, sync, checksum)
        made = len(list(out.glob("*.fits")))
        if made != count:
            raise RuntimeError(f"cfhtisr run made {made} products, wanted {count}")
        return result


def run(
    files: Files,
    out: Path,
    form: str,
    ccds: str,
    count: int = 1,
    threads: int = 1,
    sync: bool = False,
    checksum: str = "error",
) -> Result:
    """Run the command; times are divided by ``count``."""
    words = ["run", str(files.raw(form)), "-o", str(out), "--checksum", checksum]
    words += ["--threads", str(threads), "--ccd", ccds]
    for kind in CALIBRATIONS:
        words += [f"--{kind}", str(files.master(kind))]
    words += ["--defects", str(files.defects)]
    for name, value in SETTINGS.items():
        words += ["-c", f"{name}={value}"]
    if not sync:
        words.append("--no-sync")
    return measure.command(words, count, {"CFHTISR_NUM_THREADS": str(threads)})


def time_bare_command(files: Files, repeats: int) -> Result:
    """Measure the command that loads everything and does nothing."""
    return measure.command(["--bare"], 1, {})


def time_fitsio(files: Files, repeats: int, form: str, write: bool = True) -> Result:
    """Measure fitsio reading all inputs and writing three planes, without processing."""
    import fitsio

    def copy(out) -> None:
        for name in files.names():
            frames = []
            for path in (files.raw(form), *map(files.master, CALIBRATIONS)):
                with fitsio.FITS(path) as file:
                    frames.append(file[name].read())
            if write:
                with fitsio.FITS(out / f"{name}.fits", "rw") as file:
                    file.write(frames[1], extname="IMAGE")
                    file.write(mask, extname="MASK")
                    file.write(frames[2], extname="VARIANCE")

    mask = np.zeros((workload.ROWS, workload.COLUMNS), np.int32)
    with scratch.folder(files) as out:
        return measure.once(lambda: copy(out), files.ccds)


def time_ccdproc(files: Files, repeats: int, form: str, interpolate: bool) -> Result:
    """Measure astropy reading and writing, with ccdproc between; imports are not counted."""
    import astropy.units as u
    from astropy.io import fits
    from astropy.nddata import CCDData

    from benches.speed import ccdproc_peer

    names = files.names()[:_PEERS]
    boxes = workload.Workload.load(files.arrays).boxes

    def correct(out) -> None:
        for name in names:
            with fits.open(files.raw(form)) as file:
                raw = file[name].data
            frames = []
            for kind in CALIBRATIONS:
                with fits.open(files.master(kind)) as file:
                    frames.append(CCDData(file[name].data.astype(np.float32), unit=u.adu))
            ccd = ccdproc_peer.correct(raw, boxes, *frames, interpolate)
            hdus = [fits.PrimaryHDU(), fits.ImageHDU(ccd.data.astype(np.float32), name="IMAGE")]
            hdus.append(fits.ImageHDU(ccd.mask.astype(np.int32), name="MASK"))
            variance = (ccd.uncertainty.array**2).astype(np.float32)
            hdus.append(fits.ImageHDU(variance, name="VARIANCE"))
            fits.HDUList(hdus).writeto(out / f"{name}.fits")

    with scratch.folder(files) as out:
        return measure.once(lambda: correct(out), len(names))
