"""Small raw files, and files with the real headers but few of the pixels."""

import gzip

import numpy as np
from astropy.io import fits

from cfhtisr.camera import facts, megacam_like, section_cards

BLOCK = 2880


def pixels_of(ccd, rows, columns, seed=0):
    """Return the raw frame of a CCD of so many data rows and columns, 32 of overscan around."""
    random = np.random.default_rng([seed, ccd])
    return random.integers(0, 65536, (rows + 32, columns + 64)).astype(np.uint16)


def primary_cards(n_ccd=40, **changes):
    cards = {"DETECTOR": "MegaCam", "INSTRUME": "MegaPrime", "TELESCOP": "CFHT 3.6m"}
    cards |= {"NCCDS": n_ccd, "FILENAME": "1927963o", "OBSID": 1927963, "OBSTYPE": "OBJECT"}
    cards |= {"OBJECT": "M31", "FILTER": "gri.MP9605", "FILTERID": 1323, "EXPTIME": 60.081}
    cards |= {"EXPREQ": 60.0, "DARKTIME": 60.0, "MJD-OBS": 57520.2914642, "RUNID": "16AH02"}
    cards |= {"DATE-OBS": "2016-05-12", "UTC-OBS": "6:59:42.51", "PRIMONLY": 17}
    return {key: value for key, value in (cards | changes).items() if value is not None}


def ccd_cards(ccd, rows, columns, **changes):
    known = facts(ccd)
    first, second = known.amplifiers["A"], known.amplifiers["B"]
    cards = {"EXTNAME": known.name, "EXTVER": ccd, "DETECTOR": "MegaCam", "OBSID": 1927963}
    cards |= section_cards(megacam_like(rows, columns)[ccd])
    cards |= {"AMPNAME": f"{ccd:02d}a + {ccd:02d}b", "AMPLIST": "A B", "CCDNAME": known.serial}
    cards |= {"GAIN": (first.gain + second.gain) / 2, "GAINA": first.gain, "GAINB": second.gain}
    cards |= {"RDNOISE": 4, "RDNOISEA": 3, "RDNOISEB": 6, "SATURATE": 65535}
    cards |= {"FILTER": "gri.MP9605", "FILTERID": 1323, "EXPTIME": 60.081, "DARKTIME": 60.0}
    cards |= {"MJD-OBS": 57520.2914642, "DATE-OBS": "2016-05-12", "UTC-OBS": "6:59:42.51"}
    cards |= {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 204.1, "CRVAL2": 12.4}
    cards |= {"CRPIX1": known.crpix[0], "CRPIX2": known.crpix[1]}
    sign = 1 if known.yaw_deg == 180.0 else -1
    cards |= {"CD1_1": sign * 5.194e-5, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": -sign * 5.194e-5}
    return {key: value for key, value in (cards | changes).items() if value is not None}


def header_of(cards):
    header = fits.Header()
    for key, value in cards.items():
        header.append((key, value), bottom=True)
    return header


def write_raw(
    path, ccds=range(40), rows=12, columns=10, compress=None, primary=None, changes=None, **options
):
    """Write a spliced file and return its frames by CCD.

    ``primary`` changes cards of the primary header, ``changes`` those of every CCD; the value
    None removes a card.
    """
    hdus = [fits.PrimaryHDU(header=header_of(primary_cards(**(primary or {}))))]
    frames = {}
    for ccd in ccds:
        header = header_of(ccd_cards(ccd, rows, columns, **(changes or {})))
        frames[ccd] = pixels_of(ccd, rows, columns, **options)
        if compress:
            hdus.append(fits.CompImageHDU(frames[ccd], header, compression_type=compress))
        else:
            hdus.append(fits.ImageHDU(frames[ccd], header))
    if path.suffix == ".gz":
        plain = path.with_suffix("")
        fits.HDUList(hdus).writeto(plain)
        path.write_bytes(gzip.compress(plain.read_bytes(), 1))
        plain.unlink()
    else:
        fits.HDUList(hdus).writeto(path)
    return frames


def unspliced(frame, over=32):
    """Return amplifiers A and B of a spliced frame in the order of readout, in loops."""
    rows, columns = frame.shape[0], frame.shape[1] // 2
    first, second = np.zeros((2, rows, columns), frame.dtype)
    for x in range(columns):
        # The outermost pixel that sees light is read first, the overscan last.
        place = x if x < columns - over else None
        for half, column in ((first, None), (second, None)):
            if place is not None:
                column = over + place
            else:
                column = x - (columns - over)
            if half is second:
                column = 2 * columns - 1 - column
            half[:, x] = frame[:, column]
    return first, second


def write_amplifiers(path, ccds=range(36), rows=12, columns=10, name="amp", changes=None):
    """Write a file of one amplifier per HDU and return the spliced frames by CCD."""
    hdus = [fits.PrimaryHDU(header=header_of(primary_cards(36, FILENAME="688231o")))]
    frames = {}
    for ccd in ccds:
        known = facts(ccd)
        frames[ccd] = pixels_of(ccd, rows, columns)
        planes = dict(zip("AB", unspliced(frames[ccd]), strict=True))
        # In the two upper rows of the mosaic B comes before A.
        for letter in sorted("AB", key=lambda x: known.amplifiers[x].old_name):
            amplifier = known.amplifiers[letter]
            cards = {"EXTNAME": amplifier.old_name if name else None, "DETECTOR": "MegaCam"}
            cards |= {"EXTVER": int(amplifier.old_name[3:]), "CCDNAME": known.serial}
            cards |= {"AMPNAME": f"{ccd:02d}{letter.lower()}", "GAIN": amplifier.gain}
            cards |= {"RDNOISE": amplifier.read_noise, "DARKCUR": amplifier.dark_current}
            cards |= {"DATASEC": f"[1:{columns // 2},1:{rows}]", "MAXLIN": 65535}
            cards |= {"BIASSEC": f"[{columns // 2 + 1}:{columns // 2 + 32},1:{rows + 32}]"}
            cards |= {"DETSEC": "[2113:3168,18576:13933]", "CCDSIZE": f"[1:{columns},1:{rows}]"}
            cards |= {"SATURATE": 65535, "EXPTIME": 15.136, "DARKTIME": 15.0, "FILTER": "NONE"}
            cards |= {"MJD-OBS": 52678.2247159, "DATE-OBS": "2003-02-08", "FILTERID": 0}
            cards |= changes or {}
            cards = {key: value for key, value in cards.items() if value is not None}
            hdus.append(fits.ImageHDU(planes[letter], header_of(cards)))
    fits.HDUList(hdus).writeto(path)
    return frames


def real_headers(path):
    """Return the cards of each HDU of a real header file, as lists of 80 characters."""
    hdus = []
    for line in gzip.open(path, "rt", encoding="latin-1"):
        card = line.rstrip("\n")[:80].ljust(80)
        if card.startswith(("SIMPLE  =", "XTENSION=")):
            hdus.append([])
        comment = card.startswith("# HDU ") or not card.strip()
        if hdus and not comment and not card.startswith("END  "):
            hdus[-1].append(card)
    return hdus


def value_in(cards, keyword):
    """Return the text of the value of the last card of that name, or None."""
    found = [
        card[10:].partition("/")[0].strip(" '") for card in cards if card[:8].strip() == keyword
    ]
    return found[-1] if found else None


def write_real(path, headers, pixels):
    """Write a plain file with real headers; HDUs without given pixels are holes of zeros.

    The cards of a compressed HDU stay, but those that make it a table.
    """
    gone = ("TFIELDS", "TTYPE", "TFORM", "ZIMAGE", "ZBITPIX", "ZNAXIS", "ZTILE", "ZCMPTYPE",
            "ZNAME", "ZVAL", "PCOUNT", "GCOUNT", "XTENSION", "BITPIX", "NAXIS")  # fmt: skip
    with path.open("wb") as file:
        for index, cards in enumerate(headers):
            size = 0
            if index:
                prefix = "Z" if value_in(cards, "ZIMAGE") else ""
                columns = int(value_in(cards, prefix + "NAXIS1"))
                rows = int(value_in(cards, prefix + "NAXIS2"))
                bitpix = int(value_in(cards, prefix + "BITPIX"))
                kept = [card for card in cards if not card.startswith(gone)]
                first = ["XTENSION= 'IMAGE   '", f"BITPIX  = {bitpix:20d}",
                         "NAXIS   =                    2", f"NAXIS1  = {columns:20d}",
                         f"NAXIS2  = {rows:20d}", "PCOUNT  =                    0",
                         "GCOUNT  =                    1"]  # fmt: skip
                cards = [card.ljust(80) for card in first] + kept
                size = rows * columns * abs(bitpix) // 8
            text = "".join(cards) + "END".ljust(80)
            file.write(text.ljust(-(-len(text) // BLOCK) * BLOCK).encode("latin-1"))
            start = file.tell()
            if index in pixels:
                stored = (pixels[index].astype(np.int64) - 32768).astype(">i2")
                assert stored.nbytes == size
                file.write(stored.tobytes())
            file.seek(start + -(-size // BLOCK) * BLOCK)
        file.truncate()
