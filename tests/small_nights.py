"""Small nights with calibrations, taken into repositories."""

import shutil

from cfhtisr.simulate.files import exposure

CCDS = {36: (0, 7, 35), 40: (0, 7, 36, 39)}
SMALL = {"rows": 96, "columns": 128}
KINDS = ("bias", "dark", "flat", "fringe", "defects")
FILTERS = {36: "i.MP9702", 40: "i.MP9703"}
CHANGE = "2015-01-01T00:00:00"


def night(folder, n_ccd, **options):
    """Simulate an exposure of an era and its calibrations, few CCDs of few pixels."""
    return exposure(folder / str(n_ccd), n_ccd=n_ccd, ccds=CCDS[n_ccd], **SMALL, **options)


def certify(root, files, kinds=KINDS, begin=None, end=None, label=""):
    """Take calibrations into a repository and certify them, in the middleware's own words."""
    from astropy.time import Time
    from lsst.daf.butler import Butler, DataCoordinate, DatasetRef, FileDataset, Timespan

    from cfhtisr.butler.fact_formatters import DefectsFormatter
    from cfhtisr.butler.formatters import MasterFormatter

    n_ccd = files.settings.n_ccd
    span = Timespan(*(None if time is None else Time(time) for time in (begin, end)))
    with Butler.from_config(str(root), writeable=True) as butler:
        for kind in kinds:
            run = f"MegaPrime/calib/{n_ccd}{label}/{kind}"
            butler.collections.register(run)
            more = {}
            if kind in ("flat", "fringe"):
                more["physical_filter"] = files.settings.filter
            refs = [
                DatasetRef(
                    butler.get_dataset_type(kind),
                    DataCoordinate.standardize(
                        instrument="MegaPrime", detector=ccd, universe=butler.dimensions, **more
                    ),
                    run=run,
                )
                for ccd in files.settings.ccds
            ]
            formatter = DefectsFormatter if kind == "defects" else MasterFormatter
            path = str(files.paths[kind])
            butler.ingest(FileDataset(path=path, refs=refs, formatter=formatter), transfer="direct")
            butler.registry.certify("MegaPrime/calib", refs, span)


def filled(root, empty, nights):
    """Copy an empty repository and take two nights of two eras into it."""
    from cfhtisr.butler import ingest

    shutil.copytree(empty, root)
    ingest(root, [files.raw for files in nights.values()])
    certify(root, nights[36], end=CHANGE)
    certify(root, nights[40], begin=CHANGE)
    return root
