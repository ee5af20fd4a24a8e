"""A real Apache Kafka of one node (KRaft) on free ports of this machine.

Promises that `start` returns when the broker answers, that `stop` and `kill` leave its data and ports for the next `start`, and that no
broker outlives the process that started it. It relies on Java and Maven. As a script it prints the address and runs until it is ended:

    python -m tests.kafka.broker
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from replay.processes import free_ports
from tests.kafka.jars import jars

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

READY_S = 60.0
STOP_S = 20.0
# the broker, and a temporary folder, end with the process that holds the other end of the pipe, however that ends
WATCHDOG = 'read -r line || { kill -9 "$1" 2>/dev/null; [ -z "$2" ] || { sleep 1; rm -rf "$2"; }; }'
SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.cleaner.backoff.ms=1000
log.initial.task.delay.ms=1000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""


class Broker:
    """A broker whose data lie in `folder`, or in a temporary one that goes with it.

    `with Broker() as broker:` starts it and ends it; `broker.bootstrap` is its address.
    """

    def __init__(
        self,
        folder: Path | None = None,
        heap_mb: int = 512,
        more: str = "",
        cluster: str | None = None,
        replicas: int = 1,
        formatting: Sequence[str] = (),
        java: Sequence[str] = (),
    ) -> None:
        """`more` stands behind the settings and may name {port} and {controller}; nodes of one `cluster` share its name, 22 characters of
        base64; a topic has so many `replicas`; `formatting` are further options of what formats the storage, `java` those of its Java.
        """
        self._temporary = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix="headrace-kafka-")) if folder is None else folder
        self.heap_mb, self.more, self.cluster, self.replicas = heap_mb, more, cluster, replicas
        self.port, self.controller = free_ports(2)
        self.formatting, self.java = tuple(formatting), tuple(java)
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._names = itertools.count(1)

    @property
    def bootstrap(self) -> str:
        """The address for `bootstrap.servers`."""
        return f"127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str | int | float | bool]:
        """The least that a client is made with."""
        return {"bootstrap.servers": self.bootstrap}

    @property
    def pid(self) -> int:
        """The process of the running broker."""
        if self._process is None:
            raise RuntimeError("the broker does not run")
        return self._process.pid

    def start(self) -> None:
        """Run it, on the data that are there, and wait until it answers."""
        for attempt in range(3):
            fresh = not (self.folder / "data" / "meta.properties").exists()
            self._spawn(fresh)
            try:
                return self._wait()
            except RuntimeError as error:
                self.kill()
                if not fresh or "Address already in use" not in str(error) or attempt == 2:
                    raise
                # a first start may take other ports; later ones are known to clients
                shutil.rmtree(self.folder / "data")
                self.port, self.controller = free_ports(2)
        return None

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._temporary:
            self.kill()
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            self.stop()

    def topic(self, partitions: int = 1, name: str = "t", **config: Any) -> str:
        """Make a topic and return its name, which no other topic here has; `config` has `_` for the dots of Kafka's names."""
        import confluent_kafka.admin

        kafka: Any = confluent_kafka.admin

        unique = f"{name}-{next(self._names)}-{uuid.uuid4().hex[:6]}"
        settings = {key.replace("_", "."): str(value) for key, value in config.items()}
        client = kafka.AdminClient(self.settings)   # its answers end with it
        client.create_topics([kafka.NewTopic(unique, partitions, self.replicas, config=settings)], operation_timeout=30)[unique].result(30)
        return unique

    def _spawn(self, fresh: bool) -> None:
        libraries = f"{jars()}/*"
        data, file = self.folder / "data", self.folder / "server.properties"
        data.mkdir(parents=True, exist_ok=True)
        file.write_text((SETTINGS + self.more).format(port=self.port, controller=self.controller, data=data))
        if fresh:
            name = self.cluster or cluster_name()
            format_ = ["java", "-cp", libraries, "kafka.tools.StorageTool", "format", "-t", name, "-c", str(file), *self.formatting]
            done = subprocess.run(format_, check=False, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"the storage of Kafka could not be formatted:\n{(done.stdout + done.stderr)[-2_000:]}")
        options = [f"-Xmx{self.heap_mb}m", "-XX:+UseG1GC", *self.java, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
        command = ["java", *options, "-cp", libraries, "kafka.Kafka", str(file)]
        with (self.folder / "server.log").open("ab") as log:
            # a session of its own: Ctrl-C is for the one who started it
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        watch = ["sh", "-c", WATCHDOG, "watchdog", str(self._process.pid), str(self.folder) if self._temporary else ""]
        self._watchdog = subprocess.Popen(watch, stdin=subprocess.PIPE, start_new_session=True)

    def _wait(self) -> None:
        """Until it answers; an open port is not enough."""
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        assert self._process is not None
        until = time.monotonic() + READY_S
        client = AdminClient(self.settings | {"reconnect.backoff.max.ms": 200}, logger=_silent())
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"the broker ended at its start with {self._process.returncode}:\n{self._tail()}")
            with contextlib.suppress(KafkaException):
                if client.list_topics(timeout=1.0).brokers:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"the broker did not answer within {READY_S:.0f} s:\n{self._tail()}")

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        watchdog, self._watchdog = self._watchdog, None
        if watchdog is not None:
            pipe: IO[bytes] | None = watchdog.stdin
            if pipe is not None:
                pipe.write(b"ended\n")
                pipe.close()
            watchdog.wait()

    def _tail(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")[-3_000:]


def cluster_name() -> str:
    """A name for a new cluster."""
    name = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # a leading dash would be an option
    return name.replace("-", "x", 1) if name.startswith("-") else name


def _silent() -> Any:
    import logging

    logger = logging.getLogger("headrace.tests.kafka")
    logger.setLevel(logging.CRITICAL)
    return logger


def main() -> None:
    """Run until SIGTERM or Ctrl-C."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with Broker() as broker:
        print(broker.bootstrap, flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
