"""A door in front of a server: a proxy that can be shut, go deaf, or be slow.

Promises that bytes pass in their order or not at all. Shut: connections are reset and new ones refused. Deaf: nothing passes and nobody is
told, as where packets go nowhere; what was sent meanwhile passes later, where the connection still stands.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

CHUNK_BYTES = 1 << 14
RESET = struct.pack("ii", 1, 0)


class Door:
    """The door at `port` to `target`, both ports of this machine. Open from the start; `slow_s` is how long each 16 kB take."""

    def __init__(self, port: int, target: int) -> None:
        self.port, self.target = port, target
        self.slow_s = 0.0
        self.passed_bytes = 0
        self._hears = threading.Event()
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.open()

    def open(self) -> None:
        """Let everybody through."""
        self.slow_s = 0.0
        self._hears.set()
        if self._listener is None:
            self._listener = listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
            listener.listen(64)
            threading.Thread(target=self._accept, args=(listener,), name="door", daemon=True).start()

    def deaf(self) -> None:
        """Let nothing through, and say nothing."""
        self._hears.clear()

    def shut(self) -> None:
        """Throw everybody out, and refuse who comes."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)   # wakes who accepts
            listener.close()
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            _reset(end)
        self._hears.set()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                came, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(came, listener), name="door", daemon=True).start()

    def _connect(self, came: socket.socket, listener: socket.socket) -> None:
        self._hears.wait()
        try:
            led = socket.create_connection(("127.0.0.1", self.target), 5)
            led.settimeout(None)
        except OSError:
            _reset(came)
            return
        with self._lock:
            if self._listener is not listener:
                _reset(came)
                _reset(led)
                return
            self._ends |= {came, led}
        for source, sink in ((came, led), (led, came)):
            threading.Thread(target=self._pass, args=(source, sink), name="door", daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                self._hears.wait()
                if self.slow_s:
                    time.sleep(self.slow_s)
                sink.sendall(data)
                self.passed_bytes += len(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            known = {source, sink} & self._ends
            self._ends -= known
        for end in known:
            end.close()


def _reset(end: socket.socket) -> None:
    """End a connection at once."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.shutdown(socket.SHUT_RDWR)
    end.close()
