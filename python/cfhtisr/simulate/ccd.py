"""One CCD: light and charge all the way from the sky to the counts of a raw frame."""

__all__ = ["SimulatedCcd", "simulate_ccd"]

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cfhtisr.camera.detector import Detector
from cfhtisr.camera.mosaic import megacam_like
from cfhtisr.images.mask import PLANES
from cfhtisr.simulate import electronics
from cfhtisr.simulate.bleed import bleed
from cfhtisr.simulate.cosmics import add_cosmics
from cfhtisr.simulate.defects import Defects, draw_defects
from cfhtisr.simulate.electronics import AmplifierTruth
from cfhtisr.simulate.flats import flat_field
from cfhtisr.simulate.fringes import fringe_pattern
from cfhtisr.simulate.masters import (
    DARK_TIME,
    FRINGE_SKY,
    bias_structure,
    dark_rate,
    to_stored,
)
from cfhtisr.simulate.random import stream
from cfhtisr.simulate.settings import Settings
from cfhtisr.simulate.sky import sky_light, sky_plane
from cfhtisr.simulate.stars import add_stars

_FEW = 50.0  # electrons below which photons are drawn from the Poisson distribution


@dataclass(frozen=True, slots=True)
class SimulatedCcd:
    """Everything about one simulated CCD.

    Attributes
    ----------
    detector : Detector
        Its boxes.
    amplifiers : tuple of AmplifierTruth
        Both, as they are.
    raw : ndarray of uint16, shape (raw rows, raw columns)
        Counts [ADU].
    masters : dict of str to ndarray of int16
        ``bias``, ``dark``, ``flat`` and ``fringe`` as stored, in raw geometry.
    defects : Defects
        The table of defects.
    truth : ndarray of float32, shape (rows, columns)
        What a perfect correction returns: sky and stars without noise [ADU].
    mask : ndarray of int32, shape (rows, columns)
        What was injected: BAD, SAT, CR, UNMASKEDNAN, and SUSPECT for charge of other pixels.
    levels : tuple of float
        Mean overscan level of each amplifier over the rows of the data [ADU].
    fringe_scale : float
        What the master fringe has to be multiplied with.
    dark_time : float
        [s]
    """

    detector: Detector
    amplifiers: tuple[AmplifierTruth, AmplifierTruth]
    raw: NDArray[np.uint16]
    masters: dict[str, NDArray[np.int16]]
    defects: Defects
    truth: NDArray[np.float32]
    mask: NDArray[np.int32]
    levels: tuple[float, float]
    fringe_scale: float
    dark_time: float


def simulate_ccd(settings: Settings, ccd: int, masters: bool = True) -> SimulatedCcd:
    """Simulate one CCD.

    Parameters
    ----------
    settings : Settings
        What is simulated.
    ccd : int
        Number of the CCD.
    masters : bool, optional
        Store the masters too.
    """
    rows, columns = settings.rows, settings.columns
    detector = megacam_like(rows, columns, settings.n_ccd)[ccd]
    amplifiers = electronics.amplifiers(settings, ccd)
    halves = (slice(0, columns // 2), slice(columns // 2, columns))
    defects = draw_defects(settings, ccd)
    bad = defects.mask(rows, columns)
    flat = flat_field(settings, ccd, bad)
    bias = bias_structure(settings, ccd)
    rate = dark_rate(settings, ccd, amplifiers)
    raw_shape, left = detector.raw_bbox.shape, detector["A"].raw_data_bbox.x0
    dark_time = 0.0 if settings.kind == "b" else float(np.floor(settings.exposure_time))

    stored: dict[str, NDArray[np.int16]] = {}
    gain = np.empty(columns, np.float32)
    for half, amplifier in zip(halves, amplifiers, strict=True):
        gain[half] = amplifier.gain
    if masters:
        stored["bias"] = to_stored("bias", bias, raw_shape, left)
        stored["dark"] = to_stored("dark", rate * (np.float32(DARK_TIME) / gain), raw_shape, left)
        master_flat = flat.response.copy()
        # A stored flat cannot hold exactly 0: 3.2 + 0.0001 n never comes out at it in binary.
        master_flat[flat.dead[:, 1], flat.dead[:, 0]] = np.nan
        stored["flat"] = to_stored("flat", master_flat, raw_shape, left)
        del master_flat
    light = sky_light(settings.filter)
    fringes = light.fringes if settings.lit and settings.kind == "o" else 0.0
    fringe_scale = fringes * light.rate * settings.exposure_time
    if settings.realistic:
        # The night-sky lines go their own ways; all CCDs see the same.
        fringe_scale *= 1 + 0.065 * stream(settings.seed, "airglow", frame=settings.frame).normal()
    pattern = None
    if light.fringes and (masters or fringe_scale):
        pattern = fringe_pattern(settings, ccd)
    if masters:
        plane = np.zeros((rows, columns), np.float32) if pattern is None else pattern
        amplitude = np.float32(max(light.fringes, 0.0) * FRINGE_SKY)
        stored["fringe"] = to_stored("fringe", plane * amplitude, raw_shape, left)

    if settings.lit:
        truth = sky_plane(settings, ccd)
        if settings.kind in "ox":
            add_stars(truth, settings, ccd)
    else:
        truth = np.zeros((rows, columns), np.float32)
    charge = truth.copy()
    if pattern is not None and fringe_scale:
        pattern *= np.float32(fringe_scale)
        charge += pattern
    del pattern
    charge *= flat.response
    mean_light = [float(charge[::8, half].mean()) for half in halves]
    charge *= gain
    if dark_time:
        rate *= np.float32(dark_time)
        charge += rate
    del rate

    # Photons of faint frames are few: their numbers are drawn; the rest is Gaussian.
    few = settings.kind == "d" or (settings.lit and bool(np.median(charge[::16, ::16]) < _FEW))
    if few:
        _draw_photons(charge, stream(settings.seed, "photons", ccd, settings.frame))
    full_well = stream(settings.seed, "full well", ccd).uniform(150e3, 200e3)
    touched = bleed(charge, full_well)
    defects.apply(charge)
    shot = charge / (gain * gain)
    np.maximum(shot, 0, out=shot)
    if few:
        shot[charge < _FEW] = 0
    hit = add_cosmics(charge, settings, ccd, dark_time)

    charge /= gain  # [ADU] from here on
    for half, amplifier in zip(halves, amplifiers, strict=True):
        if settings.is_dead(ccd, amplifier.name):
            charge[:, half] = shot[:, half] = 0
    if settings.nonlinearity:
        electronics.compress(charge, shot, settings.nonlinear_coefficient)
    if settings.crosstalk:
        electronics.mix(charge, settings.crosstalk)
    charge += bias
    del bias
    raw = np.empty(raw_shape, np.uint16)
    saturated = np.zeros((rows, columns), np.bool_)
    levels = []
    noise = stream(settings.seed, "noise", ccd, settings.frame)
    for half, amplifier, much in zip(halves, amplifiers, mean_light, strict=True):
        boxes = detector[amplifier.name]
        level = electronics.row_levels(amplifier, settings, ccd, raw_shape[0], much)
        levels.append(float(level[:rows].mean()))
        data = charge[:, half]
        data += level[:rows, None]
        np.greater_equal(data, amplifier.saturation, out=saturated[:, half])
        raw[boxes.raw_data_bbox.slices] = electronics.digitise(
            data, shot[:, half], amplifier, noise
        )
        area = boxes.raw_horizontal_overscan_bbox.slices[1]
        strip = np.repeat(level[:, None], area.stop - area.start, axis=1)
        raw[:, area] = electronics.digitise(strip, None, amplifier, noise)
        if not boxes.raw_vertical_overscan_bbox.is_empty:
            up = boxes.raw_vertical_overscan_bbox
            rows_above = np.repeat(level[up.y0 : up.y1 + 1, None], up.width, axis=1)
            raw[up.slices] = electronics.digitise(rows_above, None, amplifier, noise)

    mask = _injected(bad, saturated, hit, touched, flat.dead)
    return SimulatedCcd(
        detector,
        amplifiers,
        raw,
        stored,
        defects,
        truth,
        mask,
        (levels[0], levels[1]),
        fringe_scale / (light.fringes * FRINGE_SKY) if light.fringes else 0.0,
        dark_time,
    )


def _draw_photons(charge: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Replace the charge of faint pixels by whole numbers of electrons."""
    for first in range(0, len(charge), 256):
        band = charge[first : first + 256]
        drawn = rng.poisson(np.clip(band, 0, _FEW))
        faint = band < _FEW
        band[faint] = drawn[faint]


def _injected(
    bad: NDArray[np.bool_],
    saturated: NDArray[np.bool_],
    hit: NDArray[np.bool_],
    touched: NDArray[np.bool_],
    dead: NDArray[np.intp],
) -> NDArray[np.int32]:
    mask = bad.astype(np.int32)
    saturated &= ~bad
    touched &= ~saturated
    for plane, where in (("SAT", saturated), ("CR", hit), ("SUSPECT", touched)):
        mask[where] |= 1 << PLANES[plane]
    # A dead pixel beside a saturated one is repaired together with it.
    for x, y in dead:
        if not saturated[max(0, y - 4) : y + 5, max(0, x - 4) : x + 5].any():
            mask[y, x] |= 1 << PLANES["UNMASKEDNAN"]
    return mask
