"""Section cards of a raw header: from them the detector, and from a detector the cards."""

__all__ = ["detector_for", "section_cards"]

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cfhtisr.camera.detector import Detector
from cfhtisr.camera.mosaic import build, ccd_number, facts, megacam, raw_shape, trimmed_shape
from cfhtisr.camera.record import HasGet, Repair, value_of
from cfhtisr.images.geom import Box2I

if TYPE_CHECKING:
    from cfhtisr.images.lean_header import LeanHeader

_AMPLIFIERS = ("A", "B")
_SECTIONS = [f"{kind}SEC{name}" for kind in "BCD" for name in _AMPLIFIERS]
_CARDS = ("DATASEC", "CCDSIZE", "DETSEC", *_SECTIONS)
_KINDS = (str, int, float, bool, type(None))


def section_cards(detector: Detector) -> dict[str, str]:
    """Return the section cards that a raw header of this detector has.

    Parameters
    ----------
    detector : Detector
        With the two amplifiers ``A`` and ``B``.

    Returns
    -------
    cards : dict of str to str
        ``DATASEC``, ``CCDSIZE``, ``BIASSEC`` (a dummy) and for each amplifier ``ASEC``,
        ``DSEC``, ``TSEC``, ``BSEC`` and ``CSEC``; ``DETSEC`` for a CCD of the real size.

    Examples
    --------
    >>> from cfhtisr.camera import megacam
    >>> section_cards(megacam()[0])["BSECB"]
    '[2081:2112,1:4644]'
    """
    cards = {"CCDSIZE": detector.bbox.to_section()}
    data = Box2I(0, 0, 0, 0)
    for name in _AMPLIFIERS:
        amplifier = detector[name]
        data = data.union(amplifier.raw_data_bbox)
    if detector.bbox.shape == trimmed_shape():
        cards["DETSEC"] = facts(detector.id).mosaic
    cards |= {"DATASEC": data.to_section(), "BIASSEC": "[0:0,0:0]"}
    for name in _AMPLIFIERS:
        amplifier = detector[name]
        area, inner = amplifier.raw_bbox, amplifier.raw_data_bbox
        columns = amplifier.raw_horizontal_overscan_bbox
        # Of the real headers, ASEC leaves the overscan rows out and BSEC takes them in.
        used = Box2I(area.x0, inner.y0, area.width, inner.height)
        if not columns.is_empty:
            columns = Box2I(columns.x0, area.y0, columns.width, area.height)
        cards |= {
            f"ASEC{name}": used.to_section(),
            f"DSEC{name}": inner.to_section(),
            f"TSEC{name}": inner.to_section(),
            f"BSEC{name}": columns.to_section(),
            f"CSEC{name}": amplifier.bbox.to_section(),
        }
    return cards


def _boxes(header: HasGet, shape: tuple[int, int]) -> dict[str, list[Box2I]]:
    """Return the boxes that the cards describe.

    Raises
    ------
    ValueError
        If a card is missing or contradicts another; ``args[1]`` is the card.
    """

    def read(card: str) -> Box2I:
        value = value_of(header, card)
        if value is None:
            raise ValueError("is missing", card)
        try:
            return Box2I.from_section(str(value))
        except ValueError as problem:
            raise ValueError(str(problem), card) from None

    rows, columns = shape
    frame = Box2I(0, 0, columns, rows)
    boxes = {}
    data = {name: read(f"DSEC{name}") for name in _AMPLIFIERS}
    for name, box in data.items():
        if box.is_empty or not frame.contains(box):
            raise ValueError(f"has no pixels in the frame {frame.to_section()}", f"DSEC{name}")
    if data["A"].overlaps(data["B"]):
        raise ValueError("has pixels of DSECA", "DSECB")
    ccd = Box2I(0, 0, 0, 0)
    for name, box in data.items():
        place, columns_box = read(f"CSEC{name}"), read(f"BSEC{name}")
        if place.shape != box.shape:
            raise ValueError(f"is not as large as DSEC{name}", f"CSEC{name}")
        if not frame.contains(columns_box):
            raise ValueError(f"reaches out of the frame {frame.to_section()}", f"BSEC{name}")
        if any(columns_box.overlaps(other) for other in data.values()):
            raise ValueError("has pixels of the image area", f"BSEC{name}")
        ccd = ccd.union(place)
        above = rows - box.y1 - 1
        rows_box = Box2I(box.x0, box.y1 + 1, box.width, above)
        area = box.union(columns_box).union(rows_box)
        # Rows beside the data only: what lies above belongs to the overscan rows.
        beside = columns_box.clipped_to(Box2I(0, box.y0, columns, box.height))
        boxes[name] = [place, area, box, beside, rows_box]
    first, second = (boxes[name][0] for name in _AMPLIFIERS)
    tiled = first.area + second.area == ccd.area and not first.overlaps(second)
    if not tiled or (ccd.x0, ccd.y0) != (0, 0):
        raise ValueError("makes no whole CCD together with CSECA", "CSECB")
    return boxes


def detector_for(
    header: "Mapping[str, Any] | LeanHeader",
    ccd: int | str,
    shape: tuple[int, int] | None = None,
    parity: str = "none",
) -> tuple[Detector, list[Repair]]:
    """Return the detector of a raw frame, built from its section cards.

    The header wins over the table of the camera as long as its sections fit the frame and
    each other, so that small CCDs work too. A frame of the real size whose sections do not
    is taken to be as in the table.

    Parameters
    ----------
    header : astropy.io.fits.Header or mapping
        Header of the raw frame of one CCD, both amplifiers in it.
    ccd : int or str
        Number or name of the CCD.
    shape : (int, int), optional
        Shape of the frame, (rows, columns); by default as NAXIS2 and NAXIS1 say.
    parity : {"none", "lsst-v17"}, optional
        See `megacam`; makes a difference to CCDs 0 to 35 of the real size.

    Returns
    -------
    detector : Detector
        Gain and read noise are the table's.
    repairs : list of Repair
        The cards that were not believed; the header is left as it is.

    Raises
    ------
    ValueError
        If the cards make no detector and the frame does not have the real size either.
    """
    number = ccd_number(ccd)
    if shape is None:
        shape = (int(header["NAXIS2"]), int(header["NAXIS1"]))
    values = tuple(value_of(header, card) for card in _CARDS)
    if any(type(value) not in _KINDS for value in values):
        return _detector_for(header, number, shape, parity)
    detector, repairs = _known_detector(values, number, shape, parity)
    return detector.copy(), list(repairs)


@lru_cache(256, typed=True)  # raw and calibrations of a CCD have the same cards
def _known_detector(
    values: tuple[Any, ...], number: int, shape: tuple[int, int], parity: str
) -> tuple[Detector, list[Repair]]:
    return _detector_for(dict(zip(_CARDS, values, strict=True)), number, shape, parity)


def _detector_for(
    header: HasGet, number: int, shape: tuple[int, int], parity: str
) -> tuple[Detector, list[Repair]]:
    repairs = []
    real = megacam()[number]
    try:
        detector = build(number, _boxes(header, shape))
    except ValueError as problem:
        why, card = problem.args
        if shape != raw_shape():
            raise ValueError(
                f"card {card} of {real.name} ({value_of(header, card)!r}) {why}, and the frame is "
                f"not {raw_shape()[1]} x {raw_shape()[0]} but {shape[1]} x {shape[0]} pixels"
            ) from None
        detector = real
        cards = section_cards(real)
        wanted = [f"{kind}SEC{name}" for kind in "DBC" for name in _AMPLIFIERS]
        for key in wanted:
            if value_of(header, key) != cards[key]:
                reason = why if key == card else f"{card} {why}"
                reason = "is missing" if value_of(header, key) is None else reason
                repairs.append(Repair(key, value_of(header, key), cards[key], reason))
    cards = section_cards(detector)
    for key in ("DATASEC", "CCDSIZE", "DETSEC"):
        old = value_of(header, key)
        if old is not None and key in cards and not _agrees(key, old, cards[key]):
            why = "does not agree with DSECA and DSECB"
            repairs.append(Repair(key, old, cards[key], why))
    if parity == "lsst-v17" and number < 36 and shape == raw_shape():
        detector = megacam(36, parity)[number]
    return detector, repairs


def _agrees(key: str, old: Any, new: str) -> bool:
    if str(old).replace(" ", "") == new:
        return True
    # Some early frames count overscan as sky in DETSEC; one that has the right size may stand.
    if key == "DETSEC":
        try:
            return Box2I.from_section(str(old)).shape == Box2I.from_section(new).shape
        except ValueError:
            return False
    return False
