"""The schema registry over HTTP, against a server of this process: what is unknown, what passes, what does not."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from headrace.errors import ConfigError
from operators.decode import HttpRegistry, RegistryError, UnknownSchema

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = {"type": "record", "name": "click", "fields": [{"name": "id", "type": "long"}]}
GOOD = (200, json.dumps({"schema": json.dumps(SCHEMA)}))


class Server:
    """Answers with `answers` in turn, the last again and again; keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, str]] = [GOOD]
        self.asked: list[tuple[str, str | None]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append((self.path, self.headers.get("Authorization")))
                status, body = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *arguments: Any) -> None:
                """Say nothing."""

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


def test_a_schema(server: Server) -> None:
    assert HttpRegistry(f"http://{server.address}/").schema(7) == SCHEMA
    assert HttpRegistry(f"http://us%40er:pass@{server.address}/sub").schema(8) == SCHEMA
    assert server.asked == [("/schemas/ids/7", None), ("/sub/schemas/ids/8", "Basic dXNAZXI6cGFzcw==")]


def test_what_passes_is_waited_for(server: Server) -> None:
    server.answers = [(503, "starting"), (200, "[]"), (500, '{"error_code": 50001}'), GOOD]
    assert HttpRegistry(f"http://{server.address}").schema(7) == SCHEMA
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    "status, body, text",
    [
        (404, json.dumps({"error_code": 40403, "message": "Schema not found"}), "the registry has no schema 7"),
        (200, json.dumps({"schema": "...", "schemaType": "PROTOBUF"}), "schema 7 is PROTOBUF, expected AVRO"),
    ],
)
def test_what_it_does_not_have(server: Server, status: int, body: str, text: str) -> None:
    server.answers = [(status, body)]
    with pytest.raises(UnknownSchema) as found:
        HttpRegistry(f"http://{server.address}").schema(7)
    assert str(found.value) == text


@pytest.mark.parametrize("status, reason", [(404, "404 Not Found"), (401, "401 Unauthorized"), (503, "503 Service Unavailable, for 0.2 s")])
def test_what_it_refuses(server: Server, status: int, reason: str) -> None:
    server.answers = [(status, "no JSON")]
    with pytest.raises(RegistryError) as found:
        HttpRegistry(f"http://user:secret@{server.address}", patience_s=0.2).schema(7)
    where = f"the schema registry at http://{server.address} does not give schema 7"
    assert str(found.value) == f"{where}: {reason}; see that it runs and that [kafka] registry names it"


def test_references_are_not_followed(server: Server) -> None:
    server.answers = [(200, json.dumps({"schema": '"user"', "references": [{"name": "user", "subject": "user-value", "version": 1}]}))]
    with pytest.raises(RegistryError, match=r"schema 7 refers to others \(user\), which is not supported"):
        HttpRegistry(f"http://{server.address}").schema(7)


def test_nobody_there() -> None:
    server = Server()
    server.close()
    with pytest.raises(RegistryError, match=r"Connection refused, for 0.3 s; see that it runs"):
        HttpRegistry(f"http://{server.address}", patience_s=0.3).schema(7)


@pytest.mark.parametrize("url", ["registry:8081", "file:///etc/passwd", "http://", ""])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ConfigError, match=r"kafka.registry is no URL of a schema registry, expected one such as http://registry:8081"):
        HttpRegistry(url)
