from __future__ import annotations

import socket

import pytest

from svbench.doctor.cluster import cluster, place_of
from svbench.errors import ConfigError
from tests.factories.commands import Command
from tests.factories.processes import reserved_port


def test_an_address_is_read_in_all_its_forms() -> None:
    assert place_of("ray://head:10001") == ("head", 10001)
    assert place_of("10.0.0.1:6380") == ("10.0.0.1", 6380)
    assert place_of("head") == ("head", 6379)
    assert place_of("ray://head") == ("head", 10001)


@pytest.mark.parametrize("address", ["", ":1", "head:port", "http://head:1", "head:99999999"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="--ray-address: found"):
        place_of(address)


def test_what_listens_answers_and_what_does_not_is_missing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        *_, found = cluster(f"127.0.0.1:{port}")
        assert (found.state, found.found) == ("ok", f"127.0.0.1:{port} answers")
    with reserved_port() as (port, _):
        *_, found = cluster(f"127.0.0.1:{port}")
    assert found.state == "missing"
    assert found.mend == f"on its head node: ray start --head --port={port}"


def test_the_address_of_the_environment_is_looked_at_as_ray_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    assert [found.state for found in cluster()][1:] == ["note"]


def test_an_address_that_must_answer_and_does_not_ends_with_3(svbench: Command) -> None:
    with reserved_port() as (port, _):
        done = svbench("doctor", "--ray-address", f"127.0.0.1:{port}")
    assert done.code == 3
    assert "cannot be reached" in done.out


def test_without_an_address_nothing_is_reached_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    [ray] = cluster()
    assert ray.name == "ray"
    assert ray.state in ("ok", "note")
