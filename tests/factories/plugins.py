"""Plug-ins of tests: modules, and installed packages, that offer entries."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def add_module(
    monkeypatch: pytest.MonkeyPatch, name: str, version: str | None = "0.1", **attributes: Any
) -> ModuleType:
    """Add a module that `--plugin` can name."""
    module = ModuleType(name)
    if version is not None:
        attributes["__version__"] = version
    for attribute, value in attributes.items():
        setattr(module, attribute, value)
    monkeypatch.setitem(sys.modules, name, module)
    return module


def install(
    monkeypatch: pytest.MonkeyPatch, site: Path, name: str, version: str, **groups: str
) -> None:
    """Install a package: its record alone, with entry points `NAME = MODULE:OBJECT` by table."""
    record = site / f"{name.replace('-', '_')}-{version}.dist-info"
    record.mkdir(parents=True)
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (record / "METADATA").write_text(about, encoding="utf-8")
    text = "".join(f"[svbench.{table}]\n{points}\n" for table, points in groups.items())
    (record / "entry_points.txt").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(site)
