"""Resumable downloads, whose bytes are always of one version of a file.

The bytes so far lie in NAME.part, and beside it, in NAME.part.json, the version that they belong
to: address, ETag or Last-Modified, whole length. The rest is requested with Range and If-Range; a
server that has another version, or supports no ranges, sends the whole file, and the download
starts anew. A response is checked before anything is overwritten: it must be no page of HTML, and
have a length that the file can have and the range that was requested.

References
----------
- RFC 9110, sections 13.1.5 (If-Range), 14 (ranges) and 15.5.17 (416).
"""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from email.message import Message
from http.client import HTTPException, HTTPResponse, IncompleteRead
from pathlib import Path
from typing import IO, Any, BinaryIO, Final
from urllib.parse import urlsplit

from svbench.errors import DataError, StoppedError
from svbench.files.text import read_object

CHUNK: Final = 1 << 20  # bytes read at a time
TIMEOUT: Final = 60  # seconds without a byte
_PAGES: Final = ("text/html", "application/xhtml+xml")

PARTIAL, BEYOND = 206, 416  # HTTP

Advance = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Size:
    """The lengths that a file can have."""

    most: int  # bytes
    check: Callable[[int], None]  # raises DataError


@dataclass(frozen=True, slots=True)
class Version:
    """The version of a file that the bytes of a part belong to."""

    address: str
    validator: str  # a strong ETag, or Last-Modified; empty: the server gives neither
    whole: int  # bytes; 0: unknown


@dataclass(frozen=True, slots=True)
class Part:
    """An unfinished download."""

    path: Path

    @property
    def side(self) -> Path:
        """Return the file with the version of the part."""
        return self.path.with_name(self.path.name + ".json")

    def size(self) -> int:
        """Return how many bytes there are."""
        return self.path.stat().st_size if self.path.exists() else 0

    def version(self) -> Version | None:
        """Load the version of the part; None if it is unknown."""
        try:
            version = Version(**read_object(self.side, "the version of a part"))
        except (DataError, TypeError):
            return None
        kinds = (type(version.address), type(version.validator), type(version.whole))
        return version if kinds == (str, str, int) else None

    def drop(self) -> None:
        """Delete it."""
        self.path.unlink(missing_ok=True)
        self.side.unlink(missing_ok=True)


def download(address: str, part: Part, size: Size, advance: Advance) -> None:
    """Download a file into `part`, or what is missing of it.

    Raises StoppedError if the same call would resume, DataError if it would not help, OSError for
    an error of the disk.
    """
    version = part.version()
    if version is None or version.address != address:
        part.drop()
    if not _attempt(address, part, version, size, advance):
        part.drop()
        if not _attempt(address, part, None, size, advance):
            raise DataError(f"{address}: found no whole file there, expected one of any length")


def _attempt(
    address: str, part: Part, version: Version | None, size: Size, advance: Advance
) -> bool:
    """Send one request; return False if the part belongs to no version that the server has."""
    there = part.size()
    try:
        response = _request(address, there, version)
    except _BeyondError as beyond:
        return there == beyond.whole
    with response:
        _refuse_page(address, response.headers)
        first, now = _begins(address, response)
        if first is None or (first != there and response.status == PARTIAL):
            part.drop()
            span = response.headers.get("Content-Range", "no range")[:80]
            raise DataError(
                f"{address}: found a response with {span!r}, expected bytes from {there}; "
                "run the same command again to start anew"
            )
        if first and version and not _alike(version, now):
            return False
        if now.whole:
            size.check(now.whole)
        _receive(response, part, first, now, size, advance)
    return True


def _alike(version: Version, now: Version) -> bool:
    """Return whether a response is of the version of a part, as far as the server says."""
    pairs = (version.whole, now.whole), (version.validator, now.validator)
    return all(then == since for then, since in pairs if then and since)


def _request(address: str, there: int, version: Version | None) -> HTTPResponse:
    """Request the missing bytes; errors of HTTP are mapped to ours."""
    headers = {"Range": f"bytes={there}-"} if there else {}
    if there and version and version.validator:
        headers["If-Range"] = version.validator
    request = urllib.request.Request(address, headers=headers)
    try:
        response: HTTPResponse = _opener().open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == BEYOND and there:
                raise _BeyondError(_whole_of(error.headers)) from error
            raise unreachable(address, f"{error.code} {error.reason}") from error
    except HTTPException as error:
        raise _broken(address, there, 0, error) from error
    except (OSError, ValueError) as error:  # URLError is one; a redirect to nonsense the other
        raise unreachable(address, str(getattr(error, "reason", error))) from error
    return response


def _begins(address: str, response: HTTPResponse) -> tuple[int | None, Version]:
    """Return the first byte of a response, if it is known, and its version."""
    headers = response.headers
    etag, changed = headers.get("ETag", ""), headers.get("Last-Modified", "")
    validator = changed if not etag or etag.startswith("W/") else etag
    if response.status == PARTIAL:
        found = re.match(r"bytes (\d+)-", headers.get("Content-Range", "").strip())
        return int(found[1]) if found else None, Version(address, validator, _whole_of(headers))
    length = headers.get("Content-Length", "")
    return 0, Version(address, validator, int(length) if length.isdecimal() else 0)


def _receive(
    response: HTTPResponse, part: Part, first: int, version: Version, size: Size, advance: Advance
) -> None:
    """Write a response behind the first bytes of a part, or in its place."""
    there = first
    with part.path.open("ab" if first else "wb") as file:
        part.side.write_text(json.dumps(asdict(version)), encoding="utf-8")
        try:
            while block := response.read(CHUNK):
                there += _written(file, block)
                if there > size.most:
                    part.drop()
                    size.check(there)
                advance(there, version.whole)
        except IncompleteRead as error:
            there += _written(file, error.partial)
            raise _broken(version.address, there, version.whole, error) from error
        except _DiskError as error:
            raise error.reason from error
        except (HTTPException, OSError) as error:
            raise _broken(version.address, there, version.whole, error) from error
    if version.whole and there != version.whole:
        raise _broken(version.address, there, version.whole)


def _written(file: BinaryIO, block: bytes) -> int:
    """Write a block and return its length; raise _DiskError for an error of the disk."""
    try:
        file.write(block)
        file.flush()
    except OSError as error:
        raise _DiskError(error) from error
    return len(block)


def _whole_of(headers: Message) -> int:
    """Return the length behind the slash of Content-Range, 0 if there is none."""
    found = re.search(r"/(\d+)$", headers.get("Content-Range", "").strip())
    return int(found[1]) if found else 0


def _refuse_page(address: str, headers: Message) -> None:
    if headers.get_content_type() in _PAGES:
        raise unreachable(address, "found an HTML page, expected a file")


class _BeyondError(Exception):
    """The server has nothing behind the part (416), of a file of `whole` bytes."""

    def __init__(self, whole: int) -> None:
        super().__init__(whole)
        self.whole = whole


class _DiskError(Exception):
    """An error of the disk, not of the network."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(reason)
        self.reason = reason


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https only."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Refuse other schemes, which could name a file of this machine."""
        if urlsplit(newurl).scheme not in ("http", "https"):
            raise urllib.error.HTTPError(
                req.full_url,
                code,
                f"redirected to {newurl[:80]!r}, expected http or https",
                headers,
                fp,
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_Redirects)


def unreachable(address: str, reason: str) -> DataError:
    """Return the error for a file that cannot be fetched from its address."""
    return DataError(f"{address}: cannot be fetched ({' '.join(reason.split())})")


def _broken(address: str, there: int, whole: int, error: Exception | None = None) -> StoppedError:
    of = f" of {whole}" if whole else ""
    why = f" ({type(error).__name__})" if error else ""
    return StoppedError(
        f"{address}: the connection ended at {there}{of} bytes{why}; "
        "run the same command again to go on"
    )
