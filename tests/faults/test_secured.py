"""A broker behind SASL and TLS that dies and comes back: who is still let in goes on, who is not any more is told so."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

import sources.consumer
from sources.consumer import Consumer
from sources.topics import TopicError
from tests.kafka.messages import read, told, wait_for, write
from tests.kafka.secured import PASSWORD, SHOP, SecuredBroker

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka.broker import Broker

pytestmark = pytest.mark.long


def change_password(broker: SecuredBroker, password: bytes) -> None:
    """That of `SHOP`."""
    import confluent_kafka.admin

    kafka: Any = confluent_kafka.admin
    client = kafka.AdminClient(broker.settings)   # its answers end with it
    new = kafka.UserScramCredentialUpsertion(SHOP, kafka.ScramCredentialInfo(kafka.ScramMechanism.SCRAM_SHA_512, 4096), password)
    for future in client.alter_user_scram_credentials([new]).values():
        future.result(30)


def test_a_secured_broker_is_killed_and_a_password_changed(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`broker` says whether any can run here."""
    monkeypatch.setattr(sources.consumer, "REFUSED_S", 2.0)
    with SecuredBroker(tmp_path / "kafka") as secured:
        topic = secured.topic()
        secured.grant("TOPIC", topic, "READ")
        secured.grant("GROUP", "headrace", "READ")
        write(secured, topic, [b"a"])
        consumers = [Consumer(each, {(topic, 0): 0}) for each in (secured.settings, secured.shop_settings)]
        try:
            kept, refused = consumers
            for each in consumers:
                assert told(read(each, 1)) == [(topic, 0, 0, b"a")]
            change_password(secured, b"another")
            secured.kill()
            wait_for(lambda: kept.trouble, kept)
            wait_for(lambda: refused.trouble, refused)
            time.sleep(1.0)
            secured.start()
            write(secured, topic, [b"b"])
            assert told(read(kept, 1, within_s=30)) == [(topic, 0, 1, b"b")]
            wait_for(lambda: kept.trouble is None, kept)
            with pytest.raises(TopicError) as found:
                wait_for(lambda: False, refused, within_s=30)
        finally:
            for each in consumers:
                each.close()
    text = str(found.value)
    assert text.startswith(f"Kafka at {secured.bootstrap} refuses to be read: sasl_ssl://{secured.bootstrap}/")
    assert ": SASL authentication error: " in text
    assert text.endswith("; see sasl.mechanism, sasl.username and sasl.password in [kafka.client], for 2 s")
    assert PASSWORD not in text
