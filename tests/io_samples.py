"""Parts of exposures for the tests of files."""

from astropy.wcs import WCS


def a_wcs():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [1 / 3, -2 / 3]
    wcs.wcs.crpix = [10.123456789012346, -1 / 7]
    wcs.wcs.cd = [[-5.1234567890123456e-05, 1e-8 / 3], [1e-9 / 7, 5e-5]]
    return wcs
