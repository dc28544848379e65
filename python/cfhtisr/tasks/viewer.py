"""What `IsrTask.debugView` shows exposures with: matplotlib, unless another viewer comes.

A viewer is a function of the exposure, the name of the step and the number of the frame in
which it is to be shown.

>>> seen = []
>>> before = register(lambda exposure, step, frame: seen.append((step, frame)))
>>> show(None, "doFlat", 2)
>>> seen
[('doFlat', 2)]
>>> _ = register(before)
"""

__all__ = ["Viewer", "register", "show", "show_with_matplotlib"]

from collections.abc import Callable

import numpy as np

from cfhtisr.images import Exposure

Viewer = Callable[[Exposure, str, int], object]


def show_with_matplotlib(exposure: Exposure, step: str, frame: int) -> None:
    """Show an exposure in a figure of matplotlib, stretched by asinh between zscale's limits.

    Parameters
    ----------
    exposure : Exposure
        The exposure; it is not changed.
    step : str
        The step, for the title.
    frame : int
        Number of the figure; what it showed before is gone.

    Raises
    ------
    ImportError
        If matplotlib is missing; the text names the extra that brings it.
    """
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError(
            "debugView needs matplotlib, which is not installed: pip install 'cfhtisr[plot]', "
            "or register a viewer of your own"
        ) from None
    from astropy.visualization import AsinhStretch, ImageNormalize, ZScaleInterval

    image = exposure.image.array
    finite = image[np.isfinite(image)]
    low, high = ZScaleInterval().get_limits(finite) if finite.size else (0.0, 1.0)
    norm = ImageNormalize(vmin=low, vmax=max(high, low + 1e-6), stretch=AsinhStretch())
    figure = pyplot.figure(num=frame)
    figure.clear()
    axes = figure.subplots()
    box = exposure.bbox
    extent = (box.x0 - 0.5, box.x1 + 0.5, box.y0 - 0.5, box.y1 + 0.5)
    shown = axes.imshow(
        image, origin="lower", cmap="gray", norm=norm, extent=extent, interpolation="nearest"
    )
    name = "" if exposure.detector is None else f"{exposure.detector.name}: "
    axes.set_title(f"{name}after {step}")
    axes.set_xlabel("column [pixel]")
    axes.set_ylabel("row [pixel]")
    figure.colorbar(shown, ax=axes, label="pixel value")
    figure.canvas.draw()
    if type(figure.canvas).required_interactive_framework is not None:
        pyplot.pause(0.01)  # lets the window appear


_viewer: Viewer = show_with_matplotlib


def register(viewer: Viewer | None) -> Viewer:
    """Take another viewer for all tasks of this process.

    Parameters
    ----------
    viewer : callable or None
        A function of exposure, step and frame; None for matplotlib.

    Returns
    -------
    before : callable
        The viewer that was registered.

    Raises
    ------
    TypeError
        If it cannot be called.
    """
    global _viewer
    if viewer is not None and not callable(viewer):
        raise TypeError(f"viewer is a {type(viewer).__name__}, wanted a function")
    before, _viewer = _viewer, show_with_matplotlib if viewer is None else viewer
    return before


def show(exposure: Exposure, step: str, frame: int) -> None:
    """Show an exposure with the registered viewer."""
    _viewer(exposure, step, frame)
