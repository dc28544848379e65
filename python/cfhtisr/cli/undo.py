"""``cfhtisr undo``: corrections of products taken back."""

__all__ = ["add_parser"]

import argparse
import sys
from pathlib import Path
from typing import Any

_DESCRIPTION = """\
Take corrections of products back and write what is left, under the same names, to another
folder. The scales are read from the products; the frames must be those that made them, which is
checked by their DATASUM where the product tells it.

Image and variance come back within the rounding of float32: with u = 2^-24, a dark, bias or
fringe frame is off by at most u (|corrected| + |restored|), a flat by (2 u + u^2) |restored|, and
several by their sum. With --bias the variance keeps the photon noise of the pixels without the
bias; only the frame's own variance leaves it. Flags stay as they are. Pixels that were
interpolated (INTRP) come back as what the interpolation makes of them, not as they were; where
the flat is 0 nothing comes back.
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "undo",
        help="take corrections of products back",
        description=_DESCRIPTION,
        epilog="What was applied later has to be taken back with it: a fringe frame, then the "
        "flat, then dark and bias. Products in electrons are refused.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("products", nargs="+", type=Path, metavar="PRODUCT", help="of run")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="folder")
    group = parser.add_argument_group("what is taken back", "files or folders, as for run")
    for kind in ("bias", "dark", "flat", "fringe"):
        action = "append" if kind == "fringe" else "store"
        text = "several as they were given" if kind == "fringe" else f"the {kind} frame"
        group.add_argument(f"--{kind}", type=Path, metavar="F", help=text, action=action)
    parser.add_argument("--no-sync", action="store_true", help="do not wait for the disk")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Undo each product; one that fails does not keep the others."""
    from cfhtisr.batch.calibrations import CalibrationPaths, Calibrations
    from cfhtisr.batch.undo import undo_product
    from cfhtisr.cli._progress import progress

    paths = CalibrationPaths(options.bias, options.dark, options.flat, options.fringe)
    if not paths.given():
        raise ValueError("nothing is to be taken back: give --flat, --dark, --fringe or --bias")
    paths.check()
    names = [path.name for path in options.products]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name}: two products of this name would be written to one file")
    inputs = {path.resolve() for path in (*options.products, *paths.given())}
    for path in options.products:
        if (options.output / path.name).resolve() in inputs:
            raise ValueError(f"{options.output / path.name}: would overwrite an input")
    options.output.mkdir(parents=True, exist_ok=True)
    failed = []
    calibrations = Calibrations(paths)
    try:
        with progress("taking back", "products") as tell:
            for done, path in enumerate(options.products, 1):
                ccds: list[str] = []
                try:
                    undo_product(
                        path,
                        options.output / path.name,
                        calibrations,
                        sync=not options.no_sync,
                        progress=ccds.append,
                    )
                    line = f"{path.name} done: {', '.join(ccds)}"
                except (OSError, ValueError, LookupError, RuntimeError) as error:
                    failed.append(str(error))
                    line = f"{path.name} failed"
                tell(done, len(options.products), line)
    finally:
        calibrations.close()
    for text in failed:
        print(f"cfhtisr: {text}", file=sys.stderr)
    print(f"{len(names)} products: {len(names) - len(failed)} done, {len(failed)} failed")
    return 1 if failed else 0
