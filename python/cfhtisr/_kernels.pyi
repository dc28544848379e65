# Types of the compiled module; the documentation is in the modules that call it.
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]

# pool
def num_threads() -> int: ...
def set_num_threads(threads: int) -> None: ...

# checksum
def datasum(bytes: U8, start: int, phase: int) -> int: ...

# overscan
def row_median(image: F32, mask: I32, reject: int) -> F32: ...
