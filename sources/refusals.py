"""Why there is no connection to Kafka, for people: what a client hears of it, and what can be done.

Promises to tell what no waiting mends, a user that is not let in or a certificate that is not trusted, from brokers that are away. It
relies on librdkafka to say which; what is secret stands in none of its texts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging

REFUSED = frozenset({"_AUTHENTICATION", "_SSL", "SASL_AUTHENTICATION_FAILED", "UNSUPPORTED_SASL_MECHANISM"})
MOST_TIMES = 10_000
SILENT = "_ALL_BROKERS_DOWN"
_WHEN = re.compile(r" \(after \d+ms in state [^()]*\)")
_PROTOCOL = "security.protocol"
# in librdkafka's log alone: what it reached speaks something else, or it wonders at its settings
_HANGS_UP = re.compile(r"(\S+://)?\S+: Disconnected: .*state APIVERSION_QUERY|Configuration property .*security\.protocol.*")
_TO_DO = {
    "_SSL": "see ssl.ca.location, or ssl.ca.pem, in [kafka.client], and that the certificate names this host",
    "_AUTHENTICATION": "see sasl.mechanism, sasl.username and sasl.password in [kafka.client]",
    _PROTOCOL: "see security.protocol in [kafka.client]: who hangs up at once may want SSL or SASL_SSL",
}


@dataclass
class Heard:
    """What a client says of its connections, to callbacks in the thread that polls it; `times` says how often it did."""

    logger: logging.Logger
    told: dict[str, str] = field(default_factory=dict)
    times: int = 0

    def error(self, error: Any) -> None:
        """Librdkafka's error callback."""
        self.times += 1
        self.told.setdefault(error.name(), error.str())

    def log(self, level: int, text: str, *arguments: Any) -> None:
        """What librdkafka asks of a logger."""
        self.times += 1
        self.logger.log(level, text, *arguments)
        if found := _HANGS_UP.search(text % arguments if arguments else text):
            self.told.setdefault(_PROTOCOL, found[0].partition(" (after ")[0])

    def listen(self, client: Any) -> None:
        """Hear all that a client has to say: a poll of it is about one thing alone."""
        for _ in range(MOST_TIMES):
            before = self.times
            client.poll(0)
            if self.times == before:
                return

    @property
    def refused(self) -> bool:
        """Whether it heard what no waiting mends."""
        return not REFUSED.isdisjoint(self.told)

    def why(self) -> tuple[str, str] | None:
        """The name and the words of what says most; None where nothing was heard."""
        order = [*sorted(REFUSED), _PROTOCOL, *(name for name in self.told if name != SILENT), SILENT]
        return next(((name, calm(self.told[name])) for name in order if name in self.told), None)


def calm(text: str) -> str:
    """Librdkafka's words without the milliseconds.

    >>> calm("ssl://k1:9093/1: SSL handshake failed: no (after 14ms in state SSL_HANDSHAKE, 1 identical error(s) suppressed)")
    'ssl://k1:9093/1: SSL handshake failed: no'
    """
    return _WHEN.sub("", text.replace("(s) suppressed", "s suppressed"))


def what_to_do(name: str) -> str:
    """What mends a connection that fails with the error of this name.

    >>> what_to_do("_TRANSPORT")
    'see that it runs and that [kafka] brokers names it'
    """
    if name in _TO_DO:
        return _TO_DO[name]
    return _TO_DO["_AUTHENTICATION"] if name in REFUSED else "see that it runs and that [kafka] brokers names it"


def rights(name: str) -> str:
    """What stands behind the words of an error of this name, where a right is missing.

    >>> rights("TOPIC_AUTHORIZATION_FAILED"), rights("LEADER_NOT_AVAILABLE")
    ('; its user has no right to it: see the rights that headrace needs, in docs/how-to/secured-kafka.md', '')
    """
    text = "; its user has no right to it: see the rights that headrace needs, in docs/how-to/secured-kafka.md"
    return text if name.endswith("AUTHORIZATION_FAILED") else ""


__all__ = ["REFUSED", "SILENT", "Heard", "calm", "rights", "what_to_do"]
