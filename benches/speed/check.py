"""Do all compute the same? Else their times are no comparison."""

from dataclasses import dataclass

import numpy as np

import cfhtisr
from benches.speed import numpy_peer, ours, scratch, whole
from benches.speed.exposure import Files
from benches.speed.workload import BAD, NAN, SAT, Workload, rolled

CLOSE = 0.01  # ADU, of pixels that nobody interpolated


@dataclass(frozen=True)
class Agreement:
    """How far a result lies from that of careful NumPy."""

    name: str
    pixels: int
    image: float
    variance: float | None

    def __str__(self) -> str:
        text = f"{self.name}: {self.image:.2g} ADU"
        return text if self.variance is None else f"{text}, variance {self.variance:.2g} of it"


def compare(files: Files) -> list[Agreement]:
    """Correct a CCD in every way of ours and compare.

    Raises
    ------
    RuntimeError
        If a mask differs, or a pixel by more than `CLOSE`.
    """
    pixels = Workload.load(files.arrays)
    inputs = ours.Inputs.of(pixels)
    wanted = numpy_peer.correct(pixels)
    found = [_against(wanted, "kernel", ours.bare(inputs))]
    found.append(_against(wanted, "kernel, reused", ours.bare(inputs, ours.planes())))
    for name, fused in (("task", True), ("task, step by step", False)):
        result = ours.run_task(inputs, ours.make_task(fused=fused))
        found.append(_against(wanted, name, result))
    result = ours.run_task(inputs, ours.make_task(), ours.planes())
    found.append(_against(wanted, "task, reused", result))
    last = files.ccds - 1
    wanted = numpy_peer.correct(rolled(pixels, last))
    for form in ("plain", "rice"):
        with scratch.folder(files) as out:
            whole.run(files, out, form, ccds=f"{last}")
            result = cfhtisr.read_exposure(next(out.glob("*.fits"))).masked_image
            name = f"`cfhtisr run` on the {form} file"
            found.append(_against(wanted, name, result, variance=False))
    return found


def _against(wanted, name: str, planes, variance: bool = True) -> Agreement:
    image, mask, noise = planes.getArrays()
    # A pixel without a number in a defect is repaired with the defect, and never flagged as such.
    looked_at = np.where(wanted[1] & (SAT | BAD), SAT | BAD, SAT | BAD | NAN)
    different = int(((mask ^ wanted[1]) & looked_at != 0).sum())
    if different:
        raise RuntimeError(f"{name}: {different} pixels have other flags than careful NumPy's")
    good = (mask == 0) & (wanted[1] == 0)
    distance = float(np.abs(image - wanted[0])[good].max())
    if not distance <= CLOSE:
        raise RuntimeError(f"{name}: a pixel is {distance:.3g} ADU off careful NumPy's")
    spread = float(np.abs(noise / wanted[2] - 1)[good].max()) if variance else None
    if spread is not None and not spread <= 1e-4:
        raise RuntimeError(f"{name}: a variance is {spread:.3g} of it off careful NumPy's")
    return Agreement(name, int(good.sum()), distance, spread)
