"""Single pieces of the work, ours and the peers'."""

import inspect
import statistics
import subprocess
import sys
import time

import numpy as np

from benches.speed import measure, workload
from benches.speed.exposure import Files
from benches.speed.measure import Result
from benches.speed.workload import OVER, ROWS, SKY, Workload

_BOXES, _LOOPED = 30_000, 1_500  # fringe positions; those of the loop in Python
_SMALL, _LARGE = 3, 30  # half sizes: windows of 7 x 7 and 61 x 61 pixels


def time_overscan(files: Files, repeats: int, who: str) -> Result:
    """Measure the medians of the overscan rows of both amplifiers."""
    raw = Workload.load(files.arrays).raw
    strips = [raw[:ROWS, :OVER].astype(np.float32), raw[:ROWS, -OVER:].astype(np.float32)]
    if who == "numpy":
        return measure.repeat(lambda: [np.median(strip, axis=1) for strip in strips], 5 * repeats)
    from cfhtisr.isr import overscan

    mask = np.zeros(strips[0].shape, np.int32)
    return measure.repeat(
        lambda: [overscan.row_median(strip, mask) for strip in strips], 5 * repeats
    )


def time_clipping(files: Files, repeats: int, who: str) -> Result:
    """Measure the clipped mean, median and deviation of a whole CCD."""
    image = _sky()
    if who == "astropy":
        from astropy.stats import sigma_clipped_stats

        return measure.repeat(lambda: sigma_clipped_stats(image, sigma=3, maxiters=3), repeats)
    from cfhtisr.isr import statistics as ours

    wanted = ("MEANCLIP", "MEDIAN", "STDEVCLIP")
    return measure.repeat(lambda: ours.compute(image, wanted, n_sigma=3, n_iter=3), repeats)


def time_fringe(files: Files, repeats: int, who: str) -> Result:
    """Measure the medians of 30000 pairs of fringe windows; of a loop, in proportion."""
    from cfhtisr.isr import fringe

    image = _sky()
    x, y = fringe.positions(image.shape, _BOXES, _LARGE, seed=1)
    if who == "ours":
        from cfhtisr import MaskedImage

        frame = MaskedImage(image)
        return measure.repeat(lambda: fringe.measure(frame, x, y, _SMALL, _LARGE), repeats)

    def loop() -> list[float]:
        found = []
        for column, row in zip(x[:_LOOPED].tolist(), y[:_LOOPED].tolist(), strict=True):
            small, large = (
                np.median(image[row - half : row + half + 1, column - half : column + half + 1])
                for half in (_SMALL, _LARGE)
            )
            found.append(small - large)
        return found

    result = measure.repeat(loop, repeats)
    return result | {key: result[key] * _BOXES / _LOOPED for key in ("seconds", "cpu")}


def _sky() -> np.ndarray:
    random = np.random.default_rng(5)
    noise = random.standard_normal((ROWS, workload.COLUMNS), np.float32)
    noise *= np.float32(18)
    noise += np.float32(SKY)
    noise[random.integers(0, ROWS, 5000), random.integers(0, workload.COLUMNS, 5000)] = 30000
    return noise


def time_decoding(files: Files, repeats: int, who: str) -> Result:
    """Measure reading the Rice-compressed raw of a few CCDs; ``cpu`` is what counts."""
    path, names = files.raw("rice"), files.names()[:4]
    if who == "ours":
        from cfhtisr.io import open_raw

        def read() -> None:
            with open_raw(path, checksum="ignore") as file:
                for name in names:
                    file.read(int(name[3:]))
    elif who == "fitsio":
        import fitsio

        def read() -> None:
            with fitsio.FITS(path) as file:
                for name in names:
                    file[name].read()
    else:
        from astropy.io import fits

        def read() -> None:
            with fits.open(path) as file:
                for name in names:
                    assert file[name].data.shape == workload.RAW_SHAPE

    return measure.repeat(read, repeats, share=len(names))


def compresses() -> bool:
    """Whether cfhtisr writes compressed planes."""
    import cfhtisr

    return "compress" in inspect.signature(cfhtisr.write_exposure).parameters


def time_packing(files: Files, repeats: int, who: str, form: str) -> Result:
    """Measure writing image, mask and variance compressed; ``bytes`` is the size of the file."""
    from benches.speed import numpy_peer, scratch

    image, mask, variance = numpy_peer.correct(Workload.load(files.arrays))
    with scratch.folder(files) as out:
        path = out / "product.fits"
        if who == "ours":
            from cfhtisr import Exposure, MaskedImage, write_exposure

            exposure = Exposure(MaskedImage(image, mask, variance))

            def write() -> None:
                write_exposure(exposure, path, overwrite=True, sync=False, compress=form)
        else:
            import fitsio

            tile = (1, workload.COLUMNS)
            quiet = {"compress": "GZIP_2", "qlevel": None, "tile_dims": tile}
            lossy = {"compress": "RICE", "qlevel": 16, "qmethod": 2, "tile_dims": tile}
            lossy["dither_seed"] = 1
            pixels = quiet if form == "lossless" else lossy
            flags = quiet if form == "lossless" else {"compress": "PLIO", "tile_dims": tile}

            def write() -> None:
                with fitsio.FITS(path, "rw", clobber=True) as file:
                    file.write(image, extname="IMAGE", **pixels)
                    file.write(mask, extname="MASK", **flags)
                    file.write(variance, extname="VARIANCE", **pixels)

        return measure.repeat(write, 1) | {"bytes": path.stat().st_size}


def time_import(files: Files, repeats: int) -> Result:
    """Measure what ``import cfhtisr`` takes beyond ``import numpy``, in fresh processes."""

    def start(words: str) -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", words], check=True)
        return time.perf_counter() - begin

    for words in ("import numpy", "import numpy, cfhtisr"):
        start(words)
    pairs = [(start("import numpy"), start("import numpy, cfhtisr")) for _ in range(3 * repeats)]
    return {"seconds": statistics.median(both - one for one, both in pairs)}
