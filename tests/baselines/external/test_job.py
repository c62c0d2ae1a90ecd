"""The lines between svbench and a driver, and the driver's side of them."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from svbench.baselines.external import driver_process
from svbench.baselines.external.job import Reply, ReplyError, Wanted, read_reply, task_line

KIT = driver_process.ROOM / driver_process.KIT


def test_replies_are_read(tmp_path: Path) -> None:
    assert read_reply(b'{"status": "ready"}', tmp_path) == Reply("ready")
    line = b'{"id": "a/0", "status": "ok", "video": "a.mp4", "seconds": 3}'
    assert read_reply(line, tmp_path) == Reply("ok", "a/0", tmp_path.resolve() / "a.mp4")
    line = json.dumps({"id": "a/0", "status": "ok", "sound": f"{tmp_path}/b.wav"}).encode()
    assert read_reply(line, tmp_path).sound == tmp_path.resolve() / "b.wav"
    line = b'{"id": "a", "status": "failed", "error": "no\\n peaks"}'
    assert read_reply(line, tmp_path).error == "no peaks"
    assert read_reply(b'{"id": "a", "status": "failed"}', tmp_path).error == "no reason given"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"100%|###", "wrote '100%|###' as a reply, expected a JSON object"),
        (b"\xff\x00", "expected a JSON object"),
        (b"[" * 100_000, "expected a JSON object"),
        (b"3", "wrote 3 as a reply, expected an object with a status"),
        (b'{"status": "done"}', "expected an object with a status"),
        (b'{"status": ["ok"]}', "expected an object with a status"),
        (b'{"status": "ok", "id": 3}', "expected the id of a sample"),
        (b'{"status": "ok", "id": "a", "video": "../b.mp4"}', "named ../b.mp4 as video, expected"),
        (b'{"status": "ok", "id": "a", "sound": "/etc/passwd"}', "named /etc/passwd as sound"),
        (b'{"status": "ok", "id": "a", "video": 7}', "named 7 as video, expected the name"),
        (b'{"status": "ok", "id": "a", "video": "a\\u0000"}', "expected the name of a file"),
    ],
)
def test_what_is_no_reply_is_named(line: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ReplyError) as raised:
        read_reply(line, tmp_path)
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_task_is_one_line() -> None:
    line = task_line([Wanted("a/0", "a", "two\nlines", 2**62)])
    assert line.count("\n") == 1
    assert json.loads(line)["samples"][0]["seed"] == 2**62


def test_the_drivers_side_needs_no_more_than_python_3_8() -> None:
    tree = ast.parse(KIT.read_text(encoding="utf-8"), feature_version=(3, 8))
    names = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names <= set(sys.stdlib_module_names)


def test_a_driver_can_be_tried_by_hand(tmp_path: Path) -> None:
    """Samples are listed in job.json, and replies go to a file."""
    keys = dict.fromkeys(("system", "task", "mode", "device", "weights", "settings", "format"))
    samples = [{"id": f"{n}/0", "stem": n, "prompt": n, "seed": 2**40 + 5} for n in ("a", "b")]
    replies = tmp_path / "replies.jsonl"
    job = {**keys, "out": str(tmp_path), "length": 4.0, "replies": str(replies)}
    (tmp_path / "job.json").write_text(json.dumps({**job, "samples": samples}))
    (tmp_path / "driver.py").write_text(
        "from svbench_driver import Job\n"
        "job = Job()\n"
        "def make(sample):\n"
        "    job.alive()\n"
        "    if sample.prompt == 'b':\n"
        "        raise ValueError('no peaks')\n"
        "    print(sample.seed32, sample.sound)\n"
        "    return {'video': sample.file('.mp4')}\n"
        "job.run(make)\n"
    )
    done = subprocess.run(
        [sys.executable, tmp_path / "driver.py", tmp_path / "job.json"],
        env={"PYTHONPATH": str(KIT.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "5 None\n"
    found = [read_reply(line.encode(), tmp_path) for line in replies.read_text().splitlines()]
    assert [reply.status for reply in found] == ["ready", "alive", "ok", "alive", "failed"]
    assert found[2].video == tmp_path.resolve() / "a.mp4"
    assert found[4].error == "ValueError: no peaks"
