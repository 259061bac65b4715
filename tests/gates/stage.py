# SPDX-License-Identifier: Apache-2.0
"""A realm of the tests' own, a jitd-kdc that writes into it, and a client of that.

Law: the realm of the lab is not touched, and each process that is started here is ended here.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jitd.beside import packets
from jitd.beside.packets import Kind, Packet
from jitd_gates.messages import ANSWERS, REQUESTS, Answer, Done, Give, Grants, Look, Request, Take
from jitd_gates.writer import Writer
from tests.krb5.realm import MODULE, Realm
from tests.waiting import PATIENCE, is_living, wait_for

NAME, ADDRESS, HOST = "OWN.TEST", "127.0.77.1", "lab.example.test"
WRITER = f"jitd-kdc/{HOST}@{NAME}"
PROGRAM = ("/usr/lib/jitd/jitd-helper", "kdc")
BECOME = "setpriv --reuid=jitd-kdc --regid=jitd-kdc --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs"
KADMIND, ESTABLISHED = 749, "01"
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_numbers = itertools.count()


def new_id() -> str:
    """An id that no grant has."""
    number, text = next(_numbers), ""
    for _ in range(8):
        number, digit = divmod(number, 32)
        text = LETTERS[digit] + text
    return text


def end(seconds: float = 600) -> int:
    return int(time.time() + seconds)


class Stage:
    """``directory`` holds all of it. ``kind`` is what its realm is."""

    def __init__(
        self, directory: Path, module: Path = MODULE, address: str = ADDRESS, kind: Callable[..., Realm] = Realm
    ) -> None:
        directory.chmod(0o755)
        self.realm = kind(NAME, directory / "realm", address, module=module)
        self.keytab = directory / "jitd-kdc.keytab"
        self.run_dir = directory / "run"
        self.socket = self.run_dir / "kdc.sock"
        self.log = directory / "log"
        self.run_dir.mkdir(mode=0o700)
        account = pwd.getpwnam("jitd-kdc")
        os.chown(self.run_dir, account.pw_uid, account.pw_gid)
        self.uid = account.pw_uid
        self.process: subprocess.Popen[bytes] | None = None
        self.loop = asyncio.new_event_loop()
        self.writer = Writer(self.socket)
        self.realm.create()
        self.realm.local(f"addprinc -randkey {WRITER}", f"ktadd -k {self.keytab} {WRITER}")
        self.realm.add_person("alice")
        os.chown(self.keytab, account.pw_uid, account.pw_gid)

    @property
    def admin(self) -> dict[str, str]:
        """The environment of this KDC's administrator."""
        return self.realm.environment | {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

    def jitd(self, *words: str) -> tuple[int, str]:
        """The status of a verb that root types on this KDC, and all that it says."""
        line = ["/usr/sbin/jitd", *words]
        done = subprocess.run(
            line,
            env=self.admin,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    # --- its processes

    def start(self) -> None:
        """Start jitd-kdc, and return when it accepts connections."""
        with self.log.open("ab") as log:
            line = [*BECOME.split(), *PROGRAM, f"--keytab={self.keytab}", f"--socket={self.socket}"]
            self.process = subprocess.Popen(line, env=self.realm.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self._accepts, what="jitd-kdc")

    def _accepts(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.log.read_text()
        with suppress(OSError), self.connected():
            return True
        return False

    def stop(self) -> None:
        """``kill -9`` of jitd-kdc. It and its worker have ended when this returns."""
        if self.process is not None:
            workers = self.workers()
            self.process.kill()
            self.process.wait()
            self.process = None
            wait_for(lambda: not any(map(is_living, workers)), what="the end of its worker")

    def workers(self) -> list[int]:
        """The processes that speak with kadmind."""
        assert self.process is not None
        return [int(pid) for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()]

    def kill(self, server: str) -> None:
        """``kill -9`` of krb5kdc or kadmind, whether it is stopped or not. It has ended when this returns."""
        pid = self.realm.pid(server)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not is_living(pid), what=f"the end of {server}")
        self.realm.stop_one(server)

    @contextmanager
    def frozen(self, server: str) -> Iterator[None]:
        """krb5kdc or kadmind does nothing meanwhile."""
        pid = self.realm.pid(server)
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T", what="its stop")
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def close(self) -> None:
        """End all."""
        self.leave(self.writer)
        self.loop.close()
        self.stop()
        self.realm.stop()

    # --- what is asked

    def leave(self, writer: Writer) -> None:
        """Close the connection of ``writer``, in whose loop it lives."""

        async def close() -> None:
            writer.close()

        self.loop.run_until_complete(close())

    def do(self, request: Give | Take | Look) -> Answer:
        """What the daemon's end gives for a request."""
        return self.loop.run_until_complete(self.asked(request))

    def reach_kadmind(self) -> None:
        """Go on until kadmind, which is frozen, has something to read: what is asked of jitd-kdc has come as far as that."""

        async def reached() -> None:
            while not self._has_unread():
                await asyncio.sleep(0.005)

        self.loop.run_until_complete(asyncio.wait_for(reached(), PATIENCE))

    def _has_unread(self) -> bool:
        """Whether kadmind has not read all that came to one of its connections (proc_net(5), ``tcp``)."""
        place = f"{int.from_bytes(socket.inet_aton(self.realm.address), 'little'):08X}:{KADMIND:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return any(row[1] == place and row[3] == ESTABLISHED and int(row[4].partition(":")[2], 16) for row in rows)

    async def asked(self, request: Give | Take | Look) -> Answer:
        match request:
            case Give():
                return await self.writer.give(request)
            case Take():
                return await self.writer.take(request)
            case Look():
                return await self.writer.look(request)

    def connected(self) -> socket.socket:
        """A connection as the daemon's."""
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            ours.connect(str(self.socket))
        except OSError:
            ours.close()
            raise
        ours.settimeout(PATIENCE)
        return ours

    # --- what there is

    def gated(self, granted_by: str = HOST) -> str:
        """A gated service of its own name, with its realm."""
        service = f"postgres/{new_id().lower()}.example.test"
        self.realm.add_service(service)
        self.realm.gate(service)
        self.realm.set_string(service, "jit_granted_by", granted_by)
        return f"{service}@{NAME}"

    def give(self, service: str, client: str = f"alice@{NAME}") -> Give:
        """A grant with an id of its own."""
        return Give(new_id(), service, end(), client)

    def grants(self, service: str) -> dict[str, str]:
        """The strings of grants that the KDC has, by its own tool."""
        return {name: value for name, value in self.strings(service).items() if name.startswith("jit_grant:")}

    def strings(self, service: str) -> dict[str, str]:
        """The strings of an entry. (kadmin prints a colon after the name, and names of grants have one.)"""
        found = {}
        for line in self.realm.local(f"getstrs {service}").splitlines():
            if ": " in line and not line.startswith("kadmin.local:"):
                name, _, value = line.partition(": ")
                found[name] = value
        return found

    def ticket(self, service: str, cache: Path) -> str:
        """What alice is told who asks the KDC for a ticket: empty where she gets one."""
        done = self.realm.attempt("kvno", service, cache=f"FILE:{cache}")
        return done.stdout if done.returncode else ""


@contextmanager
def staged(module: Path = MODULE, address: str = ADDRESS, kind: Callable[..., Realm] = Realm) -> Iterator[Stage]:
    directory = Path(tempfile.mkdtemp(dir="/srv", prefix="kdc-"))
    stage = Stage(directory, module, address, kind)
    try:
        stage.start()
        yield stage
    finally:
        stage.close()
        shutil.rmtree(directory)


def send(ours: socket.socket, request: Request | bytes) -> None:
    """Send a request, or a body, on a connection as the daemon's."""
    body = request if isinstance(request, bytes) else REQUESTS.write(request)
    ours.send(packets.write(Packet(next(_numbers), Kind.QUESTION, body)))


def answer_on(ours: socket.socket) -> Answer | str:
    """The next answer, or the reason why there is none."""
    packet = packets.read(ours.recv(packets.MAX_PACKET))
    return ANSWERS.read(packet.body) if packet.kind is Kind.ANSWER else packet.body.decode()


def is_done(answer: Answer) -> bool:
    return answer == Done()


def ids(answer: Answer) -> set[str]:
    assert isinstance(answer, Grants), answer
    return {grant.id for grant in answer.grants}
