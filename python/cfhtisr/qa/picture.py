"""Pictures of a mosaic, before and after."""

__all__ = ["before_and_after", "require_matplotlib"]

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray


def require_matplotlib() -> None:
    """Refuse if matplotlib is not there.

    Raises
    ------
    ImportError
        The text says what to install.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ImportError(
            "pictures need matplotlib, which is not installed: pip install 'cfhtisr[plot]'"
        ) from None


def before_and_after(
    path: str | os.PathLike[str],
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    title: str,
    labels: dict[str, tuple[float, float]] | None = None,
) -> None:
    """Write a picture of a mosaic before and after its correction.

    Parameters
    ----------
    path : path-like
        The picture; its suffix, such as ``.png``, decides the format.
    before, after : ndarray of float32, shape (rows, columns)
        The same mosaic twice [ADU]; NaN where there is no CCD.
    title : str
        Line on top.
    labels : dict of str to (float, float), optional
        Texts in the picture and where [pixel]: x, y.

    Raises
    ------
    ImportError
        If matplotlib is missing; the text names the extra that brings it.
    """
    require_matplotlib()
    # Not pyplot: its figures are global, and its backend may want a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows, columns = after.shape
    # A wide mosaic, as of small CCDs, is stacked.
    wide = columns > 1.5 * rows
    size = (13, 23 * rows / columns + 1.4) if wide else (16, 6.7 * rows / columns + 1.1)
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=13)
    places = figure.subplots(2, 1) if wide else figure.subplots(1, 2)
    panels = ((before, "before: raw counts, overscan cut off"), (after, "after: corrected"))
    for axes, (image, name) in zip(places, panels, strict=True):
        low, high = _range(image)
        shown: Any = axes.imshow(
            image,
            origin="lower",
            cmap="gray",
            vmin=low,
            vmax=high,
            interpolation="nearest",
        )
        axes.set_facecolor("#203050")
        axes.set_title(name, fontsize=11)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel("East to the left, North up", fontsize=8)
        for text, (x, y) in (labels or {}).items():
            axes.text(x, y, text, color="#ffd040", fontsize=6, ha="center", va="center")
        figure.colorbar(shown, ax=axes, shrink=0.8, label="ADU per pixel")
    figure.savefig(os.fspath(path), metadata={"Software": None})


def _range(image: NDArray[np.float32]) -> tuple[float, float]:
    """Return grey levels that show most pixels and leave stars white."""
    finite = image[np.isfinite(image)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, (1, 98)))
    return low, max(high, low + 1e-3)
