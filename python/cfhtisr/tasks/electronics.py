"""What was measured of the electronics of a CCD, given to an exposure of it."""

__all__ = ["linearizer_of", "with_crosstalk", "with_linearity"]

from typing import Any

from cfhtisr.images import Exposure
from cfhtisr.io.crosstalk_table import Crosstalk
from cfhtisr.io.linearity_file import Linearity
from cfhtisr.isr.linearity import LINEARIZERS, LinearizeLookupTable


def with_crosstalk(exposure: Exposure, found: Crosstalk) -> Exposure:
    """Return the exposure with a detector of its own that has the coefficients.

    Its provenance tells where they are from.
    """
    result = exposure.with_pixels(exposure.masked_image)
    if exposure.detector is not None:
        result.detector = exposure.detector.copy()  # many exposures may share the one that came
        result.detector.crosstalk = found.matrix
    result.provenance = {**exposure.provenance, "CROSSTALK": found.identity}
    return result


def with_linearity(exposure: Exposure, found: Linearity) -> Exposure:
    """Return the exposure with a detector of its own that has type and coefficients."""
    result = exposure.with_pixels(exposure.masked_image)
    if exposure.detector is not None:
        result.detector = exposure.detector.copy()
        for amp in result.detector:
            measured = found.detector[amp.name]
            amp.linearity_type = measured.linearity_type
            amp.linearity_coeffs = measured.linearity_coeffs
    return result


def linearizer_of(found: Linearity) -> Any:
    """Return what corrects the linearity; its ``identity`` tells where it is from."""
    if found.table is None:
        linearizer: Any = LINEARIZERS[found.type]()
    else:
        linearizer = LinearizeLookupTable(found.table.tolist(), found.detector)
    linearizer.identity = found.identity
    return linearizer
