"""An S3 that misbehaves: a proxy in front of a good one.

Promises that a request which it fails was either not made at all or made in full: what a client of S3 has to bear. `told` counts what was
done to whom. Errors are what S3 sends, a cut is the end of the connection, before or behind what the request did.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ERROR = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{}</Code><Message>Please try again.</Message></Error>"
CODES = {500: "InternalError", 503: "ServiceUnavailable"}
SLOWEST_S = 1.0


class BadObjects:
    """The proxy in front of `target` (host:port); `address` is its URL. Of all requests the share `ill` gets trouble, all while `is_down`."""

    def __init__(self, target: str, seed: int) -> None:
        self.target = target
        self.ill = 0.0
        self.is_down = False
        self.told: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                # who is cut off goes without a word
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

            def answer(self) -> None:
                proxy.answer(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="bad-objects", daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Pass a request on, or do something to it."""
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        what = self._chosen()
        if what == "slow":
            with self._lock:
                wait_s = SLOWEST_S * self._random.random()
            time.sleep(wait_s)
        elif what == "cut":
            request.close_connection = True
            return
        elif what in {"500", "503"}:
            text = ERROR.format(CODES[int(what)]).encode()
            self._send(request, int(what), [("Content-Type", "application/xml")], text)
            return
        status, headers, found = self._passed_on(request, body)
        if what == "lost":
            request.close_connection = True
        elif what == "half" and len(found) > 1:
            self._send(request, status, headers, found, len(found) // 2)
            request.close_connection = True
        else:
            self._send(request, status, headers, found)

    def _chosen(self) -> str:
        with self._lock:
            if self.is_down:
                what = self._random.choice(["500", "503", "cut"])
            elif self._random.random() < self.ill:
                what = self._random.choice(["slow", "500", "503", "cut", "lost", "half"])
            else:
                what = "passed on"
            self.told[what] += 1
            return what

    def _passed_on(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.target, timeout=30)
        try:
            connection.request(request.command, request.path, body or None, dict(request.headers.items()))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, headers: list[tuple[str, str]], body: bytes, upto: int | None = None) -> None:
        request.send_response_only(status)
        told = {name.lower() for name, _ in headers}
        for name, value in headers:
            if name.lower() not in {"connection", "transfer-encoding"}:
                request.send_header(name, value)
        if "content-length" not in told:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body[:upto])
