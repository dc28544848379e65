"""``cfhtisr info``: what is in a file."""

__all__ = ["add_parser"]

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfhtisr.cli._ccds import ccd_list

if TYPE_CHECKING:
    from cfhtisr.io import FitsFile
    from cfhtisr.io.hdu import Hdu
    from cfhtisr.io.raw import RawScan

_DESCRIPTION = """\
Say what files are: of raw MegaCam files and masters the kind, era, layout, CCDs, filter and
times; of products of this package the CCDs, what was done and with what; of any other FITS
file its HDUs. Only headers are read, unless --levels asks for the overscan level, sky and
highest value of each CCD as well. The exit status is 1 if a file cannot be read, or is damaged.
"""
_SHOWN = 9  # CCDs, or HDUs of a file that is neither raw nor ours, that are listed one by one
_STEPS = {
    "overscan": "ISROSCN",
    "bias": "ISRBIAS",
    "dark": "ISRDARK",
    "flat": "ISRFLAT",
    "fringe": "ISRFRNG",
    "defects": "ISRDEFCT",
}


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "info",
        help="say what is in a file",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="FITS files")
    parser.add_argument("--levels", action="store_true", help="read the pixels and give levels")
    parser.add_argument("--ccd", type=ccd_list, metavar="LIST", help="CCDs of --levels; all")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Describe each file; one that cannot be read does not keep the others."""
    bad = 0
    for path in options.files:
        try:
            damage = _tell(path, options)
        except BrokenPipeError:
            raise  # that is no trouble of the file's
        except (OSError, ValueError, LookupError) as error:
            damage = str(error.args[0]) if isinstance(error, KeyError) else str(error)
        if damage:
            bad += 1
            print(f"cfhtisr: {damage}", file=sys.stderr)
    return 1 if bad else 0


def _tell(path: Path, options: argparse.Namespace) -> str | None:
    """Print what a file is; return what is wrong with it, if anything."""
    from cfhtisr.io import FitsFile
    from cfhtisr.io.raw import scan_raw

    with FitsFile(path, checksum="ignore") as file:
        damage = file.damage
        hdus = list(file.hdus)
        is_map = hdus[0].cards.get("EXTTYPE") in ("WEIGHT", "FLAG")
        if is_map or any("CFHTISR" in hdu.cards for hdu in hdus):
            lines, levels = list(_describe_product(file, hdus)), _product_levels
        else:
            try:
                scan = scan_raw(path)
            except (OSError, ValueError, LookupError) as error:
                lines, levels = list(_describe_any(hdus, path, error)), _any_levels
            else:
                lines, levels = list(_describe_raw(scan, hdus)), _raw_levels
    print("\n".join([str(path), *lines]))
    if options.levels:
        for line in levels(path, options.ccd):
            print(line)
    return damage


def _numbers(ccds: Sequence[int]) -> str:
    return ",".join(map(str, ccds)) if len(ccds) <= _SHOWN else f"{len(ccds)} of them"


def _is_simulated(hdus: Sequence["Hdu"]) -> bool:
    marks = ("cfhtisr simulate", "Seed of the simulation")
    return any(mark in card for hdu in hdus[:2] for card in hdu.cards for mark in marks)


def _describe_raw(scan: "RawScan", hdus: Sequence["Hdu"]) -> Iterator[str]:
    simulated = ", simulated" if _is_simulated(hdus) else ""
    yield f"  kind       {scan.kind}{simulated}"
    if scan.processed:
        yield f"  processed  {scan.processed}"
    yield f"  era        {scan.n_ccd} CCDs, layout {scan.layout}"
    yield f"  CCDs       {_numbers(scan.ccds)}"
    stated = scan.primary.get("NEXTEND")
    if isinstance(stated, int) and stated > scan.n_images:
        yield f"  lacking    NEXTEND is {stated}, but there are {scan.n_images} images of CCDs"
    packing = sorted({hdu.compression or "none" for hdu in hdus if hdu.shape is not None})
    yield f"  packing    {', '.join(packing)}"
    yield f"  exposure   {scan.obsid}, object {scan.object or '-'}"
    yield f"  filter     {scan.filter or '-'}"
    yield (
        f"  times      exposure {scan.exposure_time:g} s, dark {scan.dark_time:g} s, "
        f"start MJD {scan.mjd:.5f}"
    )


def _describe_product(file: "FitsFile", hdus: Sequence["Hdu"]) -> Iterator[str]:
    from cfhtisr.io._reader import ExposureReader

    images = [hdu for hdu in hdus if hdu.cards.get("EXTTYPE") == "IMAGE"]
    if not images:
        kinds = {str(hdu.cards.get("EXTTYPE", "")) for hdu in hdus} - {""}
        yield f"  kind       {' and '.join(sorted(kinds)).lower() or 'file'} map of cfhtisr"
        yield from map(_line_of, hdus)
        return
    first = images[0]
    version = first.cards.get("CFHTISR")
    simulated = ", of a simulated exposure" if _is_simulated(hdus) else ""
    yield f"  kind       product of cfhtisr {version}{simulated}"
    names = [str(hdu.cards.get("DETNAME", hdu.name)) for hdu in images]
    few = len(names) <= _SHOWN
    yield f"  CCDs       {', '.join(names) if few else f'{len(names)} of them'}"
    missing = str(hdus[0].cards.get("MISSING") or "").strip()
    if missing:
        yield f"  missing    {missing}"
    rows, columns = first.shape or (0, 0)
    yield f"  pixels     {columns} x {rows}, {first.dtype}, unit {first.cards.get('BUNIT')}"
    yield f"  exposure   {first.cards.get('VISIT', '-')}"
    yield f"  filter     {first.cards.get('FILTER', '-')}"
    header = (
        hdus[0].cards if any(card in hdus[0].cards for card in _STEPS.values()) else first.cards
    )
    done = [step for step, card in _STEPS.items() if header.get(card) is True]
    rest = [step for step in _STEPS if step not in done]
    yield f"  corrected  {', '.join(done) or 'nothing'}" + (
        f"; not {', '.join(rest)}" if rest else ""
    )
    try:
        facts = ExposureReader(file).provenance()
    except (OSError, ValueError) as error:
        yield f"  made of    cannot be read: {error}"
        return
    for name, value in facts.items():
        if "DATASUM" in str(value) or "SHA256" in str(value):
            yield f"  made of    {name.lower()} {value}"
    for name, value in facts.items():
        if name.startswith("CONFIG "):
            yield f"  setting    {name.removeprefix('CONFIG ')} = {value}"


def _describe_any(hdus: Sequence["Hdu"], path: Path, error: Exception) -> Iterator[str]:
    why = str(error).removeprefix(f"{path}").lstrip(":, ")
    simulated = "simulated; " if _is_simulated(hdus) else ""
    yield f"  kind       {simulated}FITS file, no raw exposure of MegaCam: {why}"
    yield from map(_line_of, hdus)


def _line_of(hdu: "Hdu") -> str:
    name = hdu.name or "-"
    if hdu.shape is not None:
        rows, columns = hdu.shape
        what = f"image {columns} x {rows} {hdu.dtype}"
        what += f", {hdu.compression}" if hdu.compression else ""
    elif hdu.is_image:
        axes = hdu.image[1]
        what = f"image {' x '.join(map(str, axes))}" if axes else "no data"
    else:
        rows = hdu.axes[1] if len(hdu.axes) > 1 else 0
        what = f"{str(hdu.cards.get('XTENSION', '?')).strip()} of {rows} rows"
    return f"  HDU {hdu.index:<3}  {name:<16} {what}, {hdu.data_size} bytes"


def _raw_levels(path: Path, ccds: Sequence[int] | None) -> Iterator[str]:
    from cfhtisr.io import open_raw
    from cfhtisr.isr import statistics

    yield "  ccd    amp  overscan      data    highest   [ADU]"
    with open_raw(path, processed=True) as file:
        for ccd in ccds or file.ccds:
            exposure = file.read(ccd)
            for amp in exposure.detector or ():
                data = exposure.image.subset(amp.raw_data_bbox).array
                strip = exposure.image.subset(amp.raw_horizontal_overscan_bbox).array
                # A master that is trimmed has no overscan.
                level = statistics.compute(strip, "MEDIAN") if strip.size else float("nan")
                middle, top = statistics.compute(data, ("MEDIAN", "MAX"))
                yield f"  ccd{ccd:02d}  {amp.name}  {level:9.1f} {middle:9.1f} {top:10.1f}"


def _product_levels(path: Path, ccds: Sequence[int] | None) -> Iterator[str]:
    from cfhtisr.batch.facts import measure
    from cfhtisr.io import FitsFile, read_exposure

    with FitsFile(path, checksum="ignore") as file:
        images = [hdu for hdu in file.hdus if hdu.cards.get("EXTTYPE") == "IMAGE"]
        found = [hdu.cards.get("DETID") for hdu in images]
    yield "  ccd          sky     noise  flagged"
    for ccd in found:
        if not isinstance(ccd, int) or (ccds and ccd not in ccds):
            continue
        exposure = read_exposure(path, ccd=ccd)
        facts = measure(exposure)
        flagged = (exposure.mask.array != 0).mean() if exposure.mask.array.size else 0.0
        yield f"  ccd{ccd:02d}  {facts['sky']:9.1f} {facts['noise']:9.2f} {flagged:7.2%}"


def _any_levels(path: Path, ccds: Sequence[int] | None) -> Iterator[str]:
    from cfhtisr.io import FitsFile
    from cfhtisr.isr import statistics

    with FitsFile(path) as file:
        images = [hdu for hdu in file.hdus if hdu.shape is not None and 0 not in hdu.shape]
        if images:
            yield "  HDU      lowest    median   highest"
        for hdu in images:
            pixels = file.read(hdu.index).astype("f4")
            low, middle, top = statistics.compute(pixels, ("MIN", "MEDIAN", "MAX"))
            yield f"  {hdu.index:<3} {low:11.6g} {middle:9.6g} {top:9.6g}"
