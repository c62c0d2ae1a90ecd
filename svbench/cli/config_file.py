"""`--config FILE.yaml`: the options of a command from a file; those on the command line win.

The file is a mapping from options, without their dashes, to what would be typed behind them; a list
is what stands between commas, or an option that is repeated:

    dataset: greatesthits
    systems: [real, cmc-pe]
    gamma: [1, 1.5]
    allow-missing: true

Scalars are taken as they are written, never as YAML would type them, so that the same readers take
them as on the command line, with the same messages. An option without a value (empty, `~`, `null`
or `[]`) is not given.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperOption

from svbench.cli.parsing import read_path
from svbench.errors import ConfigError
from svbench.files.text import REASON, read_text, shown

NOT_IN_FILES = ("config", "help")


def read_config(context: typer.Context, file: Path | None) -> None:
    """Take the options of a file as defaults of a command.

    Raises
    ------
    ConfigError
        The file names an option that the command does not have, or one twice, or is no YAML.
    """
    if file is None:
        return
    options = (option for option in context.command.params if isinstance(option, TyperOption))
    known = {str(option.name): option for option in options if option.name not in NOT_IN_FILES}
    found: dict[str, Any] = {}
    for key, value in _items(file):
        name = key.replace("-", "_")
        if name not in known:
            names = ", ".join(option.replace("_", "-") for option in known)
            raise ConfigError(f"--config {file}: found {key!r}, expected some of {names}")
        if name in found:
            raise ConfigError(f"--config {file}: found {key!r} twice, expected each option once")
        where, repeated = f"--config {file}: {key}", known[name].multiple
        found[name] = None if value is None else _typed(value, where, repeated=repeated)
    given = {name: value for name, value in found.items() if value is not None}
    context.default_map = {**(context.default_map or {}), **given}  # win over a protocol's


ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="YAML file of these options; those on the command line win.",
        metavar="PATH",
        parser=read_path,
        callback=read_config,
        is_eager=True,
    ),
]


def _items(file: Path) -> Iterator[tuple[str, Any]]:
    """Yield keys and values of a file; scalars are text, an absent value is None."""
    import yaml

    text = read_text(file, "options in YAML")
    try:
        node = yaml.compose(text, yaml.BaseLoader)
        if node is None:
            return
        if not isinstance(node, yaml.MappingNode):
            raise ConfigError(f"--config {file}: found a {node.id}, expected options with values")
        loader = yaml.BaseLoader("")
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                raise ConfigError(f"--config {file}, line {line}: expected the name of an option")
            empty = _is_empty(value)
            yield str(key.value), None if empty else loader.construct_object(value, deep=True)
    except (yaml.YAMLError, RecursionError) as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        where = "" if mark is None else f", line {mark.line + 1}"
        reason = shown(problem or type(error).__name__, REASON)
        raise ConfigError(f"--config {file}{where}: {reason}, expected YAML") from error


def _is_empty(node: Any) -> bool:
    """Return whether a value is absent: nothing, a null that is not quoted, or an empty list."""
    if node.id == "sequence":
        return not node.value
    plain = node.id == "scalar" and node.style is None and node.tag.endswith(":str")
    return plain and node.value.lower() in ("", "~", "null")


def _typed(value: Any, where: str, *, repeated: bool) -> str | list[str]:
    """Return what would be typed for a value: one word, or one for each time."""
    words = value if isinstance(value, list) else [value]
    if not all(isinstance(word, str) for word in words):
        raise ConfigError(f"{where}: found {shown(value)}, expected a value or a list of values")
    return words if repeated else ",".join(words)
