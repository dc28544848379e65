"""Which repositories and collections a butler reads and writes: text only, so that it travels."""

__all__ = ["Places"]

from dataclasses import dataclass

from cfhtisr.butler.names import CALIB, DEFAULTS


@dataclass(frozen=True)
class Places:
    """Where data come from and go to.

    Parameters
    ----------
    root : str
        The input repository.
    collections : tuple of str
        Where its data are searched, in order.
    run : str, optional
        The RUN that is written; None for reading only.
    output : str, optional
        The repository with that RUN; by default the input repository.
    calib : tuple of str
        Where calibrations are searched.
    calib_root : str, optional
        The repository with those; by default the input repository.
    between : tuple of (str, tuple of str)
        Folders of further repositories and collections of products, which are searched after
        the RUN that is written and before the input repository, in order.
    """

    root: str
    collections: tuple[str, ...] = (DEFAULTS,)
    run: str | None = None
    output: str | None = None
    calib: tuple[str, ...] = (CALIB,)
    calib_root: str | None = None
    between: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def output_root(self) -> str:
        """The repository with the RUN that is written."""
        return self.output or self.root

    @property
    def searches(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Where products are searched: folders of repositories with collections, in order."""
        own = ((self.output_root, (self.run,)),) if self.run else ()
        return (*own, *self.between, (self.root, self.collections))

    @property
    def searched(self) -> str:
        """Where products are searched, as a text."""
        names: dict[str, list[str]] = {}
        for folder, collections in self.searches:
            names.setdefault(folder, []).extend(collections)
        return " and ".join(f"{', '.join(names[folder])} of {folder}" for folder in names)
