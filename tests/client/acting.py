# SPDX-License-Identifier: Apache-2.0
"""A jitd, and a monitor, made of a script; and a jitsudo on a terminal. Law: neither a KDC nor the daemon is needed for it."""

import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time

from jitpam.wire import coding, messages
from jitpam.wire.conversation import DAEMON, Conversation
from jitpam.wire.framing import LIMIT, FrameReader, frame
from tests.waiting import PATIENCE

TREE = pathlib.Path(__file__).parents[2]
START = (
    f"import sys; sys.path.insert(0, {str(TREE)!r}); from jitpam import client; client._AT_LEAST = float(sys.argv.pop(1)); "
    "from jitpam.jitsudo import main; main()"
)
ID = "K7QM-2XVD"
RUNS = b"R\x7f\xff\xff\xff"
"""The monitor's word that the command runs, as a process that nobody is."""


class Peer:
    """The daemon's end of one connection."""

    def __init__(self, connection):
        self.socket = connection
        self.conversation = Conversation(DAEMON)
        self.frames = FrameReader(LIMIT)

    def hear(self):
        """The client's next message; None when it has closed."""
        while True:
            body = self.frames.next_frame()
            if body is not None:
                message = coding.decode(body, messages.FROM_CLIENT)
                self.conversation.hear(message)
                return message
            data = self.socket.recv(65536)
            if not data:
                return None
            self.frames.feed(data)

    def say(self, message, descriptor=None):
        self.conversation.say(message)
        self.send(frame(coding.encode(message)), *([] if descriptor is None else [descriptor]))

    def send(self, data, *descriptors):
        if not descriptors:
            return self.socket.sendall(data)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(descriptors)}i", *descriptors))]
        return self.socket.sendmsg([data], rights)

    def welcome(self):
        """The handshake with root, up to the first message, which is returned."""
        assert self.hear().authentication == "root"
        self.say(messages.DaemonHello(version=1, nonce=bytes(32)))
        self.say(messages.Welcome(principal="root", user="root", host="db1.example.test", until=None, operator=True))
        return self.hear()

    def progress(self, *news, owed=True, id=ID):
        self.say(messages.Progress(id=id, state="pending" if owed else "approved", owed=owed, news=list(news), until=None))

    def start(self, *news):
        """Send the control socket; returns the monitor's end."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.say(messages.Start(id=ID, news=list(news)), theirs.fileno())
        theirs.close()
        return Monitor(ours)


class Monitor:
    """The monitor's end of a control socket."""

    def __init__(self, control):
        self.control = control
        self.control.settimeout(PATIENCE)
        self.given = []

    def streams(self):
        """What the client hands over: what it says of them, and the descriptors."""
        packet, extra, _, _ = self.control.recvmsg(65536, socket.CMSG_SPACE(64))
        assert packet[:1] == b"S"
        given = []
        for _, _, data in extra:
            given += struct.unpack(f"{len(data) // 4}i", data)
        self.given = list(given)
        return json.loads(packet[1:]), given

    def hear(self):
        """The client's next packet; empty when it has hung up."""
        try:
            return self.control.recv(65536)
        except ConnectionResetError:  # it left something of ours unread
            return b""

    def say(self, packet):
        self.control.send(packet)

    def let_go(self):
        for descriptor in self.given:
            os.close(descriptor)
        self.given = []

    def end(self, outcome="exited", status=0, because=""):
        self.let_go()
        self.say(b"X" + json.dumps({"outcome": outcome, "status": status, "because": because}).encode())


class FakeDaemon:
    """Runs ``script(peer)`` for each connection in turn, a list of them; what one raises is raised by ``finish``. A script notes
    in ``heard`` what a test looks at afterwards: whoever else reads it waits until the scripts have ended, as the client's end
    does not mean that they have.
    """

    def __init__(self, path):
        self.path = str(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        self.fault = None
        self.thread = None
        self._heard = []

    @property
    def heard(self):
        if threading.current_thread() is not self.thread:
            self._wait()
        return self._heard

    def play(self, *scripts):
        def run():
            try:
                for script in scripts:
                    connection, _ = self.listener.accept()
                    with connection:
                        connection.settimeout(PATIENCE)
                        script(Peer(connection))
            except BaseException as fault:
                self.fault = fault

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        return self

    def _wait(self):
        if self.thread:
            self.thread.join(PATIENCE)
            assert not self.thread.is_alive(), "the daemon's script has not ended"

    def finish(self):
        self._wait()
        self.listener.close()
        if self.fault:
            raise self.fault


def command_line(*words, at_least=PATIENCE):
    """A jitsudo that waits for us as long as a busy host takes; with ``at_least``, for so many seconds."""
    return [sys.executable, "-IS", "-c", START, str(at_least), *words]


def surroundings(path, **more):
    return {"PATH": os.environ["PATH"], "JITD_SOCKET": str(path), "LANG": "C.UTF-8", **more}


class OnTerminal:
    """A jitsudo on a terminal of its own, in a session of its own.

    ``replace`` opens files in place of some streams, ``pipe`` makes one a pipe to ``cat >/dev/null``. ``under_shell`` and
    ``background`` put a process that leads the session above it, as a shell does. ``ahead`` is typed before it begins.
    """

    def __init__(self, words, path, *, replace=None, pipe=None, under_shell=False, background=False, ahead=b"", **more):
        told, tell = os.pipe()
        is_typed, types = os.pipe()
        self.leader, self.master = pty.fork()
        if self.leader == 0:
            termios.tcsetwinsize(0, (24, 80))
            os.close(told)
            os.close(types)
            os.read(is_typed, 1)
            if under_shell or background:
                _lead(tell, background)
            for stream, file in (replace or {}).items():
                os.dup2(os.open(file, os.O_RDWR), stream)
            if pipe is not None:
                os.dup2(subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL).stdin.fileno(), pipe)
            os.execve(sys.executable, command_line(*words), surroundings(path, TERM="xterm", **more))
        self.before = termios.tcgetattr(self.master)
        """The terminal's modes before jitsudo is executed, which may change them at once."""
        os.write(self.master, ahead)
        os.close(types)
        os.close(is_typed)
        os.close(tell)
        self.told = open(told)  # noqa: SIM115
        """What the leader says: the job's process id, then ``stopped`` when it is."""
        self.pid = int(self.told.readline() or self.leader)
        self.seen = b""
        self.status = None

    def read_until(self, text, timeout=PATIENCE):
        """Everything that the terminal has shown by the time ``text``, or what matches it, is in it."""
        pattern = text if isinstance(text, re.Pattern) else re.compile(re.escape(text))
        until = time.monotonic() + timeout
        while not pattern.search(self.seen):
            assert time.monotonic() < until, f"{text!r} is not in {self.seen!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.master, 65536)
                except OSError:
                    assert pattern.search(self.seen), f"{text!r} is not in {self.seen!r}"
        return self.seen

    def _drain(self):
        while select.select([self.master], [], [], 0)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            if not data:
                return
            self.seen += data

    def type(self, keys):
        os.write(self.master, keys)

    def end(self, timeout=PATIENCE):
        """Its wait status: exit status, or minus the signal."""
        until = time.monotonic() + timeout
        while self.status is None:
            if select.select([self.master], [], [], 0.05)[0]:
                try:
                    self.seen += os.read(self.master, 65536)
                except OSError:
                    time.sleep(0.02)
            found, status = os.waitpid(self.leader, os.WNOHANG)
            if found:
                self.status = os.waitstatus_to_exitcode(status)
                self._drain()
            assert time.monotonic() < until, f"it has not ended; it showed {self.seen!r}"
        return self.status


def _lead(tell, background):
    """Be a shell with one job, which is what returns from here; say when it stops, and end as it ends."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        if not background:
            os.tcsetpgrp(0, os.getpgrp())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        return
    os.write(tell, f"{job}\n".encode())
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            os.tcsetpgrp(0, os.getpgrp())
            os.tcsetpgrp(0, job)  # before anybody hears of it, and continues the job
            os.write(tell, b"stopped\n")
        else:
            os._exit(os.waitstatus_to_exitcode(status) & 255)
