"""Thumbnails of an exposure, and where they go."""

__all__ = ["makeThumbnail", "writeThumbnail"]

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr.images import Exposure
from cfhtisr.io.picture_file import write_picture
from cfhtisr.isr import thumbnail
from cfhtisr.tasks.fetch import fetch


def makeThumbnail(exposure: Exposure, isrQaConfig: Any = None) -> NDArray[np.uint8] | None:
    """Return a small picture of an exposure.

    Parameters
    ----------
    exposure : Exposure
        The exposure; it is not changed.
    isrQaConfig : IsrQaConfig, optional
        Has binning and stretch.

    Returns
    -------
    thumb : ndarray of uint8, shape (rows, columns, 3), or None
        None without a configuration.
    """
    if isrQaConfig is None:
        return None
    return thumbnail.make(
        exposure.masked_image,
        isrQaConfig.thumbnailBinning,
        isrQaConfig.thumbnailStdev,
        isrQaConfig.thumbnailRange,
        isrQaConfig.thumbnailQ,
        isrQaConfig.thumbnailSatBorder,
    )


def writeThumbnail(dataRef: Any, thumb: NDArray[np.uint8], dataset: str) -> None:
    """Store a thumbnail.

    Parameters
    ----------
    dataRef : object with ``get`` and ``put``
        Its dataset ``<dataset>_filename``, or the first element of that, is the file to
        write; the format is that of the suffix. Missing folders are made. If there is no such
        dataset, the thumbnail itself is put as ``dataset``.
    thumb : ndarray of uint8, shape (rows, columns, 3)
        The thumbnail; its first row is the top of the picture.
    dataset : str
        ``ossThumb`` or ``flattenedThumb``.

    Raises
    ------
    OSError
        If folder or file cannot be written.
    """
    try:
        name = fetch(dataRef, f"{dataset}_filename")
    except Exception:
        dataRef.put(thumb, dataset)
        return
    path = os.fspath(name if isinstance(name, str | os.PathLike) else name[0])
    folder = os.path.dirname(path)
    if folder:
        os.makedirs(folder, exist_ok=True)
    write_picture(path, thumb)
