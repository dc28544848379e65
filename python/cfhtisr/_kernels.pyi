# Types of the compiled module; the documentation is in the modules that call it.
from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Inflater",
    "any_without",
    "apply_lookup_table",
    "bin_planes",
    "bleed_trails",
    "correct_brighter_fatter",
    "correct_fused",
    "count_planes",
    "cpu_level",
    "datasum",
    "decode_tiles",
    "divide_flat",
    "encode_rows",
    "fill_bad_regions",
    "flag_overscan_outliers",
    "grow",
    "interpolate_boxes",
    "interpolate_mask",
    "linearize_polynomial",
    "linearize_spline",
    "linearize_squared",
    "mask_boxes",
    "mask_nans",
    "measure_fringe",
    "mesh_levels",
    "num_threads",
    "overscan_columns",
    "overscan_fit",
    "overscan_integer_median",
    "overscan_outlier_rows",
    "overscan_residual",
    "pack_pixels",
    "place",
    "read_pixels",
    "read_tiles",
    "row_median",
    "saturation_edge",
    "saturation_piles",
    "set_num_threads",
    "statistics_compute",
    "subtract_bias",
    "subtract_crosstalk",
    "subtract_scaled",
    "sum_file",
    "threshold",
    "to_float",
    "unpack_pixels",
    "update_variance",
    "update_variance_v17",
    "widen_saturation_trails",
    "window_means",
]

_F32 = NDArray[np.float32]
_F64 = NDArray[np.float64]
_I32 = NDArray[np.int32]
_I64 = NDArray[np.int64]
_U16 = NDArray[np.uint16]
_U8 = NDArray[np.uint8]
_Planes = tuple[_F32, _I32, _F32]

# amp_offset
def window_means(image: _F32, mask: _I32, reject: int, n_sigma: float, every: int) -> _F64: ...

# assembly
def place(target: _Planes, raw: _Planes, flip_x: bool, flip_y: bool) -> None: ...

# background
def mesh_levels(
    image: _F32,
    mask: _I32,
    starts: tuple[_I64, _I64],
    size: tuple[int, int],
    clipping: tuple[int, float, int],
    clip: bool,
) -> _F64: ...

# bad_regions
def fill_bad_regions(image: _F32, mask: _I32, bad: int, repaired: int, value: float) -> int: ...

# binning
def bin_planes(target: _Planes, planes: _Planes, rows: int, columns: int) -> None: ...

# bleeds
def bleed_trails(
    mask: _I32, bits: int, min_length: int, elongation: int
) -> list[tuple[int, int, int]]: ...

# brighter_fatter
def correct_brighter_fatter(
    image: _F32, kernel: _F64, max_iter: int, threshold: float, v17: bool
) -> int: ...

# calibration
def subtract_bias(target: _Planes, bias: _Planes) -> None: ...
def subtract_scaled(target: _Planes, other: _Planes, scale: float, invert: bool) -> None: ...
def divide_flat(target: _Planes, flat: _Planes, scale: float, invert: bool) -> None: ...

# checksum
def datasum(bytes: _U8, start: int, phase: int) -> int: ...
def sum_file(descriptor: int, origin: int, at: int, end: int) -> int: ...

# codec
def decode_tiles(
    bytes: _U8,
    tiles: tuple[_I64, _I64, _U8, _F64, _F64, _I64],
    grid: tuple[int, int, int, int, int],
    coding: tuple[str, int, int, int, str | None, int],
    scaling: tuple[float, float, int | None] | None,
    out: NDArray[Any],
) -> None: ...
def read_pixels(
    descriptor: int,
    start: int,
    bitpix: int,
    scaling: tuple[float, float, int | None] | None,
    first_row: int,
    out: NDArray[Any],
    summed: bool,
) -> int: ...
def read_tiles(
    descriptor: int,
    heap: int,
    tiles: tuple[_I64, _I64, _U8, _F64, _F64, _I64],
    grid: tuple[int, int, int, int, int],
    coding: tuple[str, int, int, int, str | None, int],
    scaling: tuple[float, float, int | None] | None,
    out: NDArray[Any],
    summed: tuple[int, int, int] | None,
) -> int: ...
def pack_pixels(values: NDArray[Any], bytes: _U8) -> int: ...
def unpack_pixels(
    bytes: _U8, bitpix: int, scaling: tuple[float, float, int | None] | None, out: NDArray[Any]
) -> None: ...

# conversion
def to_float(raw: NDArray[Any], image: _F32, variance: _F32) -> None: ...

# crosstalk
def subtract_crosstalk(
    target: _Planes,
    amplifiers: Sequence[tuple[int, int, bool, bool]],
    size: tuple[int, int],
    coefficients: _F32,
    backgrounds: Sequence[float],
    level: float,
    flag: int,
) -> None: ...

# flags
def any_without(mask: _I32, some: int, none: int) -> bool: ...
def count_planes(mask: _I32) -> list[int]: ...

# encode
def encode_rows(
    pixels: NDArray[Any],
    columns: int,
    first: int,
    coding: tuple[str, str | None, float, int],
) -> tuple[_U8, _I64, _U8, _F64, _F64]: ...

# fringe
def measure_fringe(
    image: _F32,
    mask: _I32,
    and_mask: int,
    x: _I64,
    y: _I64,
    small: int,
    large: int,
    statistic: str,
    n_sigma: float,
    n_iter: int,
) -> _F64: ...

# interpolation
def interpolate_boxes(
    image: _F32,
    mask: _I32,
    variance: _F32,
    boxes: _I32,
    flag: int,
    fallback: tuple[float, float] | None,
    use_edge: bool,
    reference: bool,
) -> int | None: ...
def interpolate_mask(
    image: _F32,
    mask: _I32,
    variance: _F32,
    bits: int,
    flag: int,
    fallback: tuple[float, float] | None,
    reference: bool,
) -> int | None: ...

# fused
def correct_fused(
    target: _Planes,
    steps: list[tuple[str, tuple[int, int, int, int], Any]],
    height: int,
    watched: tuple[int, int],
) -> dict[str, Any]: ...

# inflate
@final
class Inflater:
    def inflate(self, packed: _U8, out: _U8) -> tuple[int, int, bool]: ...

# linearity
def apply_lookup_table(
    image_and_table: tuple[_F32, _F32] | tuple[_F64, _F64], offset: float
) -> int: ...
def linearize_polynomial(image: _F32 | _F64, coefficients: Sequence[float]) -> None: ...
def linearize_spline(
    image: _F32 | _F64, knots: Sequence[tuple[float, float]], akima: bool
) -> None: ...
def linearize_squared(image: _F32 | _F64, coefficient: float) -> None: ...

# masking
def grow(mask: _I32, bits: int, radius: int, circle: bool) -> None: ...
def mask_boxes(mask: _I32, boxes: _I32, bits: int) -> None: ...
def mask_nans(image: _F32, mask: _I32, variance: _F32, bits: int, allow: int) -> int: ...
def threshold(image: _F32 | _U16, mask: _I32, level: float, bits: int) -> None: ...
def widen_saturation_trails(mask: _I32, bits: int) -> None: ...

# overscan
def flag_overscan_outliers(image: _F32, mask: _I32, most: float, bit: int, alone: bool) -> int: ...
def overscan_fit(
    image: _F32,
    mask: _I32 | None,
    reject: int,
    n_sigma: float,
    fit_type: str,
    order: int,
    reference: bool,
) -> tuple[_F32, NDArray[np.bool_]]: ...
def overscan_integer_median(image: _F32, mask: _I32 | None, reject: int) -> float: ...
def row_median(image: _F32, mask: _I32, reject: int) -> _F32: ...

# overscan_quality
def overscan_columns(
    image: _F32, mask: _I32, reject: int, stride: int
) -> tuple[float, _F64, _I64]: ...
def overscan_outlier_rows(image: _F32, mask: _I32, reject: int, n_sigma: float) -> list[int]: ...
def overscan_residual(image: _F32, mask: _I32, reject: int) -> tuple[float, float, float, int]: ...

# pool
def cpu_level() -> str: ...
def num_threads() -> int: ...
def set_num_threads(threads: int) -> None: ...

# saturation
def saturation_edge(image: NDArray[Any]) -> float | None: ...
def saturation_piles(
    image: _U16, spans: list[tuple[int, int]]
) -> list[tuple[float, float, int, int]]: ...

# statistics
def statistics_compute(
    image: NDArray[Any],
    mask: _I32 | None,
    what: Sequence[str],
    reject: int,
    n_sigma: float,
    n_iter: int,
) -> list[float]: ...

# variance
def update_variance(
    image: _F32, variance: _F32, gain: float, read_noise: float, bias_variance: _F32 | None
) -> None: ...
def update_variance_v17(image: _F32, variance: _F32, gain: float, read_noise: float) -> None: ...
