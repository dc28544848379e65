"""What is used of LSST's middleware, in one place: it changes from week to week."""

__all__ = [
    "Butler",
    "CollectionType",
    "Config",
    "DataCoordinate",
    "DatasetIdGenEnum",
    "DatasetRef",
    "DatasetType",
    "EmptyQueryResultError",
    "FileDataset",
    "FormatterV2",
    "StorageClassDelegate",
    "Timespan",
]

from cfhtisr.errors import MissingExtraError

try:
    from lsst.daf.butler import (
        Butler,
        Config,
        DataCoordinate,
        DatasetIdGenEnum,
        DatasetRef,
        DatasetType,
        EmptyQueryResultError,
        FileDataset,
        FormatterV2,
        StorageClassDelegate,
        Timespan,
    )
    from lsst.daf.butler._collection_type import CollectionType
except ImportError as error:
    raise MissingExtraError(
        f"needs lsst-daf-butler: pip install 'cfhtisr[butler]' ({error})"
    ) from error
