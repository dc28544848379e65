# Types of the compiled module; the documentation is in the modules that call it.
from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U16 = NDArray[np.uint16]
U8 = NDArray[np.uint8]
Planes = tuple[F32, I32, F32]

# assembly
def place(target: Planes, raw: Planes, flip_x: bool, flip_y: bool) -> None: ...

# bad_regions
def fill_bad_regions(image: F32, mask: I32, bad: int, repaired: int, value: float) -> int: ...

# calibration
def subtract_bias(target: Planes, bias: Planes) -> None: ...
def subtract_scaled(target: Planes, other: Planes, scale: float, invert: bool) -> None: ...
def divide_flat(target: Planes, flat: Planes, scale: float, invert: bool) -> None: ...

# checksum
def datasum(bytes: U8, start: int, phase: int) -> int: ...

# codec
def decode_tiles(
    bytes: U8,
    tiles: tuple[I64, I64, U8, F64, F64, I64],
    grid: tuple[int, int, int, int, int],
    coding: tuple[str, int, int, int, str | None, int],
    scaling: tuple[float, float, int | None] | None,
    out: NDArray[Any],
) -> None: ...
def unpack_pixels(
    bytes: U8, bitpix: int, scaling: tuple[float, float, int | None] | None, out: NDArray[Any]
) -> None: ...

# conversion
def to_float(raw: NDArray[Any], image: F32, variance: F32) -> None: ...

# fringe
def measure_fringe(
    image: F32,
    mask: I32,
    and_mask: int,
    x: I64,
    y: I64,
    small: int,
    large: int,
    statistic: str,
    n_sigma: float,
    n_iter: int,
) -> F64: ...

# interpolation
def interpolate_boxes(
    image: F32,
    mask: I32,
    variance: F32,
    boxes: I32,
    flag: int,
    fallback: tuple[float, float] | None,
    use_edge: bool,
    reference: bool,
) -> int | None: ...
def interpolate_mask(
    image: F32,
    mask: I32,
    variance: F32,
    bits: int,
    flag: int,
    fallback: tuple[float, float] | None,
    reference: bool,
) -> int | None: ...

# inflate
@final
class Inflater:
    def inflate(self, packed: U8, out: U8) -> tuple[int, int, bool]: ...

# masking
def grow(mask: I32, bits: int, radius: int, circle: bool) -> None: ...
def mask_boxes(mask: I32, boxes: I32, bits: int) -> None: ...
def mask_nans(image: F32, mask: I32, variance: F32, bits: int, allow: int) -> int: ...
def threshold(image: F32 | U16, mask: I32, level: float, bits: int) -> None: ...
def widen_saturation_trails(mask: I32, bits: int) -> None: ...

# overscan
def overscan_fit(
    image: F32,
    mask: I32 | None,
    reject: int,
    n_sigma: float,
    fit_type: str,
    order: int,
    reference: bool,
) -> tuple[F32, NDArray[np.bool_]]: ...
def overscan_integer_median(image: F32, mask: I32 | None, reject: int) -> float: ...
def row_median(image: F32, mask: I32, reject: int) -> F32: ...

# pool
def num_threads() -> int: ...
def set_num_threads(threads: int) -> None: ...

# saturation
def saturation_edge(image: NDArray[Any]) -> float | None: ...

# statistics
def statistics_compute(
    image: NDArray[Any],
    mask: I32 | None,
    what: Sequence[str],
    reject: int,
    n_sigma: float,
    n_iter: int,
) -> list[float]: ...

# variance
def update_variance(
    image: F32, variance: F32, gain: float, read_noise: float, bias_variance: F32 | None
) -> None: ...
def update_variance_v17(image: F32, variance: F32, gain: float, read_noise: float) -> None: ...
