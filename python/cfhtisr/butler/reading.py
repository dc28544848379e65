"""Reading datasets through the middleware, with the errors of the files themselves."""

__all__ = ["read_dataset"]

from typing import Any

from cfhtisr.config_files import ConfigFileError
from cfhtisr.errors import FileFormatError


def read_dataset(butler: Any, ref: Any) -> Any:
    """Return a dataset.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        What has it.
    ref : lsst.daf.butler.DatasetRef
        Which it is.

    Raises
    ------
    FileFormatError
        If the file is damaged, or not the one that was taken in.
    FileNotFoundError
        If it is gone.
    """
    try:
        return butler.get(ref)
    except ValueError as error:
        # The middleware wraps what a formatter raises.
        if isinstance(error.__cause__, OSError | ConfigFileError):
            raise error.__cause__ from None
        raise
    except RuntimeError as error:
        if type(error).__name__ != "FileIntegrityError":
            raise
        path = butler.getURI(ref).ospath
        raise FileFormatError(
            f"{path}: is not the file that was taken into the repository: "
            f"{' '.join(str(error).split())}"
        ) from error
