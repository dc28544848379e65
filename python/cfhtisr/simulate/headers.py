"""Headers laid out as the observatory's: the same keywords in the same order, values of our own."""

__all__ = [
    "amplifier_cards",
    "ccd_cards",
    "detsec",
    "master_cards",
    "night_of",
    "primary_cards",
]

from datetime import date

from cfhtisr.camera.filters import lookup
from cfhtisr.camera.mosaic import facts, table, trimmed_shape
from cfhtisr.camera.sections import section_cards
from cfhtisr.images.geom import Box2I
from cfhtisr.simulate.ccd import SimulatedCcd
from cfhtisr.simulate.electronics import AmplifierTruth
from cfhtisr.simulate.masters import DARK_TIME, SCALES
from cfhtisr.simulate.mef import Card, Literal
from cfhtisr.simulate.settings import KINDS, Settings
from cfhtisr.simulate.telemetry import telemetry

_MAP = (
    "Numbers of the CCDs on the sky, North up and East to the left",
    "      00 01 02 03 04 05 06 07 08",
    "  36  09 10 11 12 13 14 15 16 17  37",
    "  38  18 19 20 21 22 23 24 25 26  39",
    "      27 28 29 30 31 32 33 34 35",
    "CCDs of the two upper rows are upside down; a and b are the amplifiers",
)
_NIGHTS = {  # date, modified Julian date, camera run
    "amplifiers": ("2003-02-08", 52678.0, "03Am01"),
    36: ("2008-03-30", 54555.0, "08Am02"),
    40: ("2019-12-04", 58821.0, "19Bm03"),
}
_FIRST_DAY = date(1858, 11, 17)  # of the modified Julian date


def night_of(settings: Settings) -> tuple[str, float, str]:
    """Return the date, its modified Julian date, and a name for the run."""
    if not settings.date:
        return _NIGHTS["amplifiers" if settings.layout == "amplifiers" else settings.n_ccd]
    night = date.fromisoformat(settings.date)
    # Semester A is February to July; January belongs to B of the year before.
    year, month = (night.year, night.month) if night.month > 1 else (night.year - 1, 13)
    run = f"{year % 100:02d}{'A' if month < 8 else 'B'}m{(month - 2) % 6 + 1:02d}"
    return settings.date, float((night - _FIRST_DAY).days), run


def _summary(settings: Settings, name: str) -> list[Card]:
    night, _, run = night_of(settings)
    return [
        ("COMMENT", "", ""),
        ("COMMENT", " Observation", ""),
        ("COMMENT", " -----------", ""),
        ("CMMTOBS", "Simulated", ""),
        ("CMMTSEQ", "SINGLE[1/1] - Ref + [0.0 0.0]", ""),
        ("OBJECT", "Flats" if settings.kind == "f" else "Simulated field", ""),
        ("OBSERVER", "cfhtisr", ""),
        ("PI_NAME", "cfhtisr", ""),
        ("RUNID", f"{run[:3]}S00", ""),
        ("FILENAME", name, "Name of the file when it was made"),
        ("PATHNAME", "/simulated", "Folder of the file when it was made"),
        ("DATE", f"{night}T10:12:00", "UTC of the making of the file"),
        ("HSTTIME", f"{night} 00:12:00 HST", "The same in Hawaii"),
        ("IMAGESWV", "cfhtisr simulate", "What made the image"),
    ]


def _detector(settings: Settings) -> list[Card]:
    return [
        ("COMMENT", "", ""),
        ("COMMENT", " Detector", ""),
        ("COMMENT", " --------", ""),
        ("DETECTOR", "MegaCam", ""),
        ("DETSIZE", _detsize(settings), "Pixels of the mosaic"),
        ("RASTER", "FULL", "What part of the CCDs was read"),
        ("CCDSUM", "1 1", "Binning"),
        ("CCDBIN1", 1, "Binning along columns"),
        ("CCDBIN2", 1, "Binning along rows"),
        ("PIXSIZE1", 13.5, "Pixel size along axis 1 [micron]"),
        ("PIXSIZE2", 13.5, "Pixel size along axis 2 [micron]"),
        ("PIXSCAL1", Literal("0.1850"), "Pixel scale along axis 1 [arcsec]"),
        ("PIXSCAL2", Literal("0.1850"), "Pixel scale along axis 2 [arcsec]"),
    ]


def _detsize(settings: Settings) -> str:
    full = Box2I.from_section(table()["camera"]["mosaic"])
    rows, columns = trimmed_shape()
    if (settings.rows, settings.columns) == (rows, columns):
        return full.to_section()
    width = full.width * settings.columns // columns + 1
    return Box2I(0, 0, width, full.height * settings.rows // rows + 1).to_section()


def detsec(settings: Settings, ccd: int) -> str:
    """Return the card DETSEC of a CCD; the mosaic of small CCDs is small, too.

    It runs backwards on both axes where the CCD is upside down.
    """
    rows, columns = trimmed_shape()
    real = facts(ccd).mosaic
    if (settings.rows, settings.columns) == (rows, columns):
        return real
    box = Box2I.from_section(real)
    x0 = box.x0 * settings.columns // columns + 1
    y0 = box.y0 * settings.rows // rows + 1
    x1, y1 = x0 + settings.columns - 1, y0 + settings.rows - 1
    if facts(ccd).yaw_deg == 180.0:
        return f"[{x1}:{x0},{y1}:{y0}]"
    return f"[{x0}:{x1},{y0}:{y1}]"


def _halves(section: str) -> tuple[str, str]:
    """Return DETSECA and DETSECB; that of B is written in the order of readout."""
    across, up = section.strip("[]").split(",")
    first, last = map(int, across.split(":"))
    step = 1 if last > first else -1
    half = (abs(last - first) + 1) // 2
    a = f"[{first}:{first + step * (half - 1)},{up}]"
    return a, f"[{last}:{last - step * (half - 1)},{up}]"


def _exposure(settings: Settings) -> list[Card]:
    seconds = settings.exposure_time
    shutter = settings.lit and seconds > 0
    measured = round(seconds + 0.102, 3) if shutter else seconds
    if settings.kind == "b":
        seconds = measured = 0.0
    dark = float(int(seconds))
    cards: list[Card] = [
        ("TIMESYS", "UTC", "Time system of the cards DATE and TIME"),
        ("OBSTYPE", KINDS[settings.kind], "Kind of exposure"),
        ("EXPTYPE", KINDS[settings.kind], "The same, by its old name"),
        ("EXPNUM", settings.obsid, "Number of the exposure"),
        ("OBSID", settings.obsid, "Number of the exposure"),
        ("EXPTIME", Literal(f"{measured:.3f}"), "Exposure time as measured [s]"),
    ]
    if shutter:
        cards += [("EXPREQ", Literal(f"{seconds:.1f}"), "Exposure time as asked [s]")]
        if settings.layout == "spliced":
            cards += [("EXPMEAS", Literal(f"{measured:.3f}"), "Exposure time of the shutter [s]")]
    return [*cards, ("DARKTIME", Literal(f"{dark:.3f}"), "Time of dark current [s]")]


def _place(settings: Settings) -> list[Card]:
    night, mjd, run = night_of(settings)
    minutes = 360 + 10 * settings.frame
    start = mjd + minutes / 1440
    clock = f"{minutes // 60}:{minutes % 60:02d}"
    known = lookup(settings.filter)
    number = known.id if known is not None and known.id is not None else 0
    shutter: list[Card] = [
        ("SHUTOPEN", "Null", "The shutter stayed shut"),
        ("SHUTCLOS", "Null", "The shutter stayed shut"),
    ]
    if settings.lit:
        shutter = [
            ("SHUTOPEN", f"{night}T{clock.zfill(5)}:02.000", "UTC of the opening shutter"),
            ("SHUTCLOS", f"{night}T{clock.zfill(5)}:02.000", "UTC of the closing shutter"),
        ]
    if settings.layout == "amplifiers":
        shutter = [
            ("SHUTOPEN", Literal("0.0000"), "Opening of the shutter [ms]"),
            ("SHUTCLOS", Literal("0.0000"), "Closing of the shutter [ms]"),
        ]
    return [
        *shutter,
        ("FILTER", settings.filter, "Filter in the beam"),
        ("FILTERID", number, "Number of its holder"),
        ("QRUNID", f"{run[:2]}{run[2]}Q01", "Queue run"),
        ("MET_DATE", f"{night}T00:00:00", "UTC of the release of the header"),
        ("QID", 55700500000000068888, ""),
        ("QOBSEQID", 55301400000000301524, ""),
        ("QICSEQID", 55351200000000336792, ""),
        ("QOBITER", 1, ""),
        ("QOFFID", 10000000000000000001, ""),
        ("REL_DATE", f"{night}T00:00:00", "UTC of the release of the data"),
        ("CRVAL1", Literal("150.11917"), "Right ascension of the reference [deg]"),
        ("CRVAL2", Literal("2.20583"), "Declination of the reference [deg]"),
        ("CTYPE1", "RA---TAN", "Projection"),
        ("CTYPE2", "DEC--TAN", "Projection"),
        ("TELESCOP", "CFHT 3.6m", ""),
        ("LATITUDE", 19.825252, "North [deg]"),
        ("LONGITUD", -155.468876, "East [deg]"),
        ("DATE-OBS", night, "UTC date of the start"),
        ("UTIME", f"{clock}:00.00", "UTC time of the start"),
        ("UTC-OBS", f"{clock}:00.00", "UTC time of the start"),
        ("MJDATE", Literal(f"{start:.7f}"), "Modified Julian date of the start [d]"),
        ("MJD-OBS", Literal(f"{start:.7f}"), "Modified Julian date of the start [d]"),
        ("LST-OBS", "8:56:54.23", "Sidereal time of the start"),
        ("EQUINOX", 2000, "Equinox of the coordinates"),
        ("RADECSYS", "FK5", "System of the coordinates"),
        ("RA", "10:00:28.60", "Right ascension of the telescope"),
        ("DEC", "2:12:21.0", "Declination of the telescope"),
        ("RA_DEG", Literal("150.119167"), "Right ascension of the telescope [deg]"),
        ("DEC_DEG", Literal("2.205833"), "Declination of the telescope [deg]"),
        ("AIRMASS", Literal("1.121"), "Airmass at the start"),
        *telemetry(settings.seed),
        ("CRUNID", run, "Camera run"),
    ]


def primary_cards(settings: Settings, name: str) -> list[Card]:
    """Return the cards of the primary header, SIMPLE first."""
    single = settings.layout == "amplifiers"
    n = len(settings.ccds) * (2 if single else 1)
    return [
        ("SIMPLE", True, "Standard FITS"),
        ("BITPIX", 16, "No pixels here"),
        ("NAXIS", 0, "No pixels here"),
        ("EXTEND", True, "There are extensions"),
        ("NEXTEND", n, "Number of extensions"),
        *_summary(settings, name),
        *_detector(settings),
        ("CCD", "Marconi/EEV CCD42-90", ""),
        ("MAXLIN", 65535, "Largest linear value [ADU]"),
        ("SATURATE", 65535, "Saturation [ADU]"),
        ("DETTEM", Literal("-133.17"), "Temperature of the cold plate [C]"),
        *_exposure(settings),
        ("ORIGIN", "CFHT", ""),
        ("NCCDS", settings.n_ccd, "Number of CCDs"),
        ("NAMPS", 2 * settings.n_ccd, "Number of amplifiers"),
        ("INSTRUME", "MegaPrime", ""),
        ("INSTMODE", "Normal", "Mode of the instrument"),
        *_place(settings),
        ("HISTORY", " cfhtisr simulate: simulated pixels, not an observation", ""),
        *(("COMMENT", f" {line}", "") for line in _MAP),
    ]


def _world(settings: Settings, ccd: int, left: int) -> list[Card]:
    """Return the nominal coordinates; those of small CCDs are of the same scale."""
    known = facts(ccd)
    x, y = known.crpix
    rows, columns = trimmed_shape()
    x = (x - 32) * settings.columns / columns + left
    y = y * settings.rows / rows
    sign = "" if known.yaw_deg == 180.0 else "-"
    other = "-" if known.yaw_deg == 180.0 else ""
    return [
        ("CRPIX1", Literal(f"{x:.1f}"), "Reference column"),
        ("CRPIX2", Literal(f"{y:.1f}"), "Reference row"),
        ("CD1_1", Literal(f"{sign}5.194E-05"), "Scale [deg/pixel]"),
        ("CD1_2", Literal("0.0"), "Scale [deg/pixel]"),
        ("CD2_1", Literal("0.0"), "Scale [deg/pixel]"),
        ("CD2_2", Literal(f"{other}5.194E-05"), "Scale [deg/pixel]"),
    ]


def _extname(variant: str, name: str, number: int, spliced: bool) -> list[Card]:
    comment = "Number of the CCD in the mosaic" if spliced else "Name of the extension"
    cards: list[Card] = [("EXTNAME", name, comment), ("EXTVER", number, comment)]
    if variant == "no-extname":
        return cards[1:]
    if variant == "compressed-image":
        return [("EXTNAME", "COMPRESSED_IMAGE", "Name of this table"), cards[1]]
    return cards


def ccd_cards(settings: Settings, simulated: SimulatedCcd, name: str) -> list[Card]:
    """Return the cards of one CCD in a spliced file, behind the structure of its HDU."""
    detector, ccd = simulated.detector, simulated.detector.id
    known, variant = facts(ccd), settings.header_variant
    a, b = simulated.amplifiers
    sections = section_cards(detector)
    section = detsec(settings, ccd)
    if variant == "shifted-datasec":
        box = Box2I.from_section(sections["DATASEC"])
        wrong = Box2I(box.x0 + 1, box.y0 + 1, box.width + 1, box.height + 1)
        sections["DATASEC"] = wrong.to_section()
    half_a, half_b = _halves(section)
    noises = [int(a.header_read_noise), int(b.header_read_noise)]
    mean_noise = (noises[0] + noises[1] + 1) // 2
    if variant == "rdnoise-65535":
        noises = [65535, 65535]
    return [
        ("INHERIT", False, "No need of the primary header"),
        *_summary(settings, name)[:-3],
        *_extname(variant, known.name, ccd, True),
        *_summary(settings, name)[-3:],
        *_detector(settings),
        ("AMPNAME", f"{ccd:02d}a + {ccd:02d}b", "Amplifiers in this image"),
        ("AMPLIST", "A B", "Amplifiers of this CCD"),
        ("CCDSIZE", sections["CCDSIZE"], "Pixels of the CCD"),
        ("DETSEC", section, "Place in the mosaic"),
        ("DETSECA", half_a, "Place of A's pixels in the mosaic"),
        ("DETSECB", half_b, "Place of B's pixels in the mosaic"),
        ("DATASEC", sections["DATASEC"], "Pixels that see light"),
        *(
            (key, sections[key], comment)
            for amplifier in ("A", "B")
            for key, comment in (
                (f"ASEC{amplifier}", f"All pixels of {amplifier}"),
                (f"DSEC{amplifier}", f"Pixels of {amplifier} that see light"),
                (f"TSEC{amplifier}", f"Pixels of {amplifier} that are kept"),
                (f"BSEC{amplifier}", f"Overscan of {amplifier}"),
                (f"CSEC{amplifier}", f"Place of {amplifier}'s pixels in the trimmed CCD"),
            )
        ),
        ("CCD", "Marconi/EEV CCD42-90", ""),
        ("CCDNAME", known.serial, "Serial number of the CCD"),
        ("CCDNICK", known.nickname, "Nickname of the CCD"),
        ("MAXLIN", 65535, "Largest linear value [ADU], mean"),
        ("MAXLINA", 65535, "Largest linear value [ADU], A"),
        ("MAXLINB", 65535, "Largest linear value [ADU], B"),
        ("SATURATE", 65535, "Saturation [ADU]"),
        ("GAIN", Literal(f"{(a.header_gain + b.header_gain) / 2:.4f}"), "Gain [e/ADU], mean"),
        ("GAINA", Literal(f"{a.header_gain:.4f}"), "Gain [e/ADU], A"),
        ("GAINB", Literal(f"{b.header_gain:.4f}"), "Gain [e/ADU], B"),
        ("RDNOISE", mean_noise, "Read noise [e], mean"),
        ("RDNOISEA", noises[0], "Read noise [e], A"),
        ("RDNOISEB", noises[1], "Read noise [e], B"),
        ("DARKCUR", a.dark_current, "Dark current [e/pixel/hour]"),
        ("DETTEM", Literal("-133.17"), "Temperature of the cold plate [C]"),
        *_exposure(settings),
        *_world(settings, ccd, detector["A"].raw_data_bbox.x0),
        ("ORIGIN", "CFHT", ""),
        ("INSTRUME", "MegaPrime", ""),
        ("INSTMODE", "Normal", "Mode of the instrument"),
        ("BZERO", Literal("32768.0"), "Zero of the scale"),
        ("BSCALE", Literal("1.0"), "Step of the scale"),
        ("BIASSEC", sections["BIASSEC"], "See BSECA and BSECB"),
        *_place(settings),
        ("HISTORY", " cfhtisr simulate: simulated pixels, not an observation", ""),
        *(("COMMENT", f" {line}", "") for line in _MAP),
    ]


def amplifier_cards(
    settings: Settings, simulated: SimulatedCcd, amplifier: AmplifierTruth, name: str
) -> list[Card]:
    """Return the cards of one amplifier in a file of one amplifier per HDU."""
    ccd = simulated.detector.id
    known = facts(ccd)
    old_name = known.amplifiers[amplifier.name].old_name
    boxes = simulated.detector[amplifier.name]
    width, height = boxes.raw_data_bbox.width, boxes.raw_data_bbox.height
    overscan = boxes.raw_horizontal_overscan_bbox.width
    half = _halves(detsec(settings, ccd))[0 if amplifier.name == "A" else 1]
    return [
        *_summary(settings, name)[:-3],
        *_extname(settings.header_variant, old_name, int(old_name[3:]), False),
        *_summary(settings, name)[-3:],
        *_detector(settings),
        ("AMPNAME", f"{ccd:02d}{amplifier.name.lower()}", "Amplifier"),
        ("CCDSIZE", simulated.detector.bbox.to_section(), "Pixels of the CCD"),
        ("DETSEC", half, "Place in the mosaic"),
        ("DATASEC", f"[1:{width},1:{height}]", "Pixels that see light"),
        ("CCD", "Marconi/EEV CCD42-90", ""),
        ("CCDNAME", known.serial, "Serial number of the CCD"),
        ("CCDNICK", known.nickname, "Nickname of the CCD"),
        ("MAXLIN", 65535, "Largest linear value [ADU]"),
        ("SATURATE", 65535, "Saturation [ADU]"),
        ("GAIN", Literal(f"{amplifier.header_gain:.2f}"), "Gain [e/ADU]"),
        ("RDNOISE", amplifier.header_read_noise, "Read noise [e]"),
        ("DETTEM", Literal("-1.00E+05"), "Temperature of the cold plate [C]"),
        ("INHERIT", False, "No need of the primary header"),
        *_exposure(settings),
        ("INSTRUME", "MegaPrime", ""),
        ("BZERO", Literal("32768.0"), "Zero of the scale"),
        ("BSCALE", Literal("1.0"), "Step of the scale"),
        ("DARKCUR", amplifier.dark_current, "Dark current [e/pixel/hour]"),
        (
            "BIASSEC",
            f"[{width + 1}:{width + overscan},1:{simulated.raw.shape[0]}]",
            "Overscan",
        ),
        *_place(settings),
        ("HISTORY", " cfhtisr simulate: simulated pixels, not an observation", ""),
    ]


def master_cards(settings: Settings, cards: list[Card], kind: str, name: str) -> list[Card]:
    """Return the cards of a raw frame as those of a master made of such frames.

    Parameters
    ----------
    settings : Settings
        What is simulated.
    cards : list of (keyword, value, comment)
        Cards of the raw frame's header, or of its primary header.
    kind : {"bias", "dark", "flat", "fringe"}
        Kind of master.
    name : str
        Name of the file.
    """
    scale = SCALES[kind]
    times = {"bias": 0.0, "dark": DARK_TIME, "flat": 5.0, "fringe": 600.0}
    seconds = Literal(f"{times[kind]:.1f}")
    changed = {
        "OBSTYPE": kind.upper(),
        "EXPTYPE": kind.upper(),
        "OBJECT": {"bias": "Zenith", "dark": "Zenith", "flat": "Flats"}.get(kind, "Fringes"),
        "EXPTIME": seconds,
        "DARKTIME": seconds,
        "FILENAME": name,
        "BZERO": Literal(f"{scale.zero:.10f}"),
        "BSCALE": Literal(f"{scale.step:.10f}"),
    }
    found: list[Card] = [
        (key, changed.get(key, value), comment)
        for key, value, comment in cards
        if key not in ("EXPREQ", "EXPMEAS", "EXPNUM", "OBSID")
    ]
    combined: list[Card] = [
        ("IMCMB_DT", "cfhtisr simulate", "What made the master"),
        ("IMCMB_AL", "SIGMA", "Rejection"),
        ("IMCMB_CA", "MEAN" if kind == "flat" else "MEDIAN", "How the frames were combined"),
        ("IMCMB_FT", f"MASTER_DETREND_{kind.upper()}", "Kind of master"),
        ("IMCMB_NI", 0, "Frames that went in: none, it is simulated"),
    ]
    at = next(i for i, card in enumerate(found) if card[0] == "CMMTOBS")
    found[at:at] = combined
    if kind == "flat" and any(key == "BZERO" for key, _, _ in found):
        at = next(i for i, card in enumerate(found) if card[0] == "BSCALE")
        found.insert(at + 1, ("BLANK", -32768, "Stored value of a pixel without a value"))
    return found
