"""An HTTP server on the loopback that serves one file, with common faults of servers."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Server(http.server.BaseHTTPRequestHandler):
    """Serves `content` with range requests; the other attributes introduce faults."""

    content = b""
    etag: str | None = '"one"'
    changed: str | None = None
    honest = True  # else it ignores If-Range
    ranges = True  # else each response holds the whole file
    chunked = False  # else there is a Content-Length
    cut_at: int | None = None  # bytes of the response after which the connection ends
    shift = 0  # bytes by which a response begins elsewhere
    page = False  # declare HTML in place of a file
    redirect: str | None = None
    status: int | None = None
    protocol_version = "HTTP/1.1"
    asked: list[tuple[str | None, str | None]]

    def do_GET(self) -> None:
        """Respond to a request, and record it."""
        self.close_connection = True
        wanted, known = self.headers["Range"], self.headers["If-Range"]
        self.asked.append((wanted, known))
        if self.redirect or self.status:
            self._head(self.status or 302, {"Location": self.redirect, "Content-Length": "0"})
            return
        first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if not self.ranges or (self.honest and known and known not in (self.etag, self.changed)):
            first = 0
        if first >= len(self.content) and first:
            span = {"Content-Range": f"bytes */{len(self.content)}", "Content-Length": "0"}
            self._head(416, span)
            return
        self._send(first)

    def _send(self, first: int) -> None:
        body, whole = self.content[first:], len(self.content)
        headers = {"ETag": self.etag, "Last-Modified": self.changed}
        headers["Content-Type"] = "text/html" if self.page else "application/octet-stream"
        headers |= {"Transfer-Encoding": "chunked"} if self.chunked else {}
        headers |= {} if self.chunked else {"Content-Length": str(len(body))}
        if first:
            headers["Content-Range"] = f"bytes {first + self.shift}-{whole - 1}/{whole}"
        self._head(206 if first else 200, headers)
        sent = body[: self.cut_at]
        if not self.chunked:
            self.wfile.write(sent)
            return
        for place in range(0, len(sent), 700):
            piece = sent[place : place + 700]
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        if self.cut_at is None:
            self.wfile.write(b"0\r\n\r\n")

    def _head(self, status: int, headers: dict[str, str | None]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextmanager
def serving() -> Iterator[tuple[type[Server], str]]:
    """Run a server; yield its handler class, whose attributes set the faults, and the URL."""
    handler = type("Handler", (Server,), {"asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield handler, f"http://127.0.0.1:{server.server_port}/net.pt"
        finally:
            server.shutdown()
            thread.join()
