"""Ray: whether it is installed, and whether a cluster answers at an address."""

from __future__ import annotations

import os
import socket
from importlib.metadata import PackageNotFoundError, version
from typing import Final
from urllib.parse import urlsplit

from svbench.doctor.findings import Finding
from svbench.engines.ray_resources import ADDRESS, INSTALL
from svbench.errors import ConfigError

SUBJECT: Final = "cluster"
PORT: Final = 6379  # of a head node, where the address names none
CLIENT_PORT: Final = 10001  # the same, of ray://HOST
AUTO: Final = "auto"
TIMEOUT: Final = 2.0  # s


def cluster(address: str | None = None, timeout: float = TIMEOUT) -> list[Finding]:
    """Return whether Ray is here and, at an address, whether something listens there.

    Without an address, RAY_ADDRESS is read as Ray itself reads it. Raises ConfigError for an
    address that is none.
    """
    address = address or os.environ.get(ADDRESS) or None
    try:
        found = [Finding(SUBJECT, "ray", "ok", version("ray"), facts={"version": version("ray")})]
    except PackageNotFoundError:
        text = "not installed (for several GPUs and machines)"
        found = [Finding(SUBJECT, "ray", "missing" if address else "note", text, INSTALL)]
    if address is None:
        return found
    if address == AUTO:
        text = "auto: the cluster of this node, which Ray finds when a command starts"
        return [*found, Finding(SUBJECT, "address", "note", text)]
    return [*found, _listens(*place_of(address), timeout)]


def place_of(address: str) -> tuple[str, int]:
    """Return host and port of HOST:PORT, HOST or ray://HOST:PORT."""
    wanted = f"--ray-address: found {address!r:.80}, expected HOST:PORT, ray://HOST:PORT or auto"
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(wanted) from error
    if not host or parts.scheme not in ("", "ray") or parts.path.strip("/"):
        raise ConfigError(wanted)
    usual = CLIENT_PORT if parts.scheme == "ray" else PORT
    return host, usual if port is None else port


def _listens(host: str, port: int, timeout: float) -> Finding:
    where, facts = f"{host}:{port}", {"host": host, "port": port}
    try:
        with socket.create_connection((host, port), timeout=timeout):
            return Finding(SUBJECT, "address", "ok", f"{where} answers", facts=facts)
    except OSError as error:
        reason = error.strerror or str(error)
        mend = f"on its head node: ray start --head --port={port}"
        found = f"{where}: cannot be reached ({reason})"
        return Finding(SUBJECT, "address", "missing", found, mend, facts)
