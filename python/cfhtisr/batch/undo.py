"""Corrections of written products taken back."""

__all__ = ["undo_product"]

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from cfhtisr.batch.calibrations import KINDS, Calibrations
from cfhtisr.batch.correct import MAPS
from cfhtisr.errors import FileFormatError
from cfhtisr.images.exposure import Exposure
from cfhtisr.images.masked_image import MaskedImage
from cfhtisr.io import FitsFile, read_exposure, write_exposure
from cfhtisr.io.mosaic import MosaicWriter
from cfhtisr.isr import calibration, undo
from cfhtisr.tasks.cfht import CfhtIsrTaskConfig
from cfhtisr.tasks.fringe import FringeConfig, FringeTask
from cfhtisr.tasks.provenance import FINGERPRINT
from cfhtisr.tasks.record import note

_CARDS = {
    "bias": ("ISRBIAS", "bias frame subtracted"),
    "dark": ("ISRDARK", "dark frame subtracted"),
    "flat": ("ISRFLAT", "flat field divided out"),
    "fringe": ("ISRFRNG", "fringes subtracted"),
}
_NOT_UNDONE = {"ISRGAIN": "gains", "ISRAMPOF": "amplifier offset"}
Facts = Mapping[str, str | int | float]


def undo_product(
    product: Path,
    output: Path,
    calibrations: Calibrations,
    *,
    sync: bool = True,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Take back the corrections of a product whose calibrations are given, and write the rest.

    Parameters
    ----------
    product : Path
        What ``cfhtisr run`` wrote [ADU], of one CCD or of several.
    output : Path
        The new file; it appears when it is complete. One of that name is replaced.
    calibrations : Calibrations
        The frames with which the product was made.
    sync : bool, optional
        Whether the bytes are on the disk on return.
    progress : callable, optional
        Called with the name of each CCD when it is done.

    Raises
    ------
    FileFormatError
        If the product does not have such a correction, was made with other frames, or has later
        corrections that cannot be taken back. Nothing is written then.

    Notes
    -----
    `cfhtisr.isr.undo` states how near the pixels come to what they were; those of a product that
    was rounded (``compress="rice"``) are that much farther off.
    """
    with FitsFile(product) as file:
        primary = file.hdus[0].header
        names = [
            (str(hdu.cards.get("DETNAME", "")), hdu.name != "IMAGE")
            for hdu in file.hdus
            if hdu.cards.get("EXTTYPE") == "IMAGE" and "CFHTISR" in hdu.cards
        ]
    if not names:
        raise FileFormatError(
            f"{product}: no IMAGE HDU of this package, wanted one of its products"
        )
    kinds = [kind for kind in KINDS if calibrations.paths.of(kind)]
    with ExitStack() as stack:
        mosaic = None
        for name, of_several in names:
            exposure = read_exposure(product, ccd=name)
            facts = exposure.provenance
            _take_back(exposure, f"{product}, {name}", kinds, calibrations, facts)
            # Without a fingerprint it is never mistaken for what a run has finished.
            left = {key: value for key, value in facts.items() if key not in (FINGERPRINT, MAPS)}
            left["UNDONE"] = ", ".join(kinds)
            if not of_several:
                write_exposure(exposure, output, overwrite=True, sync=sync, provenance=left)
            else:
                if mosaic is None:
                    mosaic = stack.enter_context(
                        MosaicWriter(
                            output,
                            primary=primary,
                            ccds=[each for each, _ in names],
                            overwrite=True,
                            sync=sync,
                            provenance=left,
                        )
                    )
                mosaic.append(exposure)
            if progress is not None:
                progress(name)


def _take_back(
    exposure: Exposure, where: str, kinds: list[str], calibrations: Calibrations, facts: Facts
) -> None:
    """Undo, the last correction first."""
    header = exposure.metadata
    done = {kind: bool(header.get(card, False)) for kind, (card, _) in _CARDS.items()}
    _refuse(exposure, where, kinds, done, facts)
    frames = {kind: _frames(kind, exposure, where, calibrations, facts) for kind in kinds}
    early = done["flat"] and not header.get("ISR_FRINGE_FLAT", True)
    order = ("flat", "fringe", "dark", "bias") if early else ("fringe", "flat", "dark", "bias")
    for kind in order:
        if kind not in kinds:
            continue
        planes, frame = exposure.masked_image, frames[kind][0]
        if kind == "fringe":
            task = FringeTask(config=FringeConfig(), log=logging.getLogger("cfhtisr"))
            try:
                task.undo(exposure, frames[kind])
            except RuntimeError as error:
                raise FileFormatError(f"{where}: {error}") from error
            continue
        if kind == "flat":
            default = CfhtIsrTaskConfig()
            scaling = str(facts.get("CONFIG flatScalingType", default.flatScalingType))
            user = float(facts.get("CONFIG flatUserScale", default.flatUserScale))
            level = calibration.flat_scale(frame.masked_image, scaling, user)
            undo.flat(planes, frame.masked_image, level)
        elif kind == "dark":
            times = [
                0.0 if f.visit_info is None else f.visit_info.dark_time for f in (exposure, frame)
            ]
            if not times[1] > 0 or times[0] != times[0]:
                raise FileFormatError(
                    f"{where}: dark times are {times[0]} s, and {times[1]} s of the dark frame"
                )
            undo.dark(planes, frame.masked_image, times[0] / times[1])
        else:
            given = frame.masked_image
            if header.get("ISRPARIT") == "lsst-v17":  # which lost the variance of the frame
                given = MaskedImage(given.image.array, given.mask.array)
            undo.dark(planes, given, 1.0)
        note(header, *_entry(kind))
    header.add_history(f"cfhtisr: taken back: {', '.join(kinds)}")


def _entry(kind: str) -> tuple[str, bool, str]:
    card, comment = _CARDS[kind]
    return card, False, comment


def _refuse(
    exposure: Exposure, where: str, kinds: list[str], done: Mapping[str, bool], facts: Facts
) -> None:
    """Refuse what would not give the pixels as they were."""
    header = exposure.metadata
    unit = str(header.get("BUNIT", "adu")).strip()
    if unit != "adu":
        raise FileFormatError(f"{where}: BUNIT is {unit}, wanted adu")
    for kind in kinds:
        if not done[kind]:
            raise FileFormatError(
                f"{where}: {_CARDS[kind][0]} says that there is no {kind} to take back"
            )
    later = {card: name for card, name in _NOT_UNDONE.items() if header.get(card, False)}
    if "bias" in kinds:
        for card, name in (("ISRLIN", "linearity"), ("ISRBFE", "brighter-fatter effect")):
            if header.get(card, False):
                later[card] = name
        if header.get("ISRXTALK", False) and (
            facts.get("CONFIG doCrosstalkBeforeAssemble") == "False"
        ):
            later["ISRXTALK"] = "crosstalk"
    for card, name in later.items():
        raise FileFormatError(
            f"{where}: {card} says that the {name} was corrected since, which is not taken back"
        )
    late = done["fringe"] and bool(header.get("ISR_FRINGE_FLAT", True))
    needs = {
        "fringe": ["flat"] if done["fringe"] and not late and done["flat"] else [],
        "flat": ["fringe"] if late else [],
        "dark": [kind for kind in ("flat",) if done[kind]],
        "bias": [kind for kind in ("flat",) if done[kind]],
    }
    for kind in kinds:
        for other in needs[kind]:
            if other not in kinds:
                raise FileFormatError(
                    f"{where}: the {other} was applied after the {kind}: --{other} is needed too"
                )


def _frames(
    kind: str, exposure: Exposure, where: str, calibrations: Calibrations, facts: Facts
) -> list[Exposure]:
    """Return the frames of a kind, once they are those that the product tells of."""
    found = calibrations.frames(kind, exposure, None)
    name = "FRINGES" if kind == "fringe" else kind.upper()
    assert exposure.detector is not None
    told = facts.get(name, facts.get(f"{name} {exposure.detector.name}"))
    if told is not None:
        # Files may have other names since: what is in them counts.
        given, wanted = [_sums(identity) for _, identity in found], _all_sums(str(told))
        if given != wanted:
            identity = "; ".join(identity for _, identity in found)
            raise FileFormatError(f"{where}: the {kind} is {identity}, but {told} was applied")
    return [frame for frame, _ in found]


def _sums(identity: str) -> str:
    return identity.rpartition(" DATASUM ")[2]


def _all_sums(told: str) -> list[str]:
    return [_sums(identity) for identity in told.split("; ")]
