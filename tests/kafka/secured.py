"""A real Kafka that takes nobody it does not know: SASL over TLS, rights for each user, a certificate that was made for it alone.

Promises that `settings` are those of a user who may do everything, and `SHOP` one who may do what `grant` gives. The certificate names
127.0.0.1 and no other host; it comes from Java's own `keytool`, so that nothing more is needed than for any broker.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

from tests.kafka.broker import Broker

if TYPE_CHECKING:
    from pathlib import Path

SHOP = "shop"
PASSWORD = "hunter2 of%&=+the'shop"   # noqa: S105   # signs that a quoting somewhere would break
NODE, NODES_PASSWORD, KEY_PASSWORD = "node", "of-the-node", "of-the-key"
SETTINGS = """\
listeners=SASL_SSL://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller}}
advertised.listeners=SASL_SSL://127.0.0.1:{{port}}
listener.security.protocol.map=SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=SASL_SSL
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
username="{node}" password="{nodes}" user_{node}="{nodes}";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PKCS12
ssl.keystore.location={key}
ssl.keystore.password={password}
ssl.truststore.type=PKCS12
ssl.truststore.location={key}
ssl.truststore.password={password}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{node};User:ANONYMOUS
"""


class SecuredBroker(Broker):
    """The broker, in an empty folder; `certificate` is the file of what its clients must trust."""

    def __init__(self, folder: Path, heap_mb: int = 256) -> None:
        key, self.certificate = folder / "broker.p12", folder / "broker.pem"
        folder.mkdir(parents=True, exist_ok=True)
        _keytool(
            "-genkeypair", "-keyalg", "EC", "-dname", "CN=kafka", "-ext", "san=ip:127.0.0.1", "-validity", "2",
            "-storetype", "PKCS12", "-keystore", str(key), "-alias", "broker",
        )  # fmt: skip
        _keytool("-exportcert", "-rfc", "-file", str(self.certificate), "-keystore", str(key), "-alias", "broker")
        more = SETTINGS.format(node=NODE, nodes=NODES_PASSWORD, key=key, password=KEY_PASSWORD)
        super().__init__(folder, heap_mb, more, formatting=("--add-scram", f"SCRAM-SHA-512=[name={SHOP},password={PASSWORD}]"))

    @property
    def settings(self) -> dict[str, str | int | float | bool]:
        """Those of a user who may do everything."""
        return super().settings | {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "PLAIN",
            "sasl.username": NODE,
            "sasl.password": NODES_PASSWORD,
            "ssl.ca.location": str(self.certificate),
        }

    @property
    def shop_settings(self) -> dict[str, str | int | float | bool]:
        """Those of `SHOP`."""
        return self.settings | {"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": SHOP, "sasl.password": PASSWORD}

    def grant(self, kind: str, name: str, *operations: str, prefixed: bool = False) -> None:
        """Give `SHOP` rights: to a TOPIC or GROUP of this name, or to all whose names begin so."""
        import confluent_kafka.admin

        kafka: Any = confluent_kafka.admin
        pattern = kafka.ResourcePatternType.PREFIXED if prefixed else kafka.ResourcePatternType.LITERAL
        rights = [
            kafka.AclBinding(
                kafka.ResourceType[kind], name, pattern, f"User:{SHOP}", "*", kafka.AclOperation[each], kafka.AclPermissionType.ALLOW
            )
            for each in operations
        ]
        client = kafka.AdminClient(self.settings)   # its answers end with it
        for future in client.create_acls(rights).values():
            future.result(30)


def _keytool(*command: str) -> None:
    done = subprocess.run(
        ["keytool", "-J-XX:TieredStopAtLevel=1", *command, "-storepass", KEY_PASSWORD], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"keytool could not make the broker's certificate:\n{done.stdout}{done.stderr}")
