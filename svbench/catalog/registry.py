"""Tables of entries by name, to which plug-ins add their own.

An entry is built when it is looked up, so that a table can be imported and its names listed
without importing the modules behind them. A table is a constant: the entries of plug-ins are found
anew by each lookup, in installed packages and in the modules that the call names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Generic, TypeVar

from svbench.catalog.plugins import Offer, blaming, installed, of_modules
from svbench.errors import ConfigError

T = TypeVar("T")
LISTS = {  # by flag
    "metrics": "metrics",
    "systems": "systems",
    "dataset": "datasets",
    "protocol": "protocols",
}


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """An entry, and the plug-in that it comes from.

    Parameters
    ----------
    entry : object
        the entry
    origin : str
        name and version of the plug-in; empty for svbench's own entries
    """

    entry: T
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Joining(Generic[T]):
    """How the entries of plug-ins join a table.

    Parameters
    ----------
    kind : type
        that an entry must be of
    guard : callable
        entry and offer -> the entry, whose exceptions name the plug-in
    """

    kind: type[T]
    guard: Callable[[T, Offer], T]


class Registry(Mapping[str, T]):
    """A table of entries; as a mapping, it holds svbench's own.

    Parameters
    ----------
    flag : str
        the command line option whose values are the names of this table
    loaders : mapping of str to callable
        name -> function that returns the entry
    joining : Joining
        how entries of plug-ins join
    families : mapping of str to callable
        FAMILY -> function that returns the entry of a name FAMILY:ARGUMENT, from the argument and
        the modules of plug-ins (Default value: none)
    """

    def __init__(
        self,
        flag: str,
        loaders: Mapping[str, Callable[[], T]],
        joining: Joining[T],
        families: Mapping[str, Callable[[str, Sequence[str]], T]] | None = None,
    ) -> None:
        self.flag = flag
        self.list_name = LISTS[flag]
        self.loaders = dict(loaders)
        self.joining = joining
        self.families = dict(families or {})

    def __getitem__(self, name: str) -> T:
        return self.loaders[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self.loaders)

    def __len__(self) -> int:
        return len(self.loaders)

    def __contains__(self, name: object) -> bool:
        return name in self.loaders  # builds no entry, as Mapping's own would

    def known(self, name: str, modules: Sequence[str] = ()) -> T:
        """Return the entry of a name; see `find`."""
        return self.find(name, modules).entry

    def find(self, name: str, modules: Sequence[str] = ()) -> Found[T]:
        """Return the entry of a name, of svbench or of a plug-in.

        Parameters
        ----------
        name : str
            as on the command line
        modules : sequence of str
            plug-ins by `--plugin`, beside those that are installed

        Raises
        ------
        ConfigError
            if there is no such name (all are listed), if several have it, or if the plug-in
            cannot be imported or offers something else than an entry
        """
        asked = any(offer.name == name for offer in of_modules(self.list_name, modules))
        if name in self and not asked:
            return Found(self[name])  # without a search of installed packages
        family, colon, argument = name.partition(":")
        if colon and family in self.families and not asked:
            return Found(self.families[family](argument, modules))
        offers = self._offers(name, modules)
        if not offers:
            known(dict.fromkeys(self.names(modules)), name, self.flag)  # raises
        self._check_owner(name, offers)
        return self._load(offers[0])

    def names(self, modules: Sequence[str] = ()) -> Iterator[str]:
        """Yield the names of svbench, then those of plug-ins; none of the entries is built."""
        yield from self
        yield from (offer.name for offer in of_modules(self.list_name, modules))
        yield from (offer.name for offer in installed(self.list_name))

    def every(self, modules: Sequence[str] = ()) -> dict[str, Found[T]]:
        """Return all entries by name, svbench's own first.

        Raises
        ------
        ConfigError
            as `find` does, and if a plug-in has a name that svbench or another has
        """
        counts = Counter(self.names(modules))
        for name in (name for name, count in counts.items() if count > 1):
            self._check_owner(name, self._offers(name, modules))
        return {name: self.find(name, modules) for name in counts}

    def _offers(self, name: str, modules: Sequence[str]) -> list[Offer]:
        offers = chain(of_modules(self.list_name, modules), installed(self.list_name))
        return [offer for offer in offers if offer.name == name]

    def _check_owner(self, name: str, offers: Sequence[Offer]) -> None:
        owners = [*(["svbench"] if name in self else []), *(offer.origin for offer in offers)]
        if len(owners) > 1:
            raise ConfigError(
                f"--{self.flag} {name}: found it in {' and '.join(owners)}, expected a name of "
                "its own"
            )

    def _load(self, offer: Offer) -> Found[T]:
        kind = self.joining.kind
        with blaming(offer.origin, ConfigError):
            entry = offer.load()
            if not isinstance(entry, kind) and callable(entry):
                entry = entry()
            if not isinstance(entry, kind):
                raise ConfigError(
                    f"--{self.flag} {offer.name}: found {type(entry).__name__}, expected "
                    f"{kind.__name__}, or a function that returns one"
                )
        return Found(self.joining.guard(entry, offer), offer.origin)


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
