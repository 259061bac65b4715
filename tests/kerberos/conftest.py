# SPDX-License-Identifier: Apache-2.0
"""A throwaway realm with a real KDC. Law: it is started once, is in a directory of its own, and each test has its own cache."""

import os
import socket
import subprocess

import k5test
import pytest

HOST = "db1.example.test"


class Realm:
    """EXAMPLE.TEST with alice in it, ``jitd/db1.example.test``, and OTHER.TEST that it has no trust with."""

    def __init__(self):
        self.k5 = k5test.K5Realm(
            realm="EXAMPLE.TEST",
            krb5_conf={
                "libdefaults": {"dns_lookup_kdc": "false", "udp_preference_limit": "1400"},
                "realms": {"$realm": {"kdc": "127.0.0.1:$port0"}},  # what the name localhost means is the host's affair
                "domain_realm": {"mapped.test": "OTHER.TEST", "lost.test": "LOST.TEST"},
            },
        )
        self.k5.addprinc("alice", "alicealice")
        self.k5.addprinc(f"jitd/{HOST}")
        self.k5.extract_keytab(f"jitd/{HOST}", self.k5.keytab)

    @property
    def configuration(self):
        return self.k5.env["KRB5_CONFIG"]

    def kinit(self, cache, *flags, who="alice"):
        subprocess.run(
            ["kinit", *flags, "-c", str(cache), f"{who}@EXAMPLE.TEST"],
            input=f"{who}{who}\n".encode(),
            env={**os.environ, **self.k5.env},
            check=True,
            capture_output=True,
        )

    def silent_kdc(self):
        """In place of the KDC, sockets that take what comes and never answer; close them to end that."""
        self.k5.stop_kdc()
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        streams = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        for one in (datagrams, streams):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("", self.k5.portbase))
        streams.listen(8)
        return datagrams, streams


@pytest.fixture(scope="session")
def realm():
    made = Realm()
    yield made
    made.k5.stop()


@pytest.fixture
def cache(realm, tmp_path, monkeypatch):
    """The path of an empty cache of this test's own; the environment names it."""
    path = tmp_path / "ccache"
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{path}")
    monkeypatch.setenv("KRB5_CONFIG", realm.configuration)
    return path
