"""Tables of entries by name, which later entries can join.

An entry is built when it is looked up, so that a table can be imported and its names listed
without importing the modules behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from svbench.errors import ConfigError

T = TypeVar("T")
LISTS = {"metrics": "metrics", "systems": "systems", "dataset": "datasets"}  # by flag


class Registry(Mapping[str, T]):
    """A table of entries, in the order in which they are registered.

    Parameters
    ----------
    flag : str
        the command line option whose values are the names of this table
    loaders : mapping of str to callable
        name -> function that returns the entry
    """

    def __init__(self, flag: str, loaders: Mapping[str, Callable[[], T]]) -> None:
        self.flag = flag
        self.loaders = dict(loaders)

    def __getitem__(self, name: str) -> T:
        return self.loaders[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self.loaders)

    def __len__(self) -> int:
        return len(self.loaders)

    def __contains__(self, name: object) -> bool:
        return name in self.loaders  # builds no entry, as Mapping's own would

    def register(self, name: str, load: Callable[[], T]) -> None:
        """Add an entry; raise ConfigError if the name is taken."""
        if name in self.loaders:
            raise ConfigError(f"--{self.flag} {name}: registered twice, expected a name of its own")
        self.loaders[name] = load

    def known(self, name: str) -> T:
        """Return the entry of a name; raise ConfigError, listing all names, if there is none."""
        return known(self, name, self.flag)


def known(table: Mapping[str, T], name: str, flag: str) -> T:
    """Return the value of a name in a table.

    Raises
    ------
    ConfigError
        if there is no such name; the message lists those of the table, with `flag` the option
        that was given (without dashes; what follows its first word names the value's owner)
    """
    if name not in table:
        see = LISTS.get(flag.split()[0])
        listed = f" (see svbench list {see})" if see else ""
        raise ConfigError(f"--{flag}: found {name!r}, expected one of {', '.join(table)}{listed}")
    return table[name]
