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
    """

    root: str
    collections: tuple[str, ...] = (DEFAULTS,)
    run: str | None = None
    output: str | None = None
    calib: tuple[str, ...] = (CALIB,)
    calib_root: str | None = None

    @property
    def output_root(self) -> str:
        """The repository with the RUN that is written."""
        return self.output or self.root

    @property
    def searched(self) -> str:
        """Where products are searched, as a text."""
        names = [*([self.run] if self.run else []), *self.collections]
        text = ", ".join(dict.fromkeys(names))
        return f"{text} of {self.root}" + (f" and {self.output}" if self.output else "")
