"""Amplifiers: level, noise, gain and ceiling; from electrons to counts."""

__all__ = ["CEILING", "AmplifierTruth", "amplifiers", "compress", "digitise", "mix", "row_levels"]

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cfhtisr.camera.mosaic import facts
from cfhtisr.simulate.random import stream
from cfhtisr.simulate.settings import Settings

CEILING = 65535.0
"""Highest count of the converter [ADU]."""

_LIGHT_SLOPE = -1.1e-3  # fall of the overscan level per ADU of light


@dataclass(frozen=True, slots=True)
class AmplifierTruth:
    """One amplifier as it is, and as the header says it is.

    Attributes
    ----------
    name : str
        ``A`` or ``B``.
    level : float
        Overscan level without light [ADU].
    gain, header_gain : float
        [electron/ADU]
    read_noise, header_read_noise : float
        [electron]
    dark_current : float
        [electron/pixel/hour]
    saturation : float
        Highest raw count [ADU].
    """

    name: str
    level: float
    gain: float
    header_gain: float
    read_noise: float
    header_read_noise: float
    dark_current: float
    saturation: float


def amplifiers(settings: Settings, ccd: int) -> tuple[AmplifierTruth, AmplifierTruth]:
    """Return both amplifiers of a CCD.

    The read noise of a file with one amplifier per HDU has a decimal, that of a spliced one is
    a whole number. Three CCDs of the mosaic saturate below the converter's ceiling.
    """
    rng = stream(settings.seed, "amplifiers", ccd)
    centre = np.clip(rng.normal(1160, 70), 900, 1400)
    low = ccd % 13 == 3
    ceiling = rng.uniform(61000, 64500)
    found = []
    for name, sign in (("A", 1), ("B", -1)):
        known = facts(ccd).amplifiers[name]
        header_noise = (
            known.read_noise if settings.layout == "amplifiers" else float(known.header_read_noise)
        )
        error, spread, own = rng.normal(0, 0.03), abs(rng.normal(0, 45)), rng.uniform(0, 0.015)
        if settings.realistic:
            own *= 3
            low_here = low and name == "A"
        else:
            low_here = low
        found.append(
            AmplifierTruth(
                name,
                level=float(centre + sign * spread),
                gain=known.gain * (1 + error if settings.realistic else 1.0),
                header_gain=known.gain,
                read_noise=known.read_noise if settings.realistic else header_noise,
                header_read_noise=header_noise,
                dark_current=known.dark_current,
                saturation=float(round(ceiling * (1 - own))) if low_here else CEILING,
            )
        )
    return (found[0], found[1])


def row_levels(
    amplifier: AmplifierTruth, settings: Settings, ccd: int, raw_rows: int, light: float
) -> NDArray[np.float32]:
    """Return the bias level of every raw row [ADU].

    It falls with the mean light of the frame, drifts by an ADU or two from the first row to
    the last, and wanders by 0.3 ADU over tens of rows.

    Parameters
    ----------
    amplifier : AmplifierTruth
        Whose level.
    settings : Settings
        What is simulated.
    ccd : int
        Number of the CCD.
    raw_rows : int
        Rows of the raw frame.
    light : float
        Mean light of the amplifier [ADU].
    """
    rng = stream(settings.seed, f"rows {amplifier.name}", ccd, settings.frame)
    drift = rng.normal(0, 1.0) * np.linspace(-0.5, 0.5, raw_rows)
    reach = 30
    white = rng.normal(0, 1, raw_rows + 2 * reach)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / 10.0) ** 2)
    wander = np.convolve(white, 0.3 * kernel / np.sqrt((kernel**2).sum()), "valid")
    level = amplifier.level + _LIGHT_SLOPE * light + drift + wander
    level[settings.jump_row :] += settings.bias_jump
    return level.astype(np.float32)


def compress(counts: NDArray[np.float32], shot: NDArray[np.float32], coefficient: float) -> None:
    """Make counts v of linear ones u with ``v + c v^2 = u``, in place; negative ones stay.

    Parameters
    ----------
    counts : ndarray of float32
        Counts above the bias [ADU].
    shot : ndarray of float32
        Variance of the photons [ADU^2]; it shrinks with the square of the slope.
    coefficient : float
        The c of the formula, not negative [1/ADU].
    """
    for row, noise in zip(counts, shot, strict=True):
        root = np.sqrt(1 + 4 * coefficient * np.maximum(row, 0).astype(np.float64))
        # 2 u / (1 + root) is (root - 1) / 2 c without its cancellation.
        row[...] = np.where(row > 0, 2 * row / (1 + root), row)
        noise /= root * root


def mix(counts: NDArray[np.float32], coefficient: float) -> None:
    """Add to each half what the other leaves on it, the first pixels read out first.

    Parameters
    ----------
    counts : ndarray of float32, shape (rows, columns)
        Both halves, above the bias [ADU]; changed in place.
    coefficient : float
        What is left, as a part of the signal.
    """
    for row in counts:
        # A is read out from the left, B from the right.
        row += np.float32(coefficient) * row[::-1]


def digitise(
    counts: NDArray[np.float32],
    shot: NDArray[np.float32] | None,
    amplifier: AmplifierTruth,
    rng: np.random.Generator,
) -> NDArray[np.uint16]:
    """Add noise to counts, round and clip them; ``counts`` is used up.

    The noise of rounding, 1/12 ADU^2, is part of any read noise that was ever measured, so the
    analogue noise is less by that.

    Parameters
    ----------
    counts : ndarray of float32
        Noise-free counts, bias level included [ADU].
    shot : ndarray of float32 or None
        Variance of the photons [ADU^2]; used up. None without light.
    amplifier : AmplifierTruth
        Whose noise and ceiling.
    rng : numpy.random.Generator
        Source of the noise.
    """
    read = max((amplifier.read_noise / amplifier.gain) ** 2 - 1 / 12, 0.0)
    noise = rng.standard_normal(counts.shape, dtype=np.float32)
    if shot is None:
        noise *= np.float32(np.sqrt(read))
    else:
        shot += np.float32(read)
        noise *= np.sqrt(shot, out=shot)
    counts += noise
    np.rint(counts, out=counts)
    np.clip(counts, 0, np.float32(amplifier.saturation), out=counts)
    return counts.astype(np.uint16)
