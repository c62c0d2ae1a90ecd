"""How a command takes its options as objects: fields of a dataclass, each an option of Typer.

    @dataclass(frozen=True, kw_only=True)
    class DataOptions:
        scale: Annotated[str, typer.Option(help="mini or paper.")] = "mini"

    def run(data: DataOptions, json: Json = False) -> None: ...

    app.command("run")(spelled_out(run))  # svbench run --scale ... --json

So an option that several commands have is written once, and means the same in all of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from typer.models import ParameterInfo

from svbench.cli.config_file import ConfigFile

Command = Callable[..., None]
_CONFIG = Parameter("config", Parameter.KEYWORD_ONLY, default=None, annotation=ConfigFile)


def spelled_out(command: Command) -> Command:
    """Return a command whose option objects are spelled out as the parameters that Typer reads.

    It also takes `--config`, a file of its options (see `svbench.cli.config_file`).
    """
    groups: dict[str, type] = {}
    parameters: list[Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        annotation: Any = parameter.annotation
        if isinstance(annotation, type) and is_dataclass(annotation):
            groups[parameter.name] = annotation
            parameters += _parameters(annotation)
        else:
            annotation = _read_by_typer(annotation)
            parameters.append(parameter.replace(annotation=annotation, kind=Parameter.KEYWORD_ONLY))

    parameters.append(_CONFIG)

    @wraps(command)
    def called(config: object = None, **given: Any) -> None:
        del config  # Typer has read it
        objects = {name: _build(group, given) for name, group in groups.items()}
        in_groups = {field.name for group in groups.values() for field in _fields(group)}
        alone = {name: value for name, value in given.items() if name not in in_groups}
        command(**alone, **objects)

    called.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {p.name: p.annotation for p in parameters}
    return called


def _fields(group: type) -> tuple[Field[Any], ...]:
    return fields(group)


def _build(group: type, given: Mapping[str, Any]) -> Any:
    return group(**{field.name: given[field.name] for field in _fields(group)})


def _parameters(group: type) -> Iterator[Parameter]:
    """Yield a keyword parameter for each field of an option object."""
    hints = get_type_hints(group, include_extras=True)
    for field in _fields(group):
        default = Parameter.empty if field.default is MISSING else field.default
        annotation = _read_by_typer(hints[field.name])
        yield Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _read_by_typer(annotation: Any) -> Any:
    """Return the annotation of one word where a parser makes something else of it.

    Typer would ask for several words for a tuple, whatever its parser returns.
    """
    if get_origin(annotation) is not Annotated:
        return annotation
    kind, info = get_args(annotation)
    parsed = isinstance(info, ParameterInfo) and info.parser is not None
    several = any(get_origin(one) is tuple for one in (kind, *get_args(kind)))
    return Annotated[Any, info] if parsed and several else annotation
