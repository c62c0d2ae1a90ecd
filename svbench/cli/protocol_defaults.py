"""`--protocol NAME`: the settings of a protocol become defaults of a command's options.

What is typed wins over them, and so does what `--config` holds, in whichever order they stand.
"""

from __future__ import annotations

from typing import Any

import typer


def read_protocol(context: typer.Context, name: str | None) -> str | None:
    """Take the settings of a protocol as defaults of a command; raise ConfigError if unknown."""
    if name is None:
        return None
    from svbench.catalog.protocol_columns import find_protocol

    options = {option.name for option in context.command.params}
    settings = find_protocol(name).settings
    usual = {key: _typed(value) for key, value in settings.items() if key in options}
    context.default_map = {**usual, **(context.default_map or {})}
    return name


def _typed(value: Any) -> Any:
    """Return a setting as it would be typed; a flag is as it is."""
    if isinstance(value, bool):
        return value
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
