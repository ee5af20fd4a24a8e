"""A schema registry over HTTP, in this process: what its clients ask it by number. It lets in who knows its password."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

USER, PASSWORD = "shop", "hunter2@registry"
_SIGNED = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class Schemas:
    """`schemas` by their numbers may change while it runs; `url` signs in."""

    def __init__(self) -> None:
        self.schemas: dict[int, Any] = {}
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                number = int(self.path.removeprefix("/schemas/ids/"))
                if self.headers.get("Authorization") != _SIGNED:
                    self.answer(401, {"error_code": 401, "message": "Unauthorized"})
                elif number not in registry.schemas:
                    self.answer(404, {"error_code": 40403, "message": "Schema not found"})
                else:
                    self.answer(200, {"schema": json.dumps(registry.schemas[number])})

            def answer(self, status: int, body: dict[str, Any]) -> None:
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *arguments: Any) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://{USER}:{PASSWORD.replace('@', '%40')}@127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
