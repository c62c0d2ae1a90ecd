"""What `--protocol` does to a plan: defaults of settings, columns, exceptions and their record.

A setting that is given beside a protocol wins, so nothing is refused; what differs from the
protocol is listed as its exceptions, in the notes of the table and in its record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from svbench.catalog.columns.entry import NATIVE, MetricSettings
from svbench.catalog.metrics import METRICS, build_metrics, reads_captions, split_name
from svbench.catalog.protocol_types import BenchmarkProtocol, ProtocolColumn
from svbench.catalog.protocols import PROTOCOLS
from svbench.config import Config, RunConfig, ScoreConfig
from svbench.errors import DataError
from svbench.limits import flag, known
from svbench.types import ClipSpec

if TYPE_CHECKING:
    from svbench.protocols import Metric
    from svbench.walk.plan import Unavailable

FORMAT: Final = ("frames", "fps", "size", "sample_rate")  # of the settings of a protocol


def find_protocol(name: str) -> BenchmarkProtocol:
    """Return the protocol of a name; raise ConfigError if there is none."""
    return known(PROTOCOLS, name, "protocol")


def with_protocol(given: Mapping[str, Any], config: type[Config]) -> dict[str, Any]:
    """Return settings, those that are absent as the named protocol has them.

    Parameters
    ----------
    given : mapping of str to value
        settings of a command, `protocol` perhaps among them
    config : type of Config
        which settings the command has
    """
    name = given.get("protocol")
    if name is None:
        return dict(given)
    usual = find_protocol(name).settings
    return {**{key: usual[key] for key in usual if key in config.model_fields}, **given}


# --- columns -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NamedColumns:
    """The columns of a plan, each with its name as on the command line."""

    names: tuple[str, ...]
    columns: tuple[Metric | Unavailable, ...]


def protocol_columns(
    protocol: BenchmarkProtocol,
    settings: MetricSettings,
    *,
    strict: bool = False,
    plugins: Sequence[str] = (),
) -> NamedColumns:
    """Build the columns of a protocol; raises as `build_metrics`.

    A column whose metric, or preset of it, this version lacks is empty, with that as its reason.
    """
    built = [_column(one, settings, strict, plugins) for one in protocol.columns]
    return NamedColumns(tuple(one.metric for one in protocol.columns), tuple(built))


def _column(
    column: ProtocolColumn, settings: MetricSettings, strict: bool, plugins: Sequence[str]
) -> Metric | Unavailable:
    from svbench.walk.plan import Unavailable

    reason = lacking(column.metric, plugins)
    if not reason:
        return build_metrics([column.metric], settings, strict=strict, plugins=plugins)[0]
    if strict:
        raise DataError(f"--strict: {column.printed} cannot be computed: {reason}")
    return Unavailable(column.metric, f"{column.printed} ({column.metric})", column.better, reason)


def lacking(name: str, plugins: Sequence[str] = ()) -> str:
    """Return why this version has no column of a name (METRIC or METRIC@PRESET); "" if it has."""
    base, option = split_name(name)
    if base not in METRICS.names(plugins):
        return f"this version of svbench has no metric {base}"
    presets = METRICS.known(base, plugins).presets
    if option and option.removesuffix(NATIVE) not in presets:
        return f"this version of svbench has {base} as {', '.join(presets)}, not as {option}"
    return ""


def in_order(
    found: NamedColumns, captioned: Sequence[Metric | Unavailable], plugins: Sequence[str]
) -> NamedColumns:
    """Return the columns, those that read captions as given, or left out where they are not."""
    by_name = {column.name: column for column in captioned}
    kept = [
        (name, by_name.get(column.name, column))
        for name, column in zip(found.names, found.columns, strict=True)
        if column.name in by_name or not reads_captions(column.name, plugins)
    ]
    return NamedColumns(tuple(n for n, _ in kept), tuple(c for _, c in kept))


# --- record ------------------------------------------------------------------------------------


def exceptions(
    protocol: BenchmarkProtocol, config: RunConfig | ScoreConfig, spec: ClipSpec
) -> list[str]:
    """Return what of a run is not as its protocol has it, as it would be typed; metrics by count.

    Parameters
    ----------
    protocol : BenchmarkProtocol
        the one that the run names
    config : Config
        its settings
    spec : ClipSpec
        the format that its clips are judged in
    """
    usual, fields = protocol.settings, type(config).model_fields
    found = [
        as_typed(name, getattr(config, name))
        for name, value in usual.items()
        if name in fields and getattr(config, name) != value
    ]
    return [*found, *_of_metrics(protocol, config), *_of_data_set(protocol, config, spec)]


def as_typed(name: str, value: object) -> str:
    """Return a setting of a command as it is typed."""
    if isinstance(value, bool):
        return flag(name) if value else flag(f"no_{name}")
    if isinstance(value, tuple):
        return f"{flag(name)} {'x'.join(map(str, value))}"
    return f"{flag(name)} {value:g}" if isinstance(value, float) else f"{flag(name)} {value}"


def _of_metrics(protocol: BenchmarkProtocol, config: RunConfig | ScoreConfig) -> Iterator[str]:
    named = set(map(_whole, config.metrics))
    own = {_whole(column.metric) for column in protocol.columns}
    if named and named != own:  # their names are those of the columns
        yield f"--metrics ({len(named & own)} of its {len(own)}, {len(named - own)} others)"


def _whole(name: str) -> str:
    """Return METRIC@PRESET of a metric of which the usual preset may be left out."""
    base, option = split_name(name)
    usual = METRICS[base].usual if base in METRICS else ""
    return f"{base}@{option or usual}"


def _of_data_set(
    protocol: BenchmarkProtocol, config: RunConfig | ScoreConfig, spec: ClipSpec
) -> Iterator[str]:
    """Yield what a data set decides: the format of its clips, and networks of the miniature."""
    if not isinstance(config, RunConfig):
        return
    if config.scale == "mini":
        yield "the miniature's clips and networks"
    usual = {name: protocol.settings[name] for name in FORMAT}
    if not protocol.format_of_data_sets and usual != {n: getattr(spec, n) for n in FORMAT}:
        yield f"the format of the data set, {spec}"


@dataclass(frozen=True, slots=True)
class Followed:
    """What a table says of the protocol that its run follows; nothing where it follows none.

    Parameters
    ----------
    notes : tuple of str
        for below the table
    record : mapping of str to value
        for results.json
    """

    notes: tuple[str, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, config: RunConfig | ScoreConfig, spec: ClipSpec) -> Followed:
        """Return the notes and the record of a run whose clips are judged in a format."""
        if config.protocol is None:
            return cls()
        protocol = find_protocol(config.protocol)
        found = exceptions(protocol, config, spec)
        notes = tuple(_notes(config.protocol, protocol, found))
        return cls(notes, _record(config.protocol, protocol, found))


def _notes(name: str, protocol: BenchmarkProtocol, found: Sequence[str]) -> Iterator[str]:
    but = f", except {', '.join(found)}" if found else ""
    yield f"protocol {name} ({protocol.source}){but}"
    if protocol.departures:
        yield f"svbench departs from {protocol.title}: {'; '.join(protocol.departures)}"
    if protocol.not_computed:
        named = ", ".join(protocol.not_computed)
        yield f"{protocol.title} also prints what svbench does not compute: {named}"


def _record(name: str, protocol: BenchmarkProtocol, found: Sequence[str]) -> dict[str, Any]:
    """Return plain JSON, as it is read again from a file."""
    usual = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in protocol.settings.items()
    }
    return {"name": name, "source": protocol.source, "settings": usual, "except": list(found)}
