"""Readings of telescope and dome: they fill a header, and nobody corrects pixels by them."""

__all__ = ["telemetry"]

from functools import cache

from cfhtisr.simulate.mef import Card, Literal
from cfhtisr.simulate.random import stream

# Keywords of the observatory with the middle of a plausible range and its half width.
_READINGS = {
    "TELALT": (55.0, 10.0),
    "TELAZ": (180.0, 90.0),
    "DOMEAZ": (180.0, 90.0),
    "MOONANGL": (90.0, 50.0),
    "MOONPHAS": (0.1, 0.1),
    "MOONALT": (-50.0, 5.0),
    "MOONAZ": (280.0, 20.0),
    "CALFOCUS": (-0.6, 0.2),
    "DEFOCUS": (0.0, 0.01),
    "BONANGLE": (0.2, 0.1),
    "ROTANGLE": (0.2, 0.1),
    "ISUGAIN": (0.3, 0.0),
    "ISURATE": (50.0, 0.0),
    "ISUTCSOR": (1.0, 0.0),
    "ISUSTDVX": (0.0, 0.0),
    "ISUSTDVY": (0.0, 0.0),
    "FSAGAIN": (0.0, 0.0),
    "FSARATE": (3.33, 0.0),
    "FSATHRES": (5.0, 0.0),
    "XPROBE": (0.0, 0.0),
    "YPROBE": (0.0, 0.0),
    "ZPROBE": (-1.0, 0.0),
    "GUIFWHX": (-9999.9, 0.0),
    "GUIFWHY": (-9999.9, 0.0),
    "GUIPOSX1": (38.0, 3.0),
    "GUIPOSY1": (14.0, 3.0),
    "GUIPOSZ1": (-7.0, 0.1),
    "GUIPOSX2": (-35.0, 3.0),
    "GUIPOSY2": (18.0, 3.0),
    "GUIPOSZ2": (-7.0, 0.1),
    "TCSGPSTM": (14.4, 1.0),
    "TCSMJD": (58821.6, 0.1),
    "TCSLST": (8.9, 1.0),
    "TCSAPHA": (-36.0, 10.0),
    "TCSAPDEC": (2.2, 0.0),
    "TCSOBHA": (-36.0, 10.0),
    "TCSOBDEC": (2.2, 0.0),
    "TCSEDHA": (-36.0, 10.0),
    "TCSEDDEC": (2.2, 0.0),
    "TCSSEHA": (0.0, 0.1),
    "TCSSEDEC": (0.2, 0.1),
    "TCSPMHA": (430.0, 20.0),
    "TCSPMDEC": (290.0, 20.0),
    "TCSMVRA": (-5.0, 1.0),
    "TCSMVDEC": (7.0, 1.0),
    "WINDSCR": (15.0, 0.0),
    "TESPMIRE": (-1.7, 1.0),
    "TESPMIRW": (2.5, 1.0),
    "TESPMIRS": (2.8, 1.0),
    "TEAPMCLW": (2.1, 1.0),
    "TEAMIRCI": (8.5, 1.0),
    "TEAMIRCO": (2.1, 1.0),
    "TEAPMSPS": (4.0, 1.0),
    "TEATRNGE": (2.2, 1.0),
    "TEATRNGW": (1.8, 1.0),
    "TEANRLSB": (12.4, 1.0),
    "TESHRSET": (18.6, 1.0),
    "TESTTRSH": (2.0, 1.0),
    "TESTTRNM": (1.5, 1.0),
    "TESTTREM": (4.4, 1.0),
    "TESTTRWM": (1.9, 1.0),
    "TESTTRSL": (1.2, 1.0),
    "TESTTRSE": (2.7, 1.0),
    "TEALOWWS": (-0.4, 1.0),
    "TEATOPWS": (-1.8, 1.0),
    "TEATOPOP": (1.0, 1.0),
    "TEA2INCH": (3.1, 1.0),
    "TEA2INEB": (2.4, 1.0),
    "TEA6FOOT": (2.5, 1.0),
    "TESCONRM": (3.3, 1.0),
    "TESPIERN": (5.5, 1.0),
    "TESPIERS": (4.1, 1.0),
    "TEAWTHRT": (2.4, 1.0),
    "TEMPERAT": (1.5, 1.0),
    "WINDSPED": (6.3, 4.0),
    "WINDDIR": (200.0, 60.0),
    "RELHUMID": (34.0, 20.0),
    "PRESSURE": (616.0, 2.0),
    "DDSEEMEN": (-9999.9, 0.0),
    "DDSEEMED": (-9999.9, 0.0),
    "WMSEEMEN": (0.5, 0.1),
    "WMSEEMED": (0.5, 0.1),
    "WDSEEMEN": (0.6, 0.1),
    "WDSEEMED": (0.6, 0.1),
    "SPOZPMEN": (0.06, 0.01),
    "SPOZPMED": (0.06, 0.01),
}


@cache
def telemetry(seed: int) -> tuple[Card, ...]:
    """Return cards of simulated readings; the same in every HDU of an exposure.

    Parameters
    ----------
    seed : int
        Seed of the exposure.
    """
    rng = stream(seed, "telemetry")
    return tuple(
        (key, Literal(f"{middle + spread * rng.uniform(-1, 1):.2f}"), "Simulated reading")
        for key, (middle, spread) in _READINGS.items()
    )
