"""Downloads: gone on with where they stopped, never glued from two versions, never endless."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from svbench.errors import DataError, StoppedError
from svbench.files.weights import download as downloads
from svbench.files.weights.download import Part, Size, download
from tests.factories.processes import PATIENCE
from tests.factories.weight_server import Server, serving

CONTENT = bytes(range(256)) * 20  # 5,120 bytes
OTHER = bytes(reversed(CONTENT))
MOST = 6000


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Server]]:
    monkeypatch.setattr(downloads, "CHUNK", 1000)
    monkeypatch.setattr(downloads, "TIMEOUT", 5)
    with serving() as (handler, address):
        handler.content = CONTENT
        handler.address = address  # type: ignore[attr-defined]
        yield handler


@pytest.fixture
def part(tmp_path: Path) -> Part:
    return Part(tmp_path / "net.pt.part")


def bring(server: type[Server], part: Part) -> list[tuple[int, int]]:
    def check(size: int) -> None:
        if not 100 <= size <= MOST:
            raise DataError(f"found {size} bytes, expected 100 to {MOST}")

    steps: list[tuple[int, int]] = []
    address = server.address  # type: ignore[attr-defined]
    download(address, part, Size(MOST, check), lambda *step: steps.append(step))
    return steps


def stop(server: type[Server], part: Part, at: int) -> str:
    """Run a download that ends early; return the message."""
    server.cut_at = at
    with pytest.raises(StoppedError) as caught:
        bring(server, part)
    server.cut_at = None
    return str(caught.value)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_whole_file(server: type[Server], part: Part, chunked: bool) -> None:
    server.chunked = chunked
    steps = bring(server, part)
    assert part.path.read_bytes() == CONTENT
    assert steps[-1] == (len(CONTENT), 0 if chunked else len(CONTENT))
    assert server.asked == [(None, None)]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("etag", "changed", "known"),
    [
        ('"one"', None, '"one"'),
        ('"one"', "Mon, 01 Jan 2024 00:00:00 GMT", '"one"'),
        ('W/"one"', "Mon, 01 Jan 2024 00:00:00 GMT", "Mon, 01 Jan 2024 00:00:00 GMT"),
        (None, None, None),
    ],
)
def test_a_cut_download_is_gone_on_with(
    server: type[Server],
    part: Part,
    chunked: bool,
    etag: str | None,
    changed: str | None,
    known: str | None,
) -> None:
    server.etag, server.changed, server.chunked = etag, changed, chunked
    of = "" if chunked else " of 5120"
    assert f"the connection ended at 2100{of} bytes" in stop(server, part, 2100)
    bring(server, part)
    assert part.path.read_bytes() == CONTENT
    assert server.asked == [(None, None), ("bytes=2100-", known)]


@pytest.mark.parametrize(
    "why", ["etag", "If-Range", "length", "ranges", "address", "no side file", "bad side"]
)
def test_what_cannot_be_gone_on_with_starts_anew(
    server: type[Server], part: Part, why: str
) -> None:
    if why == "length":
        server.etag = None
    stop(server, part, 2100)
    server.content = OTHER
    if why in ("etag", "If-Range"):
        server.etag, server.honest = '"two"', why == "etag"
    elif why == "length":
        server.content = OTHER + b"more"
    elif why == "ranges":
        server.ranges = False
    elif why == "no side file":
        part.side.unlink()
    else:
        side = json.loads(part.side.read_text())
        part.side.write_text("[" if why == "bad side" else json.dumps({**side, "address": "x"}))
    bring(server, part)
    assert part.path.read_bytes() == server.content


@pytest.mark.parametrize("extra", [b"", b"x" * 50])
def test_a_part_with_nothing_left_to_send(server: type[Server], part: Part, extra: bytes) -> None:
    stop(server, part, 2100)
    part.path.write_bytes(CONTENT + extra)
    bring(server, part)
    assert part.path.read_bytes() == CONTENT
    assert len(server.asked) == (3 if extra else 2)  # over-long: once more, from the beginning


def test_an_answer_that_begins_elsewhere_is_refused_and_the_next_starts_anew(
    server: type[Server], part: Part
) -> None:
    stop(server, part, 2100)
    server.shift = -100
    with pytest.raises(
        DataError, match=r"found a response with 'bytes 2000-.*, expected bytes from 2100"
    ):
        bring(server, part)
    assert part.size() == 0
    bring(server, part)
    assert part.path.read_bytes() == CONTENT


def test_a_page_is_refused_and_what_is_there_stays(server: type[Server], part: Part) -> None:
    stop(server, part, 2100)
    server.page, server.ranges = True, False
    with pytest.raises(DataError, match="found an HTML page, expected a file"):
        bring(server, part)
    server.page, server.ranges = False, True
    bring(server, part)
    assert part.path.read_bytes() == CONTENT
    assert server.asked[-1][0] == "bytes=2100-"


@pytest.mark.parametrize(
    ("length", "chunked"), [(99, False), (MOST + 1, False), (MOST + 1, True), (1 << 16, True)]
)
def test_a_file_of_another_size_is_refused(
    server: type[Server], part: Part, length: int, chunked: bool
) -> None:
    server.content, server.chunked = bytes(length), chunked
    with pytest.raises(DataError, match="bytes, expected 100 to 6000"):
        bring(server, part)
    assert part.size() == 0


@pytest.mark.parametrize("scheme", ["ftp://127.0.0.1:1/x", "file:///etc/hostname", "data:,x"])
def test_other_schemes_are_not_followed(server: type[Server], part: Part, scheme: str) -> None:
    server.redirect = scheme
    with pytest.raises(
        DataError, match=r"cannot be fetched .302 .*(expected http or https|not allowed)"
    ):
        bring(server, part)
    assert part.size() == 0


@pytest.mark.parametrize("status", [403, 404, 416, 429, 500, 503])
def test_an_error_of_the_server_is_one_line_and_what_is_there_stays(
    server: type[Server], part: Part, status: int
) -> None:
    server.status = status
    with pytest.raises(DataError, match=f"cannot be fetched \\({status} "):
        bring(server, part)
    server.status = None
    stop(server, part, 2100)
    server.status = status
    with pytest.raises(DataError, match="cannot be fetched"):
        bring(server, part)
    assert part.size() == (0 if status == 416 else 2100)


@pytest.mark.parametrize(
    "answer",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200 + b"\r\n"],
)
def test_what_is_no_http_stops_and_can_go_on(answer: bytes, part: Part) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE)

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/net.pt"
        with pytest.raises(StoppedError, match="the connection ended at 0 bytes"):
            download(address, part, Size(MOST, lambda _size: None), lambda *_: None)
        thread.join()


def test_nobody_listens(part: Part) -> None:
    with pytest.raises(DataError, match="cannot be fetched"):
        download("http://127.0.0.1:1/x", part, Size(1, lambda _size: None), lambda *_: None)


def test_a_full_disk_is_an_error_of_the_disk(server: type[Server], part: Part) -> None:
    address = server.address  # type: ignore[attr-defined]
    part.side.write_text(json.dumps({"address": address, "validator": "", "whole": 0}))
    part.path.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        bring(server, part)


ODD = {
    "deep": "[" * 99_999,
    "no object": "[]",
    "no JSON": "{",
    "another key": '{"address": "x", "validator": "", "whole": 0, "more": 1}',
    "another kind": '{"address": "x", "validator": "", "whole": "0"}',
}


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_version_counts_as_none(kind: str, server: type[Server], part: Part) -> None:
    part.path.write_bytes(OTHER[:2100])
    part.side.write_text(ODD[kind])
    assert part.version() is None
    bring(server, part)
    assert part.path.read_bytes() == CONTENT


def test_a_pipe_in_place_of_a_version_is_not_waited_for(server: type[Server], part: Part) -> None:
    os.mkfifo(part.side)
    assert part.version() is None
    bring(server, part)
    assert part.path.read_bytes() == CONTENT
