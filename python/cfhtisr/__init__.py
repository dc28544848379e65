"""Instrument signature removal for CFHT MegaCam."""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Names are resolved when they are touched (PEP 562), so that importing the package costs
# little more than importing NumPy.
_HOMES = {
    "Amplifier": "cfhtisr.camera.amplifier",
    "Box2I": "cfhtisr.images.geom",
    "CfhtIsrTask": "cfhtisr.tasks.cfht",
    "CfhtIsrTaskConfig": "cfhtisr.tasks.cfht",
    "Detector": "cfhtisr.camera.detector",
    "Exposure": "cfhtisr.images.exposure",
    "FileFormatError": "cfhtisr.errors",
    "IsrTask": "cfhtisr.tasks.isr",
    "IsrTaskConfig": "cfhtisr.tasks.isr",
    "Mask": "cfhtisr.images.mask",
    "MaskedImage": "cfhtisr.images.masked_image",
    "Polygon": "cfhtisr.images.polygon",
    "RunIsrConfig": "cfhtisr.tasks.run_isr",
    "RunIsrTask": "cfhtisr.tasks.run_isr",
    "Struct": "cfhtisr.pipe.struct",
    "TransmissionCurve": "cfhtisr.images.transmission",
    "VisitInfo": "cfhtisr.images.visit",
    "get_cpu_level": "cfhtisr.threads",
    "get_num_threads": "cfhtisr.threads",
    "read_exposure": "cfhtisr.io",
    "read_raw": "cfhtisr.io",
    "scan_raw": "cfhtisr.io",
    "set_num_threads": "cfhtisr.threads",
    "write_exposure": "cfhtisr.io",
}
_MODULES = ("camera", "errors", "images", "io", "isr", "pipe", "simulate", "tasks")

__all__ = ["__version__", *sorted(_HOMES), *_MODULES]

if TYPE_CHECKING:
    from cfhtisr import camera as camera
    from cfhtisr import errors as errors
    from cfhtisr import images as images
    from cfhtisr import isr as isr
    from cfhtisr.camera.amplifier import Amplifier as Amplifier
    from cfhtisr.camera.detector import Detector as Detector
    from cfhtisr.errors import FileFormatError as FileFormatError
    from cfhtisr.images.exposure import Exposure as Exposure
    from cfhtisr.images.geom import Box2I as Box2I
    from cfhtisr.images.mask import Mask as Mask
    from cfhtisr.images.masked_image import MaskedImage as MaskedImage
    from cfhtisr.images.polygon import Polygon as Polygon
    from cfhtisr.images.transmission import TransmissionCurve as TransmissionCurve
    from cfhtisr.images.visit import VisitInfo as VisitInfo
    from cfhtisr.threads import get_cpu_level as get_cpu_level
    from cfhtisr.threads import get_num_threads as get_num_threads
    from cfhtisr.threads import set_num_threads as set_num_threads


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"cfhtisr.{name}")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'cfhtisr' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
