"""The schemas of Avro messages, by the number that each message begins with.

`Registry` is what a decoder relies on; `HttpRegistry` speaks to the schema registries that are common beside Kafka. Promises that a schema
which the registry does not have is told apart (`UnknownSchema`, the message is a dead letter) from a registry that does not answer
(`RegistryError`, the flow ends: the messages are fine). It waits for a registry that is away with growing pauses, up to `patience_s`.
"""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from headrace.errors import ConfigError, HeadraceError

PATIENCE_S = 30.0
ANSWER_S = 5.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
# the registry's own number for a schema that it does not have
NO_SUCH_SCHEMA = 40403
PASSING = {408, 429, 500, 502, 503, 504}


class RegistryError(HeadraceError):
    """The registry does not answer, or refuses."""


class UnknownSchema(HeadraceError):
    """A number that the registry has no Avro schema for."""


class Registry(Protocol):
    """Where schemas are kept. A number's schema never changes, so that callers may keep it."""

    def schema(self, number: int) -> Any:
        """The schema as JSON has it; blocks. Raises `UnknownSchema` and `RegistryError`."""
        ...


class HttpRegistry:
    """A schema registry at a URL; `http://user:password@host` signs in."""

    def __init__(self, url: str, patience_s: float = PATIENCE_S) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigError("kafka.registry is no URL of a schema registry, expected one such as http://registry:8081")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        # without what is secret, for texts as well
        self.url = f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path.rstrip('/')}"
        self.patience_s = patience_s
        self._headers = {"Accept": "application/vnd.schemaregistry.v1+json, application/json"}
        if parts.username is not None:
            secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()

    def schema(self, number: int) -> Any:
        """The schema with this number."""
        until = time.monotonic() + self.patience_s
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return _avro(number, self._ask(f"/schemas/ids/{number}"))
            except urllib.error.HTTPError as error:
                code = _code(error)
                if error.code == 404 and code == NO_SUCH_SCHEMA:
                    raise UnknownSchema(f"the registry has no schema {number}", schema=number) from None
                reason = f"{error.code} {error.reason}"
                if error.code not in PASSING:
                    raise self._refusal(number, reason) from None
            except (OSError, TimeoutError, ValueError) as error:
                reason = str(getattr(error, "reason", error))
            if time.monotonic() + pause_s > until:
                raise self._refusal(number, f"{reason}, for {self.patience_s:g} s")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _ask(self, path: str) -> dict[str, Any]:
        request = urllib.request.Request(self.url + path, headers=self._headers)  # noqa: S310  # http or https, see __init__
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310
            found = json.loads(answer.read())
        if not isinstance(found, dict) or "schema" not in found:
            raise ValueError("the answer holds no schema")   # what was asked is no registry, or not yet
        return found

    def _refusal(self, number: int, reason: str) -> RegistryError:
        what = f"the schema registry at {self.url} does not give schema {number}: {reason}"
        return RegistryError(f"{what}; see that it runs and that [kafka] registry names it", url=self.url, schema=number)


def _avro(number: int, answer: dict[str, Any]) -> Any:
    kind = answer.get("schemaType") or "AVRO"
    if kind != "AVRO":
        raise UnknownSchema(f"schema {number} is {kind}, expected AVRO", schema=number)
    if answer.get("references"):
        names = ", ".join(str(each.get("name")) for each in answer["references"])
        raise RegistryError(f"schema {number} refers to others ({names}), which is not supported", schema=number)
    return json.loads(answer["schema"])


def _code(error: urllib.error.HTTPError) -> int | None:
    """The number that the registry gives its error."""
    try:
        found = json.loads(error.read())
    except ValueError:
        return None
    code = found.get("error_code") if isinstance(found, dict) else None
    return code if isinstance(code, int) else None
