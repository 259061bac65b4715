# SPDX-License-Identifier: Apache-2.0
"""What the daemon is started with: a hostile environment, and keytabs that are missing, broken or old.

Law: the environment has no effect; without a key of its own the daemon says so, lives, and lets nobody in.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitpam.wire import messages
from tests.attacks.raw import HOST_KEYTAB, SERVICE, Raw, connected, initiator, kadmin, ticket_of, uid_of
from tests.system.conftest import House
from tests.waiting import wait_for

EVIL = Path("/srv/evil")
LIBRARY = """
#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void loaded(void) { close(open("/srv/evil/loaded", O_CREAT | O_WRONLY, 0600)); }
"""
HOSTILE = {
    "KRB5_CONFIG": f"{EVIL}/krb5.conf",
    "KRB5_KDC_PROFILE": f"{EVIL}/krb5.conf",
    "KRB5_KTNAME": f"FILE:{EVIL}/keytab",
    "KRB5_CLIENT_KTNAME": f"FILE:{EVIL}/keytab",
    "KRB5CCNAME": f"FILE:{EVIL}/ccache",
    "KRB5_TRACE": f"{EVIL}/trace",
    "KRB5RCACHETYPE": "none",
    "KRB5RCACHENAME": "none:",
    "KRB5RCACHEDIR": f"{EVIL}",
    "GSS_MECH_CONFIG": f"{EVIL}/mechanisms",
    "GSSAPI_MECH_CONF": f"{EVIL}/mechanisms",
    "TMPDIR": f"{EVIL}",
    "HOME": f"{EVIL}",
    "PYTHONPATH": f"{EVIL}",
    "PYTHONHOME": f"{EVIL}",
    "PYTHONSTARTUP": f"{EVIL}/sitecustomize.py",
    "JITD_SOCKET": f"{EVIL}/jitd.sock",
    "BASH_ENV": f"{EVIL}/sitecustomize.py",
    "LOCALDOMAIN": "evil.test",
    "RES_OPTIONS": "debug",
    "HOSTALIASES": f"{EVIL}/hosts",
    "TZ": f"{EVIL}/zone",
    "LC_ALL": "xx_XX.UTF-8",
}


@pytest.fixture(scope="module", autouse=True)
def evil():
    shutil.rmtree(EVIL, ignore_errors=True)
    EVIL.mkdir()
    (EVIL / "krb5.conf").write_text("[libdefaults]\ndefault_realm = EVIL.TEST\n[realms]\nEXAMPLE.TEST = { kdc = 127.0.0.1:1 }\n")
    (EVIL / "library.c").write_text(LIBRARY)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", EVIL / "evil.so", EVIL / "library.c"], check=True)
    (EVIL / "mechanisms").write_text(f"evil 1.3.6.1.4.1.99999.1 {EVIL}/evil.so\n")
    (EVIL / "mechanisms").chmod(0o644)
    (EVIL / "sitecustomize.py").write_text(f"open({str(EVIL / 'loaded')!r}, 'w')\n")
    (EVIL / "zone").write_bytes(b"TZif")
    yield {path.name for path in EVIL.iterdir()}
    shutil.rmtree(EVIL)


def started_with(monkeypatch, house, environment):
    with monkeypatch.context() as around:
        for name, value in environment.items():
            around.setenv(name, value)
        return house.start()


def test_the_environment_of_these_tests_is_hostile(evil):
    """The other side: a program that does not clear it loads what it is told to."""
    code = "from gssapi import OID, raw; raw.inquire_names_for_mech(OID.from_int_seq('1.3.6.1.4.1.99999.1'))"
    subprocess.run(
        [sys.executable, "-c", code], env={"GSS_MECH_CONFIG": HOSTILE["GSS_MECH_CONFIG"]}, check=False, capture_output=True
    )
    assert (EVIL / "loaded").exists()
    (EVIL / "loaded").unlink()


def test_the_environment_that_the_daemon_is_started_with_has_no_effect(monkeypatch, own_house, evil):
    """THREATS K-10: clients are let in by the right key, a token is taken once, commands run; nothing is read or written."""
    house = started_with(monkeypatch, own_house(), HOSTILE)
    with Raw(house, uid_of("alice")) as raw:
        token = bytes(initiator(ticket_of("alice"), raw.greet()).step())
        assert isinstance(raw.offer(token), messages.DaemonToken)
    with Raw(house, uid_of("alice")) as raw:
        raw.greet()
        assert isinstance(raw.offer(token), messages.Refused)
    assert list((house.root / "state").glob("replay*"))
    done = house.sudo("root", "env")
    assert done.returncode == 0, done.stderr
    assert "evil" not in done.stdout
    for process in house_processes(house):
        assert "evil" not in Path(f"/proc/{process}/maps").read_text()
    assert {path.name for path in EVIL.iterdir()} == evil


def house_processes(house):
    """The daemon and its launcher."""
    children = Path(f"/proc/{house.process.pid}/task/{house.process.pid}/children").read_text().split()
    assert children
    return [str(house.process.pid), *children]


# --- keytabs -------------------------------------------------------------------------------------------------------------


def export(keytab: Path) -> None:
    kadmin("ktadd", "-norandkey", "-k", str(keytab), SERVICE)


def missing(keytab):
    pass


def dangling(keytab):
    keytab.symlink_to("/srv/nowhere")


def empty(keytab):
    keytab.touch()


def garbage(keytab):
    keytab.write_bytes(b"not a keytab\n" * 20)


def a_directory(keytab):
    keytab.mkdir()


def a_header_alone(keytab):
    keytab.write_bytes(b"\5\2")


def cut_short(keytab):
    export(keytab)
    keytab.write_bytes(keytab.read_bytes()[:20])


def of_another_service(keytab):
    kadmin("addprinc", "-randkey", "host/keytab.example.test")
    kadmin("ktadd", "-norandkey", "-k", str(keytab), "host/keytab.example.test")


def of_an_older_key(keytab):
    export(keytab)
    kadmin("ktadd", "-k", str(HOST_KEYTAB), SERVICE)  # a new key in the KDC; the host's own keytab has both


@pytest.fixture(scope="module")
def keyless() -> Iterator[tuple[House, Path]]:
    """A daemon that is started without a keytab, and where its keytab should be."""
    keytab = Path("/srv/keytab")
    with House(config=f'keytab = "{keytab}"') as made:
        yield made, keytab


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (missing, "is missing"),
        (dangling, "is missing"),
        (empty, "is not a keytab"),
        (garbage, "is not a keytab"),
        (a_directory, "cannot read its keytab"),
        (a_header_alone, "holds no key of"),
        (cut_short, "holds no key of"),
        (of_another_service, "holds no key of"),
        (of_an_older_key, "has not the key version"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_keytab_that_cannot_serve_is_said_to_the_client_who_is_not_let_in(keyless, make, says):
    """Part of K-11, and each fault in its own sentence: exit 125, no request, and a mended keytab needs no restart."""
    house, keytab = keyless
    n_logged = len(house.log())
    make(keytab)
    done = house.sudo("alice", "true")
    assert done.returncode == 125
    assert says in done.stderr and str(keytab) in done.stderr
    assert "jitd doctor tells root how to" in done.stderr or "cannot read" in done.stderr
    assert done.stderr.count("\n") == 1
    assert house.jitd("requests", who="bob").returncode == 125
    assert house.rows("requests", "--all") == []
    assert "no key" in house.log()[n_logged:]
    if keytab.is_dir():
        keytab.rmdir()
    else:
        keytab.unlink(missing_ok=True)
    export(keytab)
    wait_for(lambda: house.sudo("alice", "-v").returncode == 0)
    keytab.unlink()


def test_a_ticket_for_the_key_before_is_good_as_long_as_the_keytab_keeps_it(house):
    """Part of K-19, the part of it that one host has: a rotated key locks out nobody who has a ticket."""
    ticket = ticket_of("carol")
    connected(house, "carol").close()
    kadmin("ktadd", "-k", str(HOST_KEYTAB), SERVICE)
    with Raw(house, uid_of("carol")) as raw:
        assert raw.sign_in(ticket).user == "carol"
    assert house.sudo("carol", "-v").returncode == 0
