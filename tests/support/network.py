"""A network that misbehaves on demand: a relay between a robot and its server."""

import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

__all__ = ["Relay", "relaying"]

_PATIENCE_S = 30.0


class Relay:
    """Passes bytes on, connection by connection, until it is told to do otherwise.

    `hold(b"/start ")` keeps every request that begins so from reaching the server; `swallow(b"/start ")` lets
    it reach the server and keeps the answer. `cut()` ends what is open and refuses what comes; `freeze()`
    leaves connections open and passes nothing. Each lasts until `mend()`. `sever(b"/artifacts/", 1000)` ends
    the connection once, in the middle of such a request.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self._open: set[socket.socket] = set()
        self._holds: tuple[bytes, ...] = ()
        self._swallows: tuple[bytes, ...] = ()
        self._severed: tuple[bytes, int] | None = None
        self._cut = False
        self._passing = threading.Event()
        self._passing.set()
        self._ended = False
        self._held: list[socket.socket] = []
        self.caught = threading.Event()
        """Whether something was held or swallowed since the last `mend`."""
        self.refused = 0
        """How many connections were refused."""
        self.passed: list[bytes] = []
        """The first line of every request that reached the server."""
        self._threads = [threading.Thread(target=self._accept, name="relay", daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        """Where a client finds it."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def retarget(self, target: tuple[str, int]) -> None:
        """Lead new connections to another server."""
        self._target = target

    def hold(self, *words: bytes) -> None:
        """Keep requests with these words in their first line from the server."""
        self._holds = words

    def swallow(self, *words: bytes) -> None:
        """Keep the answers to requests with these words in their first line from the client."""
        self._swallows = words

    def sever(self, words: bytes, after: int) -> None:
        """End the connection after so many bytes of the next request with these words in its first line."""
        self._severed = (words, after)

    def cut(self) -> None:
        """End every connection and accept none."""
        self._cut = True
        for one in list(self._open):
            _end(one)

    def freeze(self) -> None:
        """Pass nothing in either direction; connections stay open."""
        self._passing.clear()

    def mend(self) -> None:
        """Be a good network again; what was held is lost, and who sent it is told."""
        self._holds = self._swallows = ()
        self._cut = False
        self.caught.clear()
        self._passing.set()
        for one in self._held:
            _end(one)
        self._held.clear()

    def close(self) -> None:
        """Be gone."""
        self._ended = True
        self._passing.set()
        _end(self._listener)
        for one in list(self._open):
            _end(one)
        for thread in self._threads:
            thread.join(_PATIENCE_S)

    def _accept(self) -> None:
        while not self._ended:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._cut:
                self.refused += 1
                _end(client)
                continue
            self._spawn(lambda client=client: self._serve(client))

    def _spawn(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="relay", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, timeout=_PATIENCE_S)
        except OSError:
            _end(client)
            return
        server.settimeout(None)
        self._open |= {client, server}
        mute = threading.Event()
        self._spawn(lambda: self._answers(server, client, mute))
        self._requests(client, server, mute)

    def _requests(self, client: socket.socket, server: socket.socket, mute: threading.Event) -> None:
        left: int | None = None
        with suppress(OSError):
            while data := client.recv(65536):
                self._passing.wait()
                line = data.split(b"\r\n", 1)[0]
                if line.endswith(b"HTTP/1.1"):
                    if any(word in line for word in self._holds):
                        self._held += [client, server]
                        self.caught.set()
                        return
                    self.passed.append(line)
                    if any(word in line for word in self._swallows):
                        mute.set()
                    if self._severed and self._severed[0] in line:
                        left, self._severed = self._severed[1], None
                if left is not None:
                    data = data[:left]
                    left -= len(data)
                server.sendall(data)
                if left == 0:
                    self.caught.set()
                    break
        self._finish(client, server)

    def _answers(self, server: socket.socket, client: socket.socket, mute: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                self._passing.wait()
                if mute.is_set():
                    self.caught.set()  # the server has answered, and nobody hears it
                    break
                client.sendall(data)
        self._finish(client, server)

    def _finish(self, *sockets: socket.socket) -> None:
        for one in sockets:
            _end(one)
        self._open -= set(sockets)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def relaying(url: str) -> Generator[Relay]:
    """Put a relay before a server."""
    host, _, port = url.removeprefix("http://").partition(":")
    made = Relay((host, int(port)))
    try:
        yield made
    finally:
        made.close()
