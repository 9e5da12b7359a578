"""Runs inside a guest: starts programs there and tells how they end; reaches its Unix sockets.

One TCP connection for each request, which is one line of JSON.  What comes back:

* ``{"run": argv, "stdin": text}``: one line with ``status``, ``stdout``, ``stderr``;
* ``{"start": argv, "log": path, "environment": {}, "notify": path}``: a line with the ``pid``, a
  line for each ``notification`` (sd_notify) and a last one with the ``status``;
* ``{"signal": number, "pid": pid}``: an empty object; it goes to the whole process group;
* ``{"connect": path}``: an empty object, then the octets of that Unix socket both ways;
* ``{"serve": path}``: an empty object; it listens on that Unix socket; then a line for each request
  of a program there (``argv``, ``stdin``), to be answered by ``status``, ``stdout``, ``stderr``.

``error`` in place of all that says why not.  Programs run in the network namespace of process 1.
It is started by its path, where starting is slow: standard library only, and few modules.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

OUTSIDE = ("nsenter", "--net=/proc/1/ns/net", "--")
CHUNK = 1 << 16
Request = dict[str, Any]


def main(address: str, port: int, ready: str) -> None:
    """Serve until the machine is switched off; the file ``ready`` says from when."""
    listener = socket.create_server((address, port))
    Path(ready).touch()
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_answer, args=(_Peer(connection),), daemon=True).start()


class _Peer:
    """One connection from outside."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.lines = connection.makefile("rb")
        self._lock = threading.Lock()

    def tell(self, **what: object) -> None:
        with self._lock:
            self.socket.sendall(json.dumps(what).encode() + b"\n")

    def close(self) -> None:
        self.lines.close()
        self.socket.close()


def _answer(peer: _Peer) -> None:
    try:
        request = json.loads(peer.lines.readline() or b"{}")
        for name, action in ACTIONS.items():
            if name in request:
                action(peer, request)
    except OSError as error:
        _complain(peer, error)
    finally:
        peer.close()


def _complain(peer: _Peer, error: OSError) -> None:
    with suppress(OSError):  # it has gone away
        peer.tell(error=f"{error.filename or ''} {error.strerror or error}".strip())


def _run(peer: _Peer, request: Request) -> None:
    text = request.get("stdin")
    done = subprocess.run(
        [*OUTSIDE, *request["run"]], input=(text or "").encode(), capture_output=True, check=False
    )
    peer.tell(
        status=done.returncode,
        stdout=done.stdout.decode(errors="replace"),
        stderr=done.stderr.decode(errors="replace"),
    )


def _start(peer: _Peer, request: Request) -> None:
    notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    Path(request["notify"]).unlink(missing_ok=True)
    notifications.bind(request["notify"])
    environment = {"NOTIFY_SOCKET": request["notify"], **request["environment"]}
    with Path(request["log"]).open("ab") as log:
        child = subprocess.Popen(
            [*OUTSIDE, *request["start"]],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    peer.tell(pid=child.pid)
    passing_on = threading.Thread(target=_pass_on, args=(peer, notifications), daemon=True)
    passing_on.start()
    status = child.wait()
    notifications.shutdown(socket.SHUT_RDWR)
    passing_on.join()
    peer.tell(status=status)


def _pass_on(peer: _Peer, notifications: socket.socket) -> None:
    while message := notifications.recv(CHUNK):
        peer.tell(notification=message.decode())


def _signal(peer: _Peer, request: Request) -> None:
    os.killpg(request["pid"], request["signal"])
    peer.tell()


def _connect(peer: _Peer, request: Request) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.connect(request["connect"])
        peer.tell()
        back = threading.Thread(target=_pump, args=(other.recv, peer.socket), daemon=True)
        back.start()
        _pump(peer.lines.read1, other)
        back.join()


def _pump(receive: Callable[[int], bytes], destination: socket.socket) -> None:
    with suppress(OSError):  # the other end has gone: so does this one
        while octets := receive(CHUNK):
            destination.sendall(octets)
        destination.shutdown(socket.SHUT_WR)


def _serve(peer: _Peer, request: Request) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(request["serve"])
        listener.listen()
        peer.tell()
        while True:
            program, _ = listener.accept()
            with program, program.makefile("rb") as data:
                (length,) = struct.unpack("!I", data.read(4))
                argv = data.read(length).decode().split("\0") if length else []
                peer.tell(argv=argv, stdin=data.read().decode())
                told = json.loads(peer.lines.readline())
                output = [told[each].encode() for each in ("stdout", "stderr")]
                program.sendall(struct.pack("!BI", told["status"], len(output[0])))
                program.sendall(b"".join(output))


ACTIONS = {
    "run": _run,
    "start": _start,
    "signal": _signal,
    "connect": _connect,
    "serve": _serve,
}

if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
