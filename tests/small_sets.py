"""Small simulated exposures with all their calibrations, and the calls that correct them."""

from pathlib import Path

from astropy.io import fits

from cfhtisr.cli.main import main
from cfhtisr.simulate.files import exposure

CCDS = (0, 7, 12)
SMALL = {"ccds": CCDS, "rows": 96, "columns": 128}
KINDS = ("bias", "dark", "flat", "fringe", "defects")
# The apertures that measure fringes have to fit into these CCDs.
SMALL_FRINGES = ("-c", "fringe.large=10")


def small_set(folder, **changes):
    """Simulate a set of three small CCDs."""
    return exposure(folder, **{**SMALL, **changes})


def calibrations(files, kinds=KINDS):
    """Return the arguments that name the calibrations of a set."""
    words = [word for kind in kinds for word in (f"--{kind}", files.paths[kind])]
    return [*words, *(SMALL_FRINGES if "fringe" in kinds else ())]


def run(raws, out, *words):
    """Run the command in this process and return its exit status."""
    raws = [raws] if isinstance(raws, str | Path) else raws
    return main(["run", *map(str, raws), "-o", str(out), "--no-sync", *map(str, words)])


def contents(folder):
    """Return the bytes of all files of a folder by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def edited(path, to, ccds=None, **cards):
    """Copy a plain FITS file with other cards, or only some of its CCDs, without checksums.

    ``cut=(rows, columns)`` leaves out pixels at the end.
    """
    cut = cards.pop("cut", None)
    with fits.open(path, do_not_scale_image_data=True, disable_image_compression=True) as hdus:
        kept = [hdus[0]]
        kept += [hdu for hdu in hdus[1:] if ccds is None or hdu.name.lower() in ccds]
        for hdu in kept:
            for name in ("CHECKSUM", "DATASUM"):
                hdu.header.remove(name, ignore_missing=True)
            for name, value in cards.items():
                if name in hdu.header:
                    hdu.header[name] = value
            if cut is not None and hdu.data is not None:
                hdu.data = hdu.data[: -cut[0] or None, : -cut[1] or None]
        fits.HDUList(kept).writeto(to)
    return to
