"""``cfhtisr simulate``: an exposure with known truth."""

__all__ = ["add_parser", "run"]

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from cfhtisr.cli._ccds import ccd_list
from cfhtisr.cli._progress import progress

_TEXT = """\
Simulate a MegaCam exposure with everything that is needed to correct it, and the truth.

Written into DIR, N being the number of the exposure, which follows from the seed:

  raw-No.fits.fz      the exposure, laid out as the observatory's files
  bias-N.fits.fz      the masters, in raw geometry (2112 x 4644), 16 bits and a scale
  dark-N.fits.fz
  flat-N.fits.fz
  fringe-N.fits.fz
  defects-N.fits      boxes of bad pixels, one table per CCD
  truth-N.fits.fz     sky and stars without noise [ADU], and a mask of what was put in

In the pixels: overscan levels of each amplifier that fall with the light and drift along the
rows, bias structure, dark current, flat field with dust and dead pixels, fringes, stars that
saturate and bleed, cosmic rays, bad rows and columns, photon and read noise. The same options
give the same bytes, whatever -j is.

A whole exposure of 40 CCDs takes about 2 GB and, with -j 2, a minute or two.
"""

_EXAMPLES = """\
examples:
  cfhtisr simulate -o night                        a full exposure, 40 CCDs, i band
  cfhtisr simulate -o few --ccds 0,12..14          four of its CCDs; their pixels are the same
  cfhtisr simulate -o tiny --rows 96 --columns 128 small CCDs, for tests
  cfhtisr simulate -o old --n-ccd 36 --layout amplifiers --filter r.MP9601
                                                   a file of 2003, one amplifier per HDU
  cfhtisr simulate -o bias --kind b --only raw     a raw bias, nothing else
  cfhtisr simulate -o bias --kind b --only raw --frame 1
                                                   another one of the same camera

then:
  cfhtisr run few/raw-*.fits.fz -o out --bias few/bias-*.fits.fz --flat few/flat-*.fits.fz
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the command to those of the program."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "simulate",
        help="write a simulated exposure, its masters and its truth",
        description=_TEXT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("-o", "--output", metavar="DIR", required=True, type=Path, help="folder of the files")
    add("--n-ccd", type=int, choices=(36, 40), default=40, help="era of the camera (40)")
    add("--ccds", type=ccd_list, metavar="LIST", help="CCDs to write, such as 0,3..5 (all)")
    add("--rows", type=int, default=4612, help="rows of a CCD that see light (4612)")
    add("--columns", type=int, default=2048, help="columns of a CCD that see light (2048)")
    add("--filter", help="filter; those that fringe are i, z and gri (the i of the era)")
    add("--exposure-time", type=float, default=60.0, metavar="S", help="seconds (60)")
    add("--seed", type=int, default=1, help="seed of all random numbers (1)")
    add("--kind", choices=tuple("ofbdxl"), default="o", help="object, flat, bias, dark, ... (o)")
    add("--frame", type=int, default=0, metavar="N", help="0 to 99: same camera, other noise (0)")
    add("--layout", choices=("spliced", "amplifiers"), default="spliced", help="HDUs (spliced)")
    add(
        "--compress",
        choices=("RICE_1", "GZIP_1", "GZIP_2", "none"),
        default="RICE_1",
        help="tile compression of raw file and masters (RICE_1)",
    )
    add("--gzip", action="store_true", help="write the raw as .fits.gz; wants --compress none")
    add("--realistic", action="store_true", help="gains 3 %% off the header's, noise with decimals")
    add("--crosstalk", type=float, default=0.0, metavar="C", help="between the halves of a CCD (0)")
    add(
        "--nonlinearity",
        type=float,
        default=0.0,
        metavar="F",
        help="loss at 50000 ADU, such as 0.01 (0); v + F / 50000 v^2 corrects it",
    )
    add(
        "--dead-amplifiers",
        default="",
        metavar="LIST",
        help="amplifiers without light, such as 12A,30B (none); their defects cover them",
    )
    add("--bias-jump", type=float, default=0.0, metavar="ADU", help="at the middle raw row (0)")
    add("--date", default="", metavar="DATE", help="the night, UTC, such as 2019-12-04")
    add("--header-variant", default="", metavar="NAME", help="an oddity of real headers; 'list'")
    add("--only", metavar="FILES", help="some of raw,bias,dark,flat,fringe,defects,truth")
    add("-j", "--workers", type=int, default=1, metavar="N", help="processes at work (1)")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Simulate; return the exit status."""
    from cfhtisr.simulate.files import disk_space, simulate_files
    from cfhtisr.simulate.settings import HEADER_VARIANTS, Settings

    if options.header_variant == "list":
        for name, text in HEADER_VARIANTS.items():
            if name:
                print(f"{name:18} {text}")
        return 0
    only = tuple(options.only.split(",")) if options.only else None
    try:
        settings = Settings(
            n_ccd=options.n_ccd,
            ccds=options.ccds or (),
            rows=options.rows,
            columns=options.columns,
            filter=options.filter or ("i.MP9703" if options.n_ccd == 40 else "i.MP9702"),
            seed=options.seed,
            exposure_time=options.exposure_time,
            layout=options.layout,
            compress=None if options.compress == "none" else options.compress,
            realistic=options.realistic,
            header_variant=options.header_variant,
            kind=options.kind,
            frame=options.frame,
            gzip=options.gzip,
            crosstalk=options.crosstalk,
            nonlinearity=options.nonlinearity,
            dead_amplifiers=tuple(options.dead_amplifiers.split(","))
            if options.dead_amplifiers
            else (),
            bias_jump=options.bias_jump,
            date=options.date,
        )
        options.output.mkdir(parents=True, exist_ok=True)
        if only is None or set(only) <= set(_files()):
            free = shutil.disk_usage(options.output).free
            need = disk_space(settings, only)
            print(
                f"simulating {len(settings.ccds)} CCDs into {options.output}: "
                f"up to {need / 1e9:.2f} GB, {free / 1e9:.1f} GB free",
                file=sys.stderr,
            )
        start = time.monotonic()
        with progress("simulate") as report:
            made = simulate_files(
                settings, options.output, workers=options.workers, progress=report, only=only
            )
    except (OSError, ValueError) as error:
        print(f"cfhtisr simulate: {error}", file=sys.stderr)
        return 1
    for kind in only or _files():
        path = made.paths[kind]
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    print(f"simulated in {time.monotonic() - start:.1f} s", file=sys.stderr)
    return 0


def _files() -> tuple[str, ...]:
    from cfhtisr.simulate.products import FILES

    return FILES
