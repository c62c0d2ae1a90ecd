"""The engine of a Ray cluster: two nodes of this machine, workers and nodes that are lost."""

from __future__ import annotations

import logging
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from svbench.engines import ray_actor, ray_resources, ray_workers
from svbench.engines.choice import EngineChoice
from svbench.engines.ray_cluster import AHEAD, RayCluster
from svbench.engines.ray_resources import RaySettings
from svbench.errors import ConfigError, DataError, StoppedError
from tests.factories import ray_clusters
from tests.factories.processes import ENDLESS, meeting, reserved_port, waits_for
from tests.factories.ray_clusters import ray_cluster

pytestmark = [
    pytest.mark.xdist_group("ray"),  # one cluster at a time
    # It is not imported here: svbench sets its environment before.
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (extra: ray)"),
]

# By value, as workers cannot import the tests.
squared: Callable[[int], int] = lambda number: number * number  # noqa: E731


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with ray_cluster(6, 2, gpus=2) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def engine(cluster: Any) -> Iterator[RayCluster]:
    settings = RaySettings(workers=3, gpus_per_worker=0, address=cluster.address)
    with closing(RayCluster(settings)) as made:
        yield made


def test_results_come_in_the_order_of_the_shards(engine: RayCluster, tmp_path: Path) -> None:
    second = tmp_path / "second"
    meet, second_is_done = meeting(tmp_path / "workers", 3), waits_for(second.exists)

    def first_last(number: int) -> tuple[int, int]:
        meet()
        if number == 0:
            second_is_done()
        if number == 1:
            second.touch()
        return os.getpid(), squared(number)

    found = list(engine.spread(first_last, range(30)))
    assert [square for _, square in found] == [n * n for n in range(30)]
    assert len({process for process, _ in found}) == 3
    assert os.getpid() not in {process for process, _ in found}


def test_work_is_loaded_once_by_each_worker(engine: RayCluster, tmp_path: Path) -> None:
    meet = meeting(tmp_path / "workers", 3)

    class Work:
        def __init__(self) -> None:
            self.calls = 0

        def __call__(self, _shard: int) -> tuple[int, int]:
            meet()
            self.calls += 1
            return os.getpid(), self.calls

    found = list(engine.spread(Work(), range(12)))
    for process in {process for process, _ in found}:
        calls = [count for other, count in found if other == process]
        assert sorted(calls) == list(range(1, len(calls) + 1))
    again = list(engine.spread(Work(), range(3)))
    assert {process for process, _ in again} <= {process for process, _ in found}
    assert min(count for _, count in again) == 1  # new work, in the same processes


def test_each_worker_computes_on_one_thread(engine: RayCluster) -> None:
    def threads(_shard: int) -> int:
        import torch

        return torch.get_num_threads()

    assert list(engine.spread(threads, range(3))) == [1] * 3


def test_shards_are_taken_as_they_are_needed(engine: RayCluster) -> None:
    taken = []

    def endless() -> Iterator[int]:
        while True:
            taken.append(len(taken))
            yield len(taken)

    results = engine.spread(squared, endless())
    assert [next(results) for _ in range(5)] == [1, 4, 9, 16, 25]
    assert len(taken) <= 5 + AHEAD * 3 + 1
    results.close()
    assert list(engine.spread(squared, range(3))) == [0, 1, 4]


def test_an_error_reaches_the_caller_as_it_is(engine: RayCluster) -> None:
    def fail(number: int) -> int:
        if number == 3:
            raise DataError("clip.mp4: found nothing")
        return number

    with pytest.raises(DataError, match=r"^clip\.mp4: found nothing$"):
        list(engine.spread(fail, range(10)))
    assert list(engine.spread(squared, range(3))) == [0, 1, 4]


def test_warnings_of_workers_are_logged_here(
    engine: RayCluster, caplog: pytest.LogCaptureFixture
) -> None:
    def warn(number: int) -> int:
        logging.getLogger("svbench.somewhere").warning("shard %d is odd", number)
        print("what a library prints goes elsewhere")
        return number

    assert list(engine.spread(warn, range(2))) == [0, 1]
    # The engine itself logs that it waits for workers, where they take long to start.
    logged = [r.getMessage() for r in caplog.records if r.name == "svbench.somewhere"]
    assert sorted(logged) == ["shard 0 is odd", "shard 1 is odd"]


def test_work_that_cannot_be_pickled_is_refused(engine: RayCluster) -> None:
    import threading

    lock = threading.Lock()

    def locked(number: int) -> int:
        with lock:
            return number

    with pytest.raises(ConfigError, match=r"^--engine ray: found work that cannot be pickled"):
        list(engine.spread(locked, range(2)))


def test_a_killed_worker_costs_nothing_but_time(
    engine: RayCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mark = tmp_path / "killed once"

    def die_once(number: int) -> int:
        if number == 4 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    assert list(engine.spread(die_once, range(20))) == list(range(20))
    assert "was lost; its work is done again" in caplog.text


def test_a_shard_that_fails_three_times_is_named(engine: RayCluster) -> None:
    """Others that its workers had meanwhile are not blamed."""

    def die(number: int) -> int:
        if number == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    def named(number: int) -> str:
        return f"clip-{number}.mp4"

    with pytest.raises(StoppedError, match=r"^clip-4\.mp4: 3 workers were lost with it"):
        list(engine.spread(die, range(20), named=named))


def test_workers_that_are_lost_while_idle_are_no_fault_of_the_next_shard(
    engine: RayCluster, caplog: pytest.LogCaptureFixture
) -> None:
    def process(_shard: int) -> int:
        time.sleep(0.2)
        return os.getpid()

    for pid in set(engine.spread(process, range(9), alone=True)):
        os.kill(pid, signal.SIGKILL)
    assert list(engine.spread(squared, [3])) == [9]
    assert re.search(r"an idle worker on \S+ was lost; another takes its place", caplog.text)


def test_a_lost_node_costs_nothing_but_time(
    cluster: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its worker, for which no other node has room for a GPU, is lost with its second shard."""
    node = cluster.add_node(num_cpus=2, num_gpus=1)
    cluster.wait_for_nodes(ray_clusters.PATIENCE)
    doomed, here = node.node_id, tmp_path / "it computes"
    it_computes = waits_for(here.exists)

    class Work:
        calls = 0

        def __call__(self, number: int) -> tuple[int, str]:
            import ray

            self.calls += 1
            place = ray.get_runtime_context().get_node_id()
            if place == doomed:
                here.touch()
                time.sleep(0 if self.calls == 1 else ENDLESS)
            it_computes()
            return number, place

    settings = RaySettings(workers=3, cpus_per_worker=0.5, address=cluster.address)
    seen: list[int] = []
    with closing(RayCluster(settings)) as larger:
        for number, place in larger.spread(Work(), range(30)):
            seen.append(number)
            if place == doomed:
                cluster.remove_node(node, allow_graceful=False)
    assert seen == list(range(30))
    assert "was lost; its work is done again" in caplog.text
    cluster.wait_for_nodes(ray_clusters.PATIENCE)  # until nobody counts on it


@pytest.mark.parametrize(("each", "expected"), [(1, ["0", "1"]), (0.5, ["0", "0", "1", "1"])])
def test_each_worker_sees_a_gpu_or_shares_one(
    cluster: Any, each: float, expected: list[str], tmp_path: Path
) -> None:
    """Logical GPUs: Ray hands out their numbers, whether or not there are any."""
    meet = meeting(tmp_path / "workers", len(expected))

    def device(_shard: int) -> tuple[int, str | None]:
        meet()
        return os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")

    settings = RaySettings(gpus_per_worker=each, cpus_per_worker=0.5, address=cluster.address)
    with closing(RayCluster(settings)) as engine:
        found = set(engine.spread(device, range(4 * len(expected)), alone=True))
    assert sorted(str(name) for _, name in found) == expected


def test_workers_count_paths_from_the_folder_of_the_driver(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray's nodes were started elsewhere; settings and caches are named by the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SVBENCH_WEIGHTS", "weights")
    Path("here.txt").write_text("found")

    def read(_shard: int) -> tuple[str, str | None]:
        return Path("here.txt").read_text(), os.environ.get("SVBENCH_WEIGHTS")

    settings = RaySettings(workers=1, gpus_per_worker=0, address=cluster.address)
    with closing(RayCluster(settings)) as engine:
        assert list(engine.spread(read, [0])) == [("found", "weights")]


def test_a_worker_without_gpus_sees_none(engine: RayCluster) -> None:
    assert list(engine.spread(lambda _: os.environ["CUDA_VISIBLE_DEVICES"], range(3))) == [""] * 3


def test_a_worker_that_no_node_has_room_for_is_refused(cluster: Any) -> None:
    settings = RaySettings(gpus_per_worker=3, address=cluster.address)
    with pytest.raises(ConfigError, match=r"^--engine ray: found no node with 3 GPUs and"):
        RayCluster(settings)


def test_a_node_that_does_not_find_the_run_folder_is_refused(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = tmp_path / "run.json"
    proof.write_text("{}")
    settings = RaySettings(workers=1, gpus_per_worker=0, address=cluster.address)
    with closing(RayCluster(settings, proof)) as engine:
        assert list(engine.spread(squared, [3])) == [9]
    site = ray_workers.site
    monkeypatch.setattr(ray_workers, "site", lambda _proof, gpus: site(Path(__file__), gpus=gpus))
    with (
        closing(RayCluster(settings, proof)) as engine,
        pytest.raises(ConfigError, match=r"found another run folder or none, expected that of"),
    ):
        list(engine.spread(squared, [3]))


def test_a_node_of_other_libraries_or_code_is_refused() -> None:
    here = ray_actor.site(None, gpus=False)
    assert here.differs_from(here) is None
    from dataclasses import replace

    (name, version), *others = here.versions
    there = replace(here, versions=((name, "0.1"), *others))
    assert there.differs_from(here) == f"{name} 0.1, expected {version} as on the driver's"
    there = replace(here, code="0" * 12)
    assert there.differs_from(here) == (
        f"svbench of digest 000000000000, expected {here.code} as on the driver's"
    )


def test_another_cluster_than_the_one_that_was_joined_is_refused(engine: RayCluster) -> None:
    del engine
    with pytest.raises(ConfigError, match=r"^--ray-address: found 10\.1\.2\.3:1, expected"):
        RayCluster(RaySettings(address="10.1.2.3:1"))


def test_an_address_where_nothing_listens_gets_one_line_at_once() -> None:
    refused = pytest.raises(ConfigError, match=r"^--ray-address: \S+:\d+: found no cluster")
    with reserved_port() as (port, _), refused:
        ray_resources.check_listens(f"127.0.0.1:{port}")


def test_settings_that_fit_no_engine_get_one_line() -> None:
    with pytest.raises(ConfigError, match=r"^--gpus-per-worker: found 1\.5, expected a whole"):
        EngineChoice(engine="ray", gpus_per_worker=1.5)
    with pytest.raises(ConfigError, match=r"^--device: found 'cuda:1' beside --engine ray"):
        EngineChoice(engine="ray").start(device="cuda:1")
    with pytest.raises(ConfigError, match=r"^--engine: found 'dask', expected local or ray$"):
        EngineChoice(engine="dask")
    with pytest.raises(ConfigError, match=r"^--ray-address: found it where it has no effect"):
        EngineChoice(ray_address="auto")
