# SPDX-License-Identifier: Apache-2.0
"""machine.py DIRECTORY NAME ADDRESS [WHAT ...]: process 1 of a machine of the stage (stage.py), in namespaces of its own.

It has its own /etc/jitd, /etc/nats, /run, /var/lib/jitd, accounts and network, and the programs of the lab. WHAT it is: ``jitd``
starts the daemon, ``engine`` lets strangers come to a server of NATS, and ``dial`` and ``ssh`` let carriers in: a connection to
run/dial is one of ``jitd-door stdio``, and one to run/ssh, of sshd(8).
Law: of the network, it hears the KDC alone, and an engine that it has dialled itself. It says ``ready`` when its jitd, if it has
one, accepts connections, and ends with the stage.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

KDC = "198.51.100.1"
NETWORK = "198.51.100.0/24"
"""TEST-NET-2 (RFC 5737)."""
OF_ITS_OWN = ("passwd", "group", "shadow", "hosts", "hostname", "krb5.conf", "krb5.keytab", "nats-server.conf")
CARRIERS = {"dial": ("/usr/bin/jitd-door", "stdio"), "ssh": ("/usr/sbin/sshd", "-i", "-f", "/etc/jitd/sshd_config")}
PATH = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
READY_WITHIN = 60.0
PR_SET_PDEATHSIG = 1


def do(*words: str, input: str | None = None) -> None:
    subprocess.run(words, input=input, text=True, check=True, env=PATH)


def packet_filter(is_engine: bool) -> str:
    return f"""
        table inet fleet {{
            chain input {{
                type filter hook input priority 0; policy drop;
                iif lo accept
                ip saddr {KDC} meta l4proto {{ tcp, udp }} th sport 88 accept
                tcp sport {{ 4222, 6222 }} ct state established accept
                {"tcp dport { 4222, 6222 } accept" if is_engine else ""}
            }}
        }}
    """


def build(at: Path, name: str, address: str, *, is_engine: bool) -> None:
    socket.sethostname(name)
    do("mount", "--bind", str(at), "/mnt")
    for place in ("/run", "/tmp", "/srv"):
        do("mount", "-t", "tmpfs", "-o", "mode=755" if place == "/run" else "mode=1777", name, place)
    for place, own in (("/etc/jitd", "etc"), ("/etc/nats", "nats"), ("/run/jitd", "run"), ("/var/lib/jitd", "state")):
        Path(place).mkdir(parents=True, exist_ok=True)
        do("mount", "--bind", f"/mnt/{own}", place)
    for file in OF_ITS_OWN:
        if Path("/mnt", file).exists():
            Path("/etc", file).touch()
            do("mount", "--bind", f"/mnt/{file}", f"/etc/{file}")
    Path("/run/sshd").mkdir(mode=0o755)
    do("umount", "/mnt")
    do("nft", "-f", "-", input=packet_filter(is_engine))
    do("ip", "link", "set", "lo", "up")
    do("ip", "addr", "add", f"{address}/32", "dev", "eth0")
    do("ip", "link", "set", "eth0", "up")
    do("ip", "route", "add", KDC, "dev", "eth0")
    do("ip", "route", "add", NETWORK, "via", KDC)


def let_in(name: str, line: tuple[str, ...]) -> None:
    """A process that answers at run/NAME: what dials out to a hub, or what inetd(8) is to sshd, is this here."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"/run/jitd/{name}")
    os.chmod(f"/run/jitd/{name}", 0o666)
    listener.listen(128)
    if os.fork():
        listener.close()
        return
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel waits for them
    become = {"user": "jitd-door", "group": "jitd-door", "extra_groups": []} if name == "dial" else {}
    while True:
        end, _ = listener.accept()
        with end:
            subprocess.Popen(line, stdin=end, stdout=end, env=PATH, cwd="/", **become)


def start_jitd() -> None:
    with open("/var/lib/jitd/log", "ab") as log:
        line = ["/usr/sbin/jitd", "serve"]
        daemon = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=PATH, cwd="/")
    until = time.monotonic() + READY_WITHIN
    while True:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                return probe.connect("/run/jitd/door.sock")
            except OSError:
                if daemon.poll() is not None or time.monotonic() > until:
                    raise SystemExit("jitd has not started: " + Path("/var/lib/jitd/log").read_text()) from None
        time.sleep(0.01)


def main() -> None:
    """Never returns."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    at, name, address, *what = sys.argv[1:]
    sys.stdin.readline()  # the stage has given it its network
    build(Path(at), name, address, is_engine="engine" in what)
    if "jitd" in what:
        start_jitd()
    for carrier, line in CARRIERS.items():
        if carrier in what:
            let_in(carrier, line)
    print("ready", flush=True)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # so that it interrupts pause
    while True:
        try:
            os.wait()
        except ChildProcessError:
            signal.pause()


if __name__ == "__main__":
    main()
