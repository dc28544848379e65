"""Finding datasets: from the seed's data ids to those of the middleware."""

__all__ = ["Finder"]

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from cfhtisr.butler import keys
from cfhtisr.butler._middleware import DatasetRef
from cfhtisr.butler.connect import connect, has_collection
from cfhtisr.butler.errors import NoResults, RepositoryError
from cfhtisr.butler.lookups import Calibrations, Exposures, Product
from cfhtisr.butler.names import CALIBRATION_TYPES, INSTRUMENT, OF_ONE_FILTER, TYPES
from cfhtisr.butler.places import Places
from cfhtisr.butler.storing import Store


class Finder:
    """Opens repositories when they are needed, and finds datasets in them.

    It is not for several threads at a time.

    Parameters
    ----------
    places : Places
        Which repositories and collections.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self._opened: dict[str, Any] = {}
        self._exposures: Exposures | None = None

    def close(self) -> None:
        """Close the repositories; they are opened again when something is asked for."""
        for butler in self._opened.values():
            butler.close()
        self._opened.clear()
        self._exposures = None

    def exposures(self) -> Exposures:
        """Return the exposures of the input repository."""
        if self._exposures is None:
            self._exposures = Exposures(self.input(), self.places.collections)
        return self._exposures

    def calibrations(self) -> Calibrations:
        """Return the calibrations."""
        places = self.places
        butler = self.open(places.calib_root or places.root)
        return Calibrations(butler, places.calib)

    def open(self, root: str) -> Any:
        """Return the middleware's butler of a repository; it writes where there is a RUN."""
        if root not in self._opened:
            places = self.places
            writeable = places.run is not None and root == places.output_root
            self._opened[root] = connect(root, writeable=writeable)
        return self._opened[root]

    def input(self) -> Any:
        """Return the middleware's butler of the input repository."""
        return self.open(self.places.root)

    def store(self) -> Store:
        """Return the RUN that is written."""
        places = self.places
        if places.run is None:
            raise RepositoryError(f"{places.root} was opened for reading only: there is no output")
        return Store(places.output_root, self.open(places.output_root), places.run)

    def type(self, butler: Any, datasetType: str, get: Callable[[str], Any] | None = None) -> Any:
        """Return the middleware's type of datasets.

        Raises
        ------
        NoResults
            If the repository does not know it.
        """
        from lsst.daf.butler import MissingDatasetTypeError

        try:
            return (get or butler.get_dataset_type)(datasetType)
        except MissingDatasetTypeError:
            raise NoResults(
                f"there is no type of datasets {datasetType!r} in {self.places.root}, only "
                f"{', '.join(TYPES)} and what is derived of them"
            ) from None

    def known(self, datasetType: str) -> Any:
        """Return the middleware's type of datasets, from whichever repository knows it.

        Raises
        ------
        NoResults
            If none does.
        """
        from lsst.daf.butler import MissingDatasetTypeError

        for folder, _ in self.places.searches:
            with contextlib.suppress(MissingDatasetTypeError):
                return self.open(folder).get_dataset_type(datasetType)
        return self.type(self.input(), datasetType)

    def raws(self, asked: Mapping[str, Any], level: str) -> list[tuple[dict[str, Any], Any]]:
        """Return the whole data ids that a partial one leaves, each with its raw dataset."""
        pairs = self.exposures().matching(asked)
        if level == "ccd":
            return [(keys.of_record(record, ref.dataId["detector"]), ref) for record, ref in pairs]
        visits = {record.id: (keys.of_record(record, None), ref) for record, ref in pairs}
        return list(visits.values())

    def completed(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return a data id that has visit and ccd, looked up if they are not given."""
        if ("visit" in asked and "ccd" in asked) or not asked:
            return asked
        found = self.raws(asked, "ccd")
        return found[0][0] if len(found) == 1 else asked

    def product(self, kind: Any, asked: dict[str, Any]) -> Product:
        """Return exposure and CCD of a dataset, completed by the raws.

        Raises
        ------
        NoResults
            If the data id leaves none or several, or contradicts itself.
        """
        strange = set(kind.dimensions.required) - {"instrument", "exposure", "detector"}
        if strange:
            raise NoResults(
                f"datasets of type {kind.name} belong to {', '.join(sorted(strange))}, of which "
                "data ids of MegaCam have none"
            )
        needed = [
            key
            for key, dimension in (("visit", "exposure"), ("ccd", "detector"))
            if dimension in kind.dimensions
        ]
        if any(key not in asked for key in needed):
            found = self.raws(asked, "ccd" if "ccd" in needed else "visit")
            if len(found) != 1:
                raise NoResults(
                    f"{kind.name} {asked}: {len(found)} raws fit, wanted one "
                    f"({', '.join(needed)}); searched {self.places.searched}"
                )
            asked = {**found[0][0], **asked}
        elif "visit" in needed:
            self._check(kind.name, asked)
        return (
            asked["visit"] if "visit" in needed else None,
            asked["ccd"] if "ccd" in needed else None,
        )

    def _check(self, datasetType: str, asked: dict[str, Any]) -> None:
        """Refuse a data id that says of an exposure what is not so."""
        truth = keys.of_record(self.exposures().record(asked["visit"]), None)
        for key, value in asked.items():
            if key in truth and truth[key] != value:
                raise NoResults(
                    f"{datasetType} {asked}: exposure {asked['visit']} has {key}={truth[key]!r}"
                )

    def writable(self, datasetType: str, asked: dict[str, Any]) -> tuple[Store, Any]:
        """Return the RUN that is written, and the dataset that is to be there."""
        store = self.store()
        kind = self.type(store.butler, datasetType, store.kind)
        if kind.isCalibration():
            raise RepositoryError(
                f"{datasetType} is a calibration, which is certified for a range of time: "
                "cfhtisr repo ingest-calibs does that"
            )
        coordinate = self.coordinate(store, kind, self.product(kind, asked))
        return store, DatasetRef(kind, coordinate, run=store.run)

    def coordinate(self, store: Store, kind: Any, product: Product) -> Any:
        """Return the middleware's data id; an output of its own learns of the exposure."""
        if product[0] is not None:
            self.exposures().record(product[0])
        coordinate = self.exposures().coordinate(kind, product)
        if self.places.output is not None and product[0] is not None:
            ref = DatasetRef(kind, coordinate, run=store.run)
            store.butler.transfer_dimension_records_from(self.input(), [ref])
        return coordinate

    def found(self, datasetType: str, asked: dict[str, Any]) -> tuple[Any, Any]:
        """Return a dataset and the middleware's butler that has it."""
        if datasetType in CALIBRATION_TYPES:
            return self._calibration(datasetType, asked)
        kind = self.known(datasetType)
        product = self.product(kind, asked)
        if product[0] is not None:
            self.exposures().record(product[0])
        coordinate = self.exposures().coordinate(kind, product)
        for folder, collections in self.places.searches:
            butler = self.open(folder)
            there = [name for name in collections if has_collection(butler, name)]
            if not there or not self._knows(butler, kind, product):
                continue
            ref = butler.find_dataset(datasetType, coordinate, collections=there)
            if ref is not None:
                return butler, ref
        raise NoResults(f"no {datasetType} for {asked}; searched {self.places.searched}")

    def _knows(self, butler: Any, kind: Any, product: Product) -> bool:
        """Whether a repository knows a type, and the exposure; a query would fail otherwise."""
        if butler is self.input() and kind.name in TYPES:
            return True
        if not list(butler.registry.queryDatasetTypes(kind.name)):
            return False
        return product[0] is None or bool(
            butler.query_dimension_records(
                "exposure",
                data_id={"instrument": INSTRUMENT, "exposure": product[0]},
                explain=False,
            )
        )

    def _calibration(self, datasetType: str, asked: dict[str, Any]) -> tuple[Any, Any]:
        """Return what is valid when the exposure began, of the filter that is asked for."""
        given = {key: value for key, value in asked.items() if key != "filter"}
        if "visit" in given and "ccd" in given:
            self._check(datasetType, given)
        else:
            found = self.raws(asked if "visit" not in given else given, "ccd")
            if len(found) != 1:
                raise NoResults(
                    f"{datasetType} {asked}: {len(found)} raws fit, wanted one (visit and ccd), "
                    "for calibrations are looked up by the time of an exposure"
                )
            given = {**found[0][0], **given}
        record = self.exposures().record(given["visit"])
        filter = asked.get("filter") or keys.short_filter(record.physical_filter)
        begin = None if record.timespan is None else record.timespan.begin
        if begin is None:
            raise NoResults(f"{datasetType} {asked}: the exposure has no time in the registry")
        calibrations = self.calibrations()
        wanted = filter if datasetType in OF_ONE_FILTER else None
        ref = calibrations.one(datasetType, given["ccd"], begin, wanted)
        if ref is None:
            why = calibrations.why_none(datasetType, given["ccd"], begin, wanted)
            raise NoResults(f"{datasetType} for {asked}: {why}")
        return calibrations.butler, ref
