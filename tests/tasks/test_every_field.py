"""Every field of the configuration does something: pixels, header, products or log change.

The fields are found by walking the configuration. `SCENES` says which value a field is set to
where that does not follow from its type, and what else has to be on for it to matter.
"""

import logging
import math

import numpy as np
import pytest
from lsst.pex.config import ConfigField, ConfigurableField

import small_ccd
from cfhtisr import Box2I, Detector, Exposure, IsrTask, MaskedImage
from cfhtisr.tasks.cfht import CfhtIsrTask, CfhtIsrTaskConfig


def walk(config, prefix=""):
    """Yield the names and values of all fields, those of subtasks included."""
    for name, field in config._fields.items():
        value = getattr(config, name)
        if isinstance(field, ConfigurableField):
            yield from walk(value.value, f"{prefix}{name}.")
        elif isinstance(field, ConfigField):
            yield from walk(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def put(config, name, value):
    *path, last = name.split(".")
    for part in path:
        config = getattr(config, part)
    setattr(config, last, value)


CROSS = {
    "doCrosstalk": True,
    "crosstalk.useConfigCoefficients": True,
    "crosstalk.crosstalkValues": [0.0, 0.01, 0.02, 0.0],
    "crosstalk.crosstalkShape": [2, 2],
}
FATTER = {"doBrighterFatter": True}
GAINS = {"doFlat": False, "doApplyGains": True}
SKY = {"doMeasureBackground": True, "qa.flatness.meshX": 8, "qa.flatness.meshY": 4}
JUMP = {
    "overscanFitType": "MEAN",
    "overscanBiasJump": True,
    "overscanBiasJumpKeyword": "OBJECT",
    "overscanBiasJumpDevices": ["a field"],
    "overscanBiasJumpLocation": 6,
}
PLAIN = dict.fromkeys(("doBias", "doDark", "doFlat", "doFringe", "doDefect"), False)
BARE = PLAIN | {"doAssembleCcd": False, "doOverscan": False}
THUMB = {"qa.doThumbnailFlattened": True}
VIGNETTE = {
    "doVignette": True,
    "vignette.doWriteVignettePolygon": True,
    "vignette.radius": 0.1,
    "vignette.numPolygonPoints": 20,
}
CURVES = {"doAttachTransmissionCurve": True}

# field: (its other value, what else is on, what else is so: words for `observe`)
SCENES = {
    "parity": ("lsst-v17", {}),
    "datasetType": ("raw2", {}),
    "fallbackFilterName": ("i2", {}, "no flat"),
    "expectWcs": (False, {}),
    "fwhm": (3.0, {}),
    "qa.flatness.meshX": (16, SKY),
    "qa.flatness.meshY": (6, SKY),
    "qa.flatness.doClip": (False, SKY),
    "qa.flatness.clipSigma": (1.0, SKY),
    "qa.flatness.nIter": (1, SKY | {"qa.flatness.clipSigma": 1.5}),
    "qa.thumbnailBinning": (2, THUMB),
    "qa.thumbnailStdev": (1.0, THUMB),
    "qa.thumbnailRange": (50.0, THUMB),
    "qa.thumbnailQ": (2.0, THUMB),
    "qa.thumbnailSatBorder": (0, THUMB),
    "saturatedMaskName": ("CR", {}),
    "suspectMaskName": ("CR", {}),
    "saturation": (400.0, BARE, "no detector"),
    "gain": (2.0, BARE, "no detector"),
    "readNoise": (9.0, BARE, "no detector"),
    "growSaturationFootprintSize": (3, {}),
    "numEdgeSuspect": (2, {}),
    "doSetBadRegions": (False, {"doSaturationInterpolation": False}, "bad flat"),
    "badStatistic": ("MEDIAN", {}, "bad flat"),
    "doMaskBleeds": (True, PLAIN, "tall"),
    "bleedMaskName": ("CR", PLAIN | {"doMaskBleeds": True}, "tall"),
    "bleedMinLength": (60, PLAIN | {"doMaskBleeds": True}, "tall"),
    "bleedNumSigma": (1e6, PLAIN | {"doMaskBleeds": True}, "tall"),
    "overscanFitType": ("MEDIAN", {}),
    "overscanOrder": (3, {"overscanFitType": "POLY"}),
    "overscanNumSigmaClip": (0.5, {"overscanFitType": "MEANCLIP"}),
    "overscanIsInt": (False, {"overscanFitType": "MEDIAN"}),
    "overscanNumLeadingColumnsToSkip": (1, {"overscanFitType": "MEAN"}),
    "overscanNumTrailingColumnsToSkip": (1, {"overscanFitType": "MEAN"}),
    "overscanMaxDev": (1.0, {"overscanFitType": "MEAN"}),
    "overscanDirection": ("BOTH", {}, "overscan rows"),
    "parallelOverscanFitType": ("MEAN_PER_COLUMN", {"overscanDirection": "BOTH"}, "overscan rows"),
    "overscanSkipEdgeColumns": ("none", {}, "odd edge"),
    "overscanOutlierSigma": (1e6, PLAIN, "tall"),
    "overscanBiasJump": (False, JUMP),
    "overscanBiasJumpKeyword": ("NONE", JUMP),
    "overscanBiasJumpDevices": ([], JUMP),
    "overscanBiasJumpLocation": (3, JUMP),
    "doAmpOffset": (True, PLAIN, "tall"),
    "ampOffsetWidth": (8, PLAIN | {"doAmpOffset": True}, "tall"),
    "ampOffsetMinSigma": (1e6, PLAIN | {"doAmpOffset": True}, "tall"),
    "doAssembleIsrExposures": (False, {}, "raw bias"),
    "doTrimToMatchCalib": (True, {"doFringe": False, "doDark": False, "doFlat": False}, "cut bias"),
    "biasDataProductName": ("bias2", {}),
    "darkDataProductName": ("dark2", {}),
    "flatDataProductName": ("flat2", {}),
    "doCrosstalk": (False, CROSS),
    "doCrosstalkBeforeAssemble": (False, CROSS),
    "crosstalk.minPixelToMask": (1e6, CROSS),
    "crosstalk.crosstalkMaskPlane": ("CR", CROSS | {"crosstalk.minPixelToMask": 3000.0}),
    "crosstalk.useConfigCoefficients": (False, CROSS),
    "crosstalk.crosstalkValues": ([0.0, 0.03, 0.02, 0.0], CROSS),
    "crosstalk.crosstalkShape": ([4, 1], CROSS),
    "doLinearize": (False, {}, "not linear"),
    "doBrighterFatter": (False, FATTER),
    "brighterFatterLevel": ("AMP", FATTER),
    "brighterFatterKernelFile": ("kernel.fits", FATTER),
    "brighterFatterMaxIter": (1, FATTER | {"brighterFatterThreshold": 1e-6}),
    "brighterFatterThreshold": (1e9, FATTER | {"brighterFatterThreshold": 1e-6}),
    "brighterFatterApplyGain": (False, FATTER),
    "doNanInterpAfterFlat": (True, FATTER, "bad flat"),
    "flatScalingType": ("MEDIAN", {}),
    "flatUserScale": (3.0, {}),
    "doFlat": (False, {}),
    "doApplyGains": (True, {"doFlat": False}),
    "normalizeGains": (True, GAINS),
    "fringeAfterFlat": (False, {}),
    "fluxMag0T1": ({"i.MP9703": 1e9}, {}),
    "defaultFluxMag0T1": (1e9, {}),
    "doStrayLight": (True, {}),
    "pixelUnit": ("electron", {}),
    "assembleCcd.doTrim": (False, dict.fromkeys(["doBias", "doDark", "doFlat", "doFringe"], False)),
    "assembleCcd.keysToRemove": ([], {}),
    "fringe.filters": (["z"], {}),
    "fringe.num": (100, {}),
    "fringe.small": (2, {}),
    "fringe.large": (4, {}),
    "fringe.iterations": (0, {"fringe.clip": 1.0}),
    "fringe.clip": (1.0, {}),
    "fringe.pedestal": (False, {}),
    "fringe.stats.badMaskPlanes": (["SAT", "SUSPECT", "INTRP", "BAD"], {}),
    "fringe.stats.stat": (4, {}),
    "fringe.stats.clip": (0.5, {"fringe.stats.stat": 128}),
    "fringe.stats.iterations": (1, {"fringe.stats.stat": 128, "fringe.stats.clip": 1.0}),
    "fringe.stats.rngSeedOffset": (5, {}),
    "safe": (0.5, PLAIN, "tall, saturated"),
    "doVignette": (False, VIGNETTE),
    "vignette.xCenter": (0.05, VIGNETTE),
    "vignette.yCenter": (0.05, VIGNETTE),
    "vignette.radius": (0.12, VIGNETTE),
    "vignette.numPolygonPoints": (12, VIGNETTE),
    "vignette.doWriteVignettePolygon": (False, VIGNETTE),
    "doUseOpticsTransmission": (False, CURVES),
    "doUseFilterTransmission": (False, CURVES),
    "doUseSensorTransmission": (False, CURVES),
    "doUseAtmosphereTransmission": (False, CURVES),
}

FIELDS = [name for name, _ in walk(CfhtIsrTaskConfig())]


class Shelf(small_ccd.Shelf):
    """Notes what it is asked for."""

    def __init__(self, **datasets):
        super().__init__(**datasets)
        self.asked = []

    def get(self, datasetType, **dataId):
        self.asked.append(datasetType)
        return super().get(datasetType, **dataId)


def scene(words):
    """Return a data reference with a raw on which every step has something to do."""
    raw = small_ccd.raw()
    image = raw.image.array
    image[8, 26:34] = 60000
    image[2:6, 12] = 4000
    image[4, 1] = 1600  # an odd pixel of the overscan
    image[7:, :4] += 3
    image[:, 4:-4] += np.arange(40, dtype=np.uint16) * 2
    for amp in raw.detector:
        amp.gain, amp.read_noise = small_ccd.GAINS[amp.name], small_ccd.NOISES[amp.name]
        amp.saturation, amp.suspect_level = 50000.0, 3000.0
    raw.detector.offset_mm, raw.detector.yaw_deg = (0.0, 0.0), 0.0
    inputs = small_ccd.calibrations()
    fringes = inputs.pop("fringes").fringes
    fringes.image.array += 40
    kernel = np.zeros((5, 5))
    kernel[2, 2], kernel[1, 2], kernel[3, 2], kernel[2, 1], kernel[2, 3] = 4e-7, *[-1e-7] * 4
    found = inputs | {"raw": raw, "fringe": fringes, "ccdExposureId": 36007, "bfKernel": kernel}
    for name in ("optics", "filter", "sensor", "atmosphere"):
        found[f"transmission_{name}"] = None
    for name in ("bias", "dark", "flat"):
        found[f"{name}2"] = found[name]
    found["raw2"] = small_ccd.raw(seed=9)
    if words == "no flat":
        found["flat", "i2"] = found.pop("flat")
    if words == "bad flat":
        found["flat"].mask.array[3, 3:6] = 1
        found["flat"].image.array[9, 9] = 0
    if words == "not linear":
        for amp in raw.detector:
            amp.linearity_type = "SQUARED"
            amp.linearity_coeffs = (1e-6, 0, 0, 0)
        found["linearizer"] = lambda image, detector, log: np.multiply(
            image.array, 1.01, out=image.array
        )
    if words == "raw bias":
        bias = small_ccd.raw(signal=3, dtype=np.float32)
        found["bias"] = Exposure(bias.masked_image, bias.metadata, bias.detector)
    if words == "cut bias":
        found["bias"] = Exposure(found["bias"].masked_image.subset(Box2I(1, 1, 38, 10)))
    if words == "odd edge":
        image[:, 0] += 50
    if words == "no detector":
        found["raw"] = Exposure(
            MaskedImage(image), raw.metadata, None, filter="i.MP9703", visit_info=raw.visit_info
        )
    if words == "overscan rows":
        rows = np.full((4, image.shape[1]), 1150, np.uint16)
        rows[:, 5::7] += 9
        for amp in raw.detector:
            box = amp.raw_data_bbox
            amp.raw_vertical_overscan_bbox = Box2I(box.x0, box.y1 + 1, box.width, 4)
            amp.raw_bbox = Box2I(amp.raw_bbox.x0, 0, amp.raw_bbox.width, image.shape[0] + 4)
        found["raw"] = Exposure(
            MaskedImage(np.vstack([image, rows])),
            raw.metadata,
            raw.detector,
            filter="i.MP9703",
            visit_info=raw.visit_info,
        )
    if words in ("tall", "tall, saturated"):
        found["raw"] = tall(raw, words)
    shelf = Shelf()
    shelf.datasets = found
    return shelf


def tall(raw, words):
    """Return a raw of 192 rows, with a bleed trail, a step in the middle and odd overscan rows."""
    rows, strip = 192, 16
    rng = np.random.default_rng(6)
    image = np.full((rows, 40 + 2 * strip), 1100.0)
    data = image[:, strip:-strip]
    data += 500 + 20 * (np.arange(40) > 19)
    image += rng.normal(0, 3, image.shape)
    image[50, :strip] += np.linspace(20, 300, strip)
    data[80:120, 14], data[120:150, 14] = 60000, 3000
    if words == "tall, saturated":
        data[20:180, 26:30] = 65535
    amps = []
    for n, amp in enumerate(raw.detector):
        half = 20 + strip
        amp.bbox = Box2I(20 * n, 0, 20, rows)
        amp.raw_bbox = Box2I(half * n, 0, half, rows)
        amp.raw_data_bbox = Box2I(half if n else strip, 0, 20, rows)
        amp.raw_horizontal_overscan_bbox = Box2I((half + 20) * n, 0, strip, rows)
        amps.append(amp)
    detector = Detector("ccd00", 0, Box2I(0, 0, 40, rows), amps)
    planes = MaskedImage(np.round(image).astype(np.uint16))
    return Exposure(planes, raw.metadata, detector, filter="i.MP9703", visit_info=raw.visit_info)


def observe(fields, words=""):
    """Return all that can be seen of a run: texts and arrays by name."""
    config = CfhtIsrTaskConfig()
    config.fringe.filters = ["i.MP9703"]
    config.fringe.num, config.fringe.large, config.fringe.stats.badMaskPlanes = 300, 5, ["SAT"]
    shelf, lines = scene(words), []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: lines.append(record.getMessage())
    log = logging.getLogger("every.field")
    log.propagate = False
    log.handlers, log.level = [handler], logging.INFO
    seen = {}
    try:
        for name, value in fields.items():
            put(config, name, value)
        config.validate()
        kind = CfhtIsrTask if words == "tall, saturated" else IsrTask
        result = kind(config=config, log=log).runDataRef(shelf)
        exposure = result.exposure
        seen = dict(
            zip(("image", "mask", "variance"), exposure.masked_image.getArrays(), strict=True)
        )
        seen["header"] = exposure.metadata.tostring("\n")
        seen["thumbs"] = [result.ossThumb, result.flattenedThumb]
        seen["flux"] = exposure.flux_mag0
        seen["polygon"] = str(getattr(exposure, "valid_polygon", None))
    except Exception as error:
        seen["error"] = f"{type(error).__name__}: {error}"
    return seen | {"log": lines, "asked": shelf.asked, "stored": "postISRCCD" in shelf.datasets}


def differ(first, second):
    """Return what differs between two observations."""
    names = []
    for name in first.keys() | second.keys():
        a, b = first.get(name), second.get(name)
        arrays = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
        equal = np.array_equal(a, b, equal_nan=True) if arrays else repr(a) == repr(b)
        if not equal:
            names.append(name)
    return names


def other(value):
    """Return another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return 1.0 if math.isnan(value) else 2 * value + 1
    raise TypeError(f"SCENES has to say what becomes of {value!r}")


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_changes_something(name):
    value, on, *words = SCENES.get(name, (None, {}))
    if name not in SCENES:
        value = other(dict(walk(CfhtIsrTaskConfig()))[name])
    before, after = observe(on, *words), observe(on | {name: value}, *words)
    # These two are for what would fail without them.
    rescues = name in ("fallbackFilterName", "doTrimToMatchCalib")
    assert ("error" in before) is rescues, before.get("error")
    assert differ(before, after)


def test_the_scenes_are_of_fields_that_exist():
    assert SCENES.keys() - set(FIELDS) == set()


def test_an_observation_repeats():
    assert differ(observe({}), observe({})) == []
