"""What is in a repository: exposures, and the calibrations of a time."""

__all__ = ["Calibrations", "Exposures", "Product"]

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cfhtisr.butler import keys
from cfhtisr.butler._middleware import DataCoordinate, Timespan
from cfhtisr.butler.errors import NoResults
from cfhtisr.butler.names import INSTRUMENT, OF_ONE_FILTER
from cfhtisr.camera.filters import lookup

Product = tuple[int | None, int | None]
"""Exposure and CCD of a dataset; None if it belongs to none."""

_WHERE = {
    "runId": "exposure.science_program",
    "object": "exposure.target_name",
    "expTime": "exposure.exposure_time",
}
_FEW = 4


class Exposures:
    """The raw exposures of a repository.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        The repository.
    collections : sequence of str
        Where raws are searched.
    """

    def __init__(self, butler: Any, collections: Sequence[str]) -> None:
        self._butler = butler
        self._collections = tuple(collections)
        self._records: dict[int, Any] = {}

    def record(self, visit: int) -> Any:
        """Return the record of an exposure.

        Raises
        ------
        NoResults
            If the repository does not know it.
        """
        if visit not in self._records:
            found = self._butler.query_dimension_records(
                "exposure",
                data_id={"instrument": INSTRUMENT, "exposure": visit},
                explain=False,
            )
            if not found:
                raise NoResults(f"there is no exposure {visit} in the repository")
            self._records[visit] = found[0]
        return self._records[visit]

    def records(self, visits: Iterable[int]) -> dict[int, Any]:
        """Return the records of several exposures, those that are known."""
        missing = sorted({visit for visit in visits if visit not in self._records})
        if missing:
            numbers = ", ".join(map(str, missing))
            for record in self._butler.query_dimension_records(
                "exposure",
                where=f"instrument = '{INSTRUMENT}' AND exposure IN ({numbers})",
                explain=False,
                limit=None,
            ):
                self._records[record.id] = record
        return {visit: self._records[visit] for visit in visits if visit in self._records}

    def matching(self, data_id: Mapping[str, Any]) -> list[tuple[Any, Any]]:
        """Return the raws that a data id leaves open, as record of the exposure and dataset.

        They are in the order of exposure and CCD.
        """
        asked: dict[str, Any] = {"instrument": INSTRUMENT}
        where, bind = [], {}
        for key, value in data_id.items():
            if key == "visit":
                asked["exposure"] = value
            elif key == "ccd":
                asked["detector"] = value
            elif key == "filter":
                asked["physical_filter"] = _full_name(value)
            elif key == "date":
                digits = value.replace("-", "")
                if not (len(digits) == 8 and digits.isdigit()):
                    return []
                asked["day_obs"] = int(digits)
            elif key in _WHERE:
                where.append(f"{_WHERE[key]} = :{key}")
                bind[key] = value
        refs = self._butler.query_datasets(
            "raw",
            self._collections,
            data_id=asked,
            where=" AND ".join(where),
            bind=bind or None,
            with_dimension_records=True,
            explain=False,
            limit=None,
        )
        found = []
        for ref in refs:
            record = ref.dataId.records["exposure"]
            self._records.setdefault(record.id, record)
            if "taiObs" not in data_id or keys.tai_obs(record) == data_id["taiObs"]:
                found.append((record, ref))
        return sorted(found, key=lambda pair: (pair[0].id, pair[1].dataId["detector"]))

    def coordinate(self, datasetType: Any, product: Product) -> Any:
        """Return the middleware's data id of a dataset, with all its records."""
        visit, ccd = product
        given: dict[str, Any] = {}
        if "instrument" in datasetType.dimensions:
            given["instrument"] = INSTRUMENT
        if "exposure" in datasetType.dimensions:
            given["exposure"] = visit
        if "detector" in datasetType.dimensions:
            given["detector"] = ccd
        return self._butler.registry.expandDataId(
            DataCoordinate.standardize(
                given, dimensions=datasetType.dimensions, universe=self._butler.dimensions
            )
        )


class Calibrations:
    """The certified calibrations of a repository.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        The repository.
    collections : sequence of str
        Where calibrations are searched.
    """

    def __init__(self, butler: Any, collections: Sequence[str]) -> None:
        self.butler = butler
        self.collections = tuple(collections)
        self._certified: dict[str, list[Any]] = {}

    def valid(self, datasetType: str, begin: Any) -> dict[tuple[int, str | None], Any]:
        """Return what is valid at a time, by CCD and, where it matters, filter.

        Parameters
        ----------
        datasetType : str
            Such as ``flat``.
        begin : astropy.time.Time
            When the exposure began. An exposure that goes on beyond the end of a range is
            calibrated by what was valid when it began.
        """
        with self.butler.query() as query:
            valid = query.expression_factory[datasetType].timespan
            refs = list(
                query.datasets(datasetType, self.collections, find_first=True).where(
                    valid.overlaps(Timespan.fromInstant(begin)), instrument=INSTRUMENT
                )
            )
        return {(ref.dataId["detector"], self._filter(datasetType, ref)): ref for ref in refs}

    def one(self, datasetType: str, ccd: int, begin: Any, filter: str | None) -> Any:
        """Return the calibration of a CCD that is valid at a time; None if there is none.

        Flats and fringes of other filters are none: the filter is asked for by its name,
        never left to what an exposure implies.
        """
        asked: dict[str, Any] = {"instrument": INSTRUMENT, "detector": ccd}
        if datasetType in OF_ONE_FILTER:
            asked["physical_filter"] = _full_name(filter or "")
        return self.butler.find_dataset(
            datasetType,
            asked,
            collections=self.collections,
            timespan=Timespan.fromInstant(begin),
        )

    def why_none(self, datasetType: str, ccd: int, begin: Any, filter: str | None) -> str:
        """Return why there is no calibration: what there is for that CCD, and of when."""
        if datasetType not in self._certified:
            self._certified[datasetType] = list(
                self.butler.registry.queryDatasetAssociations(
                    datasetType, self.collections, flattenChains=True
                )
            )
        found, others = [], set()
        for association in self._certified[datasetType]:
            data_id = association.ref.dataId
            if data_id["detector"] != ccd or association.timespan is None:
                continue
            if self._filter(datasetType, association.ref) not in (None, filter):
                if association.timespan.overlaps(Timespan.fromInstant(begin)):
                    others.add(keys.short_filter(data_id["physical_filter"]))
                continue
            found.append(association.timespan)
        where = ", ".join(self.collections)
        of = f" of filter {filter}" if datasetType in OF_ONE_FILTER else ""
        text = (
            f"no {datasetType}{of} for ccd{ccd:02d} is valid at {str(begin.utc.isot)[:19]} UTC in "
            f"{where}"
        )
        if not found:
            text += "; none is certified for that CCD" + (" and filter" if of else "")
        else:
            found.sort(key=lambda span: span.nsec)
            told = [_dates(span) for span in found[:_FEW]] + ["..."] * (len(found) > _FEW)
            text += f"; there are some valid from {', '.join(told)}"
        if others:
            text += f"; of that time there are some of filter {', '.join(sorted(others))}"
        return text

    @staticmethod
    def _filter(datasetType: str, ref: Any) -> str | None:
        if datasetType not in OF_ONE_FILTER:
            return None
        return keys.short_filter(ref.dataId["physical_filter"])


def _full_name(filter: str) -> str:
    known = lookup(filter)
    return filter if known is None else known.name


def _dates(span: Any) -> str:
    begin, end = (
        "ever" if time is None else str(time.utc.isot)[:19] for time in (span.begin, span.end)
    )
    return f"{begin} to {end}"
