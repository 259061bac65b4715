# SPDX-License-Identifier: Apache-2.0
"""The process jitd-kdc. jitd-kdc listens at a socket for the daemon. jitd-kdc tells kadmind to write the grants that the daemon
requests. jitd-kdc makes no decisions about people.

Law: jitd-kdc accepts requests only from root, and carries them out one at a time, in order. Only a trial runs beside the
requests of other clients. If a client has disconnected, its request is not carried out. The daemon believes that the request of
a disconnected client failed, and may have requested the opposite in the meantime. The process jitd-kdc itself talks only to the
daemon. The child processes of jitd-kdc talk to kadmind (``worker``) and to the KDCs (``trying``).
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path

from jitd.kdc import keytab
from jitd.kdc.messages import MAX_PACKET, Answer, Failed, Give, Look, OfEntry, Refused, Take, Try, read_request, sentence, write
from jitd.kdc.trying import Trial
from jitd.kdc.worker import Worker

KEYTAB, SOCKET = "/etc/jitd/jitd-kdc.keytab", "/run/jitd-kdc/kdc.sock"
FIRST_PASSED = 3
"""The first descriptor that systemd passes to a service (sd_listen_fds(3))."""
MOST_CLIENTS = 16
"""Maximum number of connections that are open at the same time. Only root can connect, and the daemon needs one connection."""
USAGE = f"usage: jitd-kdc [KEYTAB [SOCKET]]    (else {KEYTAB} and {SOCKET}, or the socket that systemd passes)"


class CannotStart(Exception):
    """jitd-kdc cannot start. The text of the exception says what is missing, and what the administrator can do about it."""


def say(words: str) -> None:
    """Write one line to the log, which is standard error."""
    print(f"jitd-kdc: {sentence(words)}", file=sys.stderr, flush=True)


class Service:
    """Answers clients at ``listener``. Only clients with the uid ``believed`` are answered. ``worker`` writes grants. A trial
    tests whether each KDC refuses tickets. Trials authenticate as ``principal`` with the key in ``keytab``.
    """

    def __init__(self, listener: socket.socket, worker: Worker, principal: str, keytab: str, believed: int = 0) -> None:
        self._listener = listener
        self._worker = worker
        self._principal = principal
        self._keytab = keytab
        self._believed = believed
        self._clients: dict[int, socket.socket] = {}
        self._trials: dict[int, tuple[Trial, int]] = {}  # descriptor of a pipe → its trial, and the client that waits for it
        self._waits = select.poll()

    def serve(self) -> None:
        """Answer requests until this process is killed."""
        self._waits.register(self._listener, select.POLLIN)
        while True:
            for descriptor, events in self._waits.poll(self._patience()):
                self._handle(descriptor, events)
            for trial, client in tuple(self._trials.values()):
                if time.monotonic() >= trial.until:
                    self._tell(trial, client, Failed("the KDCs have not been asked in time"))

    def _patience(self) -> float | None:
        """Return the number of milliseconds until the next trial must be given up. Return None if there is no trial."""
        ends = [trial.until for trial, _ in self._trials.values()]
        return max(0.0, min(ends) - time.monotonic()) * 1000 + 1 if ends else None

    def _handle(self, descriptor: int, events: int) -> None:
        if descriptor == self._listener.fileno():
            client = _accept(self._listener, self._believed)
            if client is not None and len(self._clients) < MOST_CLIENTS:
                self._clients[client.fileno()] = client
                self._waits.register(client, select.POLLIN | select.POLLRDHUP)
        elif descriptor in self._trials:
            trial, client_descriptor = self._trials[descriptor]
            answer = trial.answer()
            if answer is not None:
                self._tell(trial, client_descriptor, answer)
        elif descriptor not in self._clients:
            pass  # it was closed earlier in this round of events
        elif events & (select.POLLHUP | select.POLLRDHUP | select.POLLERR) or not self._hear(self._clients[descriptor]):
            self._leave(descriptor)

    def _leave(self, client: int) -> None:
        """Close the connection of a client that has disconnected. If this client waits for a trial, give up the trial."""
        for trial in [trial for trial, waiting in self._trials.values() if waiting == client]:
            self._end(trial)
        self._waits.unregister(client)
        self._clients.pop(client).close()

    def _hear(self, client: socket.socket) -> bool:
        """Read one request of ``client``. Answer the request, or begin a trial for it. Return False if the client has
        disconnected.
        """
        try:
            packet, _, flags, _ = client.recvmsg(MAX_PACKET)
        except OSError:
            return False
        if not packet:
            return False
        if flags & socket.MSG_TRUNC:
            return _say(client, Refused(f"the message has more than {MAX_PACKET} bytes"))
        try:
            request = read_request(packet)
        except ValueError as fault:
            return _say(client, Refused(sentence(f"a message that cannot be read: {fault}")))
        if isinstance(request, Try):
            return self._begin(client, request)
        answer = self._worker.do(request)
        _log(request, answer)
        return _say(client, answer)

    def _begin(self, client: socket.socket, request: Try) -> bool:
        """Begin a trial. No other request of this client is read until the trial ends, because answers must have the same order
        as the requests.
        """
        try:
            trial = Trial(self._principal, self._keytab, request.services)
        except OSError as fault:
            return _say(client, Failed(sentence(f"no process can be started to ask the KDCs: {fault}")))
        self._trials[trial.pipe] = trial, client.fileno()
        self._waits.register(trial.pipe, select.POLLIN)
        self._waits.modify(client, select.POLLRDHUP)
        return True

    def _tell(self, trial: Trial, client: int, answer: Answer) -> None:
        self._end(trial)
        self._waits.modify(client, select.POLLIN | select.POLLRDHUP)
        if not _say(self._clients[client], answer):
            self._leave(client)

    def _end(self, trial: Trial) -> None:
        del self._trials[trial.pipe]
        self._waits.unregister(trial.pipe)
        trial.end()


def _say(client: socket.socket, answer: Answer) -> bool:
    """Send ``answer``. Return False if the client has disconnected."""
    try:
        client.sendall(write(answer))
    except OSError:
        return False
    return True


def _accept(listener: socket.socket, believed: int) -> socket.socket | None:
    try:
        client, _ = listener.accept()
    except OSError:
        return None
    uid = struct.unpack("iII", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
    if uid != believed:
        say(f"a client with uid {uid} was refused")
        client.close()
        return None
    return client


def _log(request: OfEntry, answer: Answer) -> None:
    came_of_it = f"{type(answer).__name__.lower()}{': ' + answer.why if isinstance(answer, Refused | Failed) else ''}"
    match request:
        case Give():
            say(f"give {request.id} {request.service} to {request.client} until {request.end}: {came_of_it}")
        case Take():
            say(f"take {request.id} {request.service}: {came_of_it}")
        case Look() if isinstance(answer, Failed):
            say(f"look {request.service}: {came_of_it}")


# --- the start of the process ----------------------------------------------------------------------------------------


def passed_socket() -> socket.socket | None:
    """Return the listening socket that systemd passed (sd_listen_fds(3)). Return None if systemd passed no socket. Raises
    CannotStart.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    if os.environ.get("LISTEN_FDS") != "1":
        raise CannotStart("systemd must pass one socket: see jitd-kdc.socket")
    passed = socket.socket(fileno=FIRST_PASSED)
    if passed.family != socket.AF_UNIX or passed.type != socket.SOCK_SEQPACKET:
        raise CannotStart("systemd must pass a Unix socket of packets: ListenSequentialPacket= in jitd-kdc.socket")
    passed.set_inheritable(False)
    return passed


def bound_socket(path: Path) -> socket.socket:
    """Bind a listening socket at ``path``, in a directory of mode 0700. Raises CannotStart.

    The mode of the socket allows everybody to connect. But only the account of jitd-kdc and root can enter the directory of the
    socket. The daemon runs as root without CAP_DAC_OVERRIDE, so it could not connect to a socket with a stricter mode.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.parent.chmod(0o700)
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen(MOST_CLIENTS)
    except OSError as fault:
        listener.close()
        raise CannotStart(f"{path} cannot be made: {fault.strerror}; its directory must belong to jitd-kdc") from None
    return listener


def read_own(path: str) -> tuple[str, str]:
    """Return the principal whose key is in the keytab at ``path``, and the principal's host. Raises CannotStart."""
    try:
        return keytab.own(Path(path).read_bytes())
    except OSError as fault:
        why = f"{path} cannot be read: {fault.strerror}"
    except ValueError as fault:
        why = f"{path} is of no use: {fault}"
    raise CannotStart(f"{why}; to write the file, run on the KDC: jitd kdc setup HOST") from None


def main() -> int:
    """Run the command line ``jitd-kdc [KEYTAB [SOCKET]]``. Returns the exit status."""
    words = sys.argv[1:]
    if len(words) > 2 or any(word.startswith("-") for word in words):
        print(USAGE, file=sys.stderr)
        return 2
    path, at = [*words, *(KEYTAB, SOCKET)[len(words) :]]
    try:
        listener = passed_socket()
        principal, host = read_own(path)
        listener = listener or bound_socket(Path(at))
    except CannotStart as fault:
        say(str(fault))
        return 1
    for name in [name for name in os.environ if name not in ("PATH", "LANG", "KRB5_CONFIG")]:
        del os.environ[name]
    os.chdir("/")
    os.umask(0o077)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    say(f"writes grants as {principal}")
    with listener, suppress(KeyboardInterrupt):
        Service(listener, Worker(principal, host, path), principal, path).serve()
    return 0
