"""A Kafka behind SASL and TLS: all commands work with `[kafka.client]` and the rights that the document names, and say soon why they do not.

What is secret is in the environment and in a file; it must stand in nothing that is said or written.
"""

from __future__ import annotations

import json
import shutil
import time
from typing import TYPE_CHECKING

import pytest

import sources.topics
from headrace.archive.letters import Letter, LetterBox
from headrace.repository import Repository
from headrace.running.starting import log_of
from sinks.kafka import make_topic
from tests.cli.conftest import Ran, headrace
from tests.faults.live import RUN, caught_up, judge, messages_of_steps, running, said, steps, stop
from tests.faults.shop import make_repository, messages, produce, read_topic
from tests.kafka.secured import PASSWORD, SHOP, SecuredBroker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.kafka.broker import Broker

__all__ = ["headrace"]
CLIENT = f"""
[kafka.client]
"security.protocol" = "SASL_SSL"
"sasl.mechanism" = "SCRAM-SHA-512"
"sasl.username" = "{SHOP}"
"sasl.password" = {{ env = "KAFKA_PASSWORD" }}
"ssl.ca.pem" = {{ file = "kafka-ca.pem" }}
[steps]
topics = true
partitions = 2
"""
TRUSTED = '"ssl.ca.pem" = { file = "kafka-ca.pem" }\n'
WRONG = "wr0ng-secret"


@pytest.fixture(scope="module")
def secured(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    """A broker beside the shared one, which says whether any can run here."""
    with SecuredBroker(tmp_path_factory.mktemp("secured")) as found:
        yield found


def shop(folder: Path, secured: SecuredBroker, topic: str, monkeypatch: pytest.MonkeyPatch, client: str = CLIENT) -> Path:
    """A repository that signs in, in which the commands run."""
    make_repository(folder, secured, topic, topic, client)
    shutil.copy(secured.certificate, folder / "kafka-ca.pem")
    monkeypatch.setenv("KAFKA_PASSWORD", PASSWORD)
    monkeypatch.chdir(folder)
    return folder


def nothing_secret(told: str, folder: Path) -> None:
    """Neither said nor written."""
    for secret in (PASSWORD, WRONG):
        assert secret not in told
        assert [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()] == []


def test_all_commands_work_with_the_rights_that_are_documented(
    headrace: Callable[..., Ran], secured: SecuredBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = secured.topic(2, "secured")
    folder = shop(tmp_path / "shop", secured, topic, monkeypatch)
    secured.grant("TOPIC", topic, "READ", "WRITE")
    secured.grant("GROUP", f"{topic}.", "READ", prefixed=True)
    secured.grant("TOPIC", f"{topic}.", "CREATE", "WRITE", prefixed=True)
    sent = messages(3, 900, 2, int(time.time() * 1e6) - 3 * 3_600_000_000)
    produce(secured, topic, sent[:600])

    told = [headrace("run", "activity", "--dry-run"), headrace("archive", topic, "--once", "--json")]
    assert [each.code for each in told] == [0, 0], told
    assert "activity would start from beginning" in told[0].err
    assert json.loads(told[1].out)["messages"] == 600

    produce(secured, topic, sent[600:])
    log = read_topic(secured, topic)
    with running(folder, *RUN) as process:
        caught_up(folder, log, process)
        stop(process, folder)
    assert "the archive is replayed; over to Kafka, 2 partitions" in said(folder)
    judge(folder, topic, log)
    assert {user: step["ever"] for user, step in messages_of_steps(secured, f"{topic}.activity.steps").items()} == {
        user: step["ever"] for user, step in steps(folder).items()
    }

    told += [headrace("archive", topic, "--once", "--json"), headrace("verify", "activity"), headrace("dead-letters", "retry", topic, "--json")]
    assert [each.code for each in told] == [0] * 5, told
    produced = json.loads(told[-1].out)["produced"]
    assert produced > 0
    again = read_topic(secured, topic)
    assert sum(map(len, again.values())) == len(sent) + produced
    nothing_secret("".join(f"{each.out}{each.err}" for each in told) + said(folder), folder)


AUTHENTICATION = (
    "Kafka at {at} cannot be asked: sasl_ssl://{at}/bootstrap: SASL authentication error: Authentication failed during authentication due to "
    "invalid credentials with SASL mechanism SCRAM-SHA-512; see sasl.mechanism, sasl.username and sasl.password in [kafka.client]\n"
)
CERTIFICATE = "Kafka at {at} cannot be asked: sasl_ssl://{at}/bootstrap: SSL handshake failed: "
TRUST = "; see ssl.ca.location, or ssl.ca.pem, in [kafka.client], and that the certificate names this host\n"
COMMANDS = [("archive", "{}", "--once"), ("run", "activity", "--dry-run"), ("run", "activity"), ("dead-letters", "retry", "{}")]


def refused(headrace: Callable[..., Ran], folder: Path, topic: str, *commands: tuple[str, ...]) -> str:
    """What the commands say of it, which is the same."""
    told = set()
    for command in commands:
        began_s = time.monotonic()
        ran = headrace(*(each.format(topic) for each in command))
        assert time.monotonic() - began_s < 8, "far from the ten seconds that brokers are waited for, on a slow machine as well"
        assert (ran.code, ran.out) == (1, ""), ran
        told.add(ran.err)
    (text,) = told
    nothing_secret(text, folder)
    return text.removeprefix("headrace: ")


def test_a_wrong_password_is_told_soon_by_all_commands(
    headrace: Callable[..., Ran], secured: SecuredBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = secured.topic()
    folder = shop(tmp_path / "shop", secured, topic, monkeypatch)
    box = LetterBox(log_of(Repository(folder), topic).folder)
    box.add([Letter(topic, 0, 3, "no JSON", None, None, b"{", 1_700_000_000_000_000)])
    box.flush()
    monkeypatch.setenv("KAFKA_PASSWORD", WRONG)
    assert refused(headrace, folder, topic, COMMANDS[0]) == AUTHENTICATION.format(at=secured.bootstrap)
    monkeypatch.setattr(sources.topics, "REFUSED_S", 1.0)
    assert refused(headrace, folder, topic, *COMMANDS[1:]) == AUTHENTICATION.format(at=secured.bootstrap)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_certificate_that_is_not_trusted_or_of_another_host(
    headrace: Callable[..., Ran], secured: SecuredBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    topic = secured.topic()
    client = CLIENT if host == "localhost" else CLIENT.replace(TRUSTED, "")
    folder = shop(tmp_path / "shop", secured, topic, monkeypatch, client)
    monkeypatch.setenv("HEADRACE_KAFKA__BROKERS", at := f"{host}:{secured.port}")
    monkeypatch.setattr(sources.topics, "REFUSED_S", 1.0)
    text = refused(headrace, folder, topic, COMMANDS[0])
    assert text.startswith(CERTIFICATE.format(at=at))
    assert "certificate verify failed" in text
    assert text.endswith(TRUST)


def test_who_hangs_up_may_want_tls(secured: SecuredBroker) -> None:
    with pytest.raises(sources.topics.TopicError) as found:
        sources.topics.partitions_of({"bootstrap.servers": secured.bootstrap}, "t", timeout_s=1.0)
    assert str(found.value) == (
        f"no Kafka answers at {secured.bootstrap}: {secured.bootstrap}/bootstrap: Disconnected: connection closed by peer: receive 0 after "
        "POLLIN; see security.protocol in [kafka.client]: who hangs up at once may want SSL or SASL_SSL"
    )


def test_a_secret_that_is_not_there_is_a_mistake(
    headrace: Callable[..., Ran], secured: SecuredBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = secured.topic()
    folder = shop(tmp_path / "shop", secured, topic, monkeypatch)
    assert PASSWORD not in repr(Repository(folder).config)
    monkeypatch.delenv("KAFKA_PASSWORD")
    ran = headrace("archive", topic, "--once")
    text = "kafka.client.sasl.password reads the environment variable KAFKA_PASSWORD, which is not set\n"
    assert (ran.code, ran.err.endswith(text)) == (2, True), ran
    monkeypatch.setenv("KAFKA_PASSWORD", PASSWORD)
    (folder / "kafka-ca.pem").unlink()
    ran = headrace("archive", topic, "--once")
    assert ran.code == 2
    assert "kafka.client.ssl.ca.pem reads the file " in ran.err
    assert ran.err.endswith("kafka-ca.pem, which cannot be read: No such file or directory\n")


def test_a_right_that_is_missing_is_named(
    headrace: Callable[..., Ran], secured: SecuredBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First to see the topic, then to read it, then to make that of the steps. A group is for those who watch it, and can be done without."""
    topic = secured.topic(1, "rights")
    shop(tmp_path / "shop", secured, topic, monkeypatch)
    advice = "; its user has no right to it: see the rights that headrace needs, in docs/how-to/secured-kafka.md\n"
    archive = ("archive", topic, "--once")
    told = f"headrace: topic '{topic}' at {secured.bootstrap}: Broker: Topic authorization failed{advice}"
    assert headrace(*archive) == Ran(1, "", told)

    secured.grant("TOPIC", topic, "DESCRIBE")
    produce(secured, topic, messages(1, 5, 1, int(time.time() * 1e6) - 3_600_000_000))
    ran = headrace(*archive)
    assert (ran.code, ran.err.splitlines(keepends=True)[-1]) == (1, (
        f"headrace: Kafka at {secured.bootstrap} refuses to be read: Fetch from broker 1 failed: Broker: Topic authorization failed "
        f"(TOPIC_AUTHORIZATION_FAILED){advice}"
    ))  # fmt: skip

    secured.grant("TOPIC", topic, "READ")
    ran = headrace(*archive)
    group = f"headrace: Kafka at {secured.bootstrap} does not take how far the group '{topic}.archive.{topic}' is, so its lag cannot be watched there: "
    assert (ran.code, ran.out.split()[1:5]) == (0, ["4", "rows", "of", "5"]), ran
    assert ran.err.startswith(group)
    assert ran.err.endswith(advice)
    assert ran.err.count("\n") == 1

    ran = headrace("run", "activity")
    told = f"headrace: topic '{topic}.activity.steps' cannot be made at {secured.bootstrap}: Authorization failed.{advice}"
    assert ran == Ran(1, "", told)

    # where somebody else has made it, no right to make it is needed
    steps_topic = f"{topic}.activity.steps"
    assert make_topic(secured.settings, steps_topic, 1)
    secured.grant("TOPIC", steps_topic, "WRITE")
    assert not make_topic(secured.shop_settings, steps_topic)
