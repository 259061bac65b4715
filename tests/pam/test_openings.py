# SPDX-License-Identifier: Apache-2.0
"""What pam-lint says of a host, beside what happens there: each opening lets real code of eve's run as root, or eve herself in,
through the real sudo and sshd; and each honest twin keeps her out.

Law: eve has no right to anything, and carol to everything: what runs of hers beside her command nobody has approved.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import re
import socket
import subprocess
import time
from pathlib import Path

import pytest

from jitd.hosts.places import Places
from jitd_inspection.pamlint.linting import lint_host
from tests.pam.eves import Eves, Put, said
from tests.pam.programs import SUDOERS, Gated
from tests.pam.sshd_stage import SHIPPED, Clients
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and programs")

# --- sudoers and sudo.conf -------------------------------------------------------------------------------------------------

TRUE = ("/usr/bin/sudo", "/usr/bin/true")
ENV_TAR = ("/usr/bin/sudo", "/usr/bin/tar", "-cf", "/dev/null", "/etc/hostname")
KEPT = {
    "PYTHONPATH": (
        "Defaults env_keep += PYTHONPATH\n",
        'Defaults:carol env_keep += "LANG PYTHON*"\n',
        'Defaults@lab env_keep += "P*"\n',
        "Defaults!/usr/bin/python3 env_keep += PYTHONPATH\n",
        'Defaults>root env_keep += "*ONPATH"\n',
    ),
    "TAR_OPTIONS": ("Defaults !env_reset\n", "Defaults:carol !env_reset\n"),
}


def put_script(place: Path, mark: Path) -> None:
    place.write_text(f"#!/bin/sh\ntouch {mark}\n")
    place.chmod(0o755)


@pytest.mark.parametrize("name", ["PYTHONPATH", "TAR_OPTIONS"])
def test_a_variable_that_comes_along_runs_what_nobody_has_approved(eves: Eves, etc: Put, name: str) -> None:
    """THREATS P-15: what was approved is ``python3 -c pass``, or that a file is put into an archive."""
    begun, value = {
        "PYTHONPATH": (("/usr/bin/sudo", "/usr/bin/python3", "-c", "pass"), str(eves.place)),
        "TAR_OPTIONS": (ENV_TAR, f"--use-compress-program={eves.place}/compress"),
    }[name]
    put_script(eves.place / "compress", eves.mark)
    etc("sudoers", f'{SUDOERS}Defaults env_keep += "LANG LC_* EDITOR GIT_AUTHOR_*"\n')
    assert said() == set() and not eves.has_run("carol", *begun, **{name: value})
    for text in KEPT[name]:
        etc("sudoers", SUDOERS + text)
        assert eves.has_run("carol", *begun, **{name: value}), f"it opens: {text}"
        assert said() == {"environment-kept"}, text


def test_the_loaders_own_variables_never_reach_sudo_and_are_told_of_all_the_same(eves: Eves, etc: Put) -> None:
    """THREATS P-15: this host's loader takes them away from sudo itself; another one's need not."""
    etc("sudoers", f'{SUDOERS}Defaults env_keep += "LD_PRELOAD LD_LIBRARY_PATH"\n')
    assert not eves.has_run("carol", *TRUE, LD_PRELOAD=f"{eves.place}/x.so")
    assert said() == {"environment-kept"}


def test_another_plugin_or_file_in_the_place_of_sudoers(eves: Eves, etc: Put) -> None:
    """THREATS P-15. The other plugin is sudo's own, which does not ask PAM whether an account may."""
    line = ("/usr/bin/sudo", "/usr/bin/touch", str(eves.mark))
    etc("sudo.conf", "Plugin sudoers_policy sudoers.so\nPlugin sudoers_io sudoers.so\n")
    assert said() == set() and not eves.has_run("eve", *line)
    etc("sudoers.other", f"{SUDOERS}Defaults !pam_acct_mgmt\n")
    Path("/etc/sudoers.other").chmod(0o440)
    etc("sudo.conf", "Plugin sudoers_policy sudoers.so sudoers_file=/etc/sudoers.other\n")
    assert eves.has_run("eve", *line), "it opens"
    assert said() == {"sudoers-elsewhere"}
    other = Path("/opt/sudoers.so")
    own = next(Path("/usr/libexec/sudo").glob("sudoers.so")).read_bytes()
    other.write_bytes(own.replace(b"\0pam_acct_mgmt\0", b"\0pam_setcred\0\0\0", 1))
    for text in (f"Plugin sudoers_policy {other}\n", "Path plugin_dir /opt/\n"):
        etc("sudo.conf", text)
        assert eves.has_run("eve", *line), "it opens"
        assert said() == {"other-plugin"}
    other.unlink()


# --- the loader ------------------------------------------------------------------------------------------------------------


def test_a_library_in_every_program(eves: Eves, etc: Put) -> None:
    """THREATS P-15."""
    etc("ld.so.preload", "# nothing\n")
    assert said() == set() and not eves.has_run("eve", *TRUE)
    etc("ld.so.preload", f"{eves.place}/x.so\n")
    assert eves.has_run("eve", *TRUE), "it opens"
    found = said()
    etc("ld.so.preload", "# nothing\n")
    assert found == {"loader-open"}


def test_a_directory_of_libraries_that_others_can_write(eves: Eves, etc: Put) -> None:
    """THREATS P-15. Packages have ldconfig run whenever they are installed."""
    name, libraries = "libaudit.so.1", eves.place / "libraries"
    own = next(Path("/lib/x86_64-linux-gnu").glob(name)).resolve()
    libraries.mkdir()
    symbols = subprocess.run(["nm", "-D", "--defined-only", own], capture_output=True, text=True, check=True).stdout
    functions = "".join(f"void {name}(void) {{}}\n" for name in re.findall(r" T (\w+)", symbols))
    (eves.place / "all.c").write_text((eves.place / "x.c").read_text() + functions)
    line = ["cc", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", libraries / name, eves.place / "all.c"]
    subprocess.run(line, check=True)
    try:
        etc("ld.so.conf.d/00.conf", "/srv\n")
        subprocess.run(["ldconfig"], check=True)
        assert said() == set() and not eves.has_run("eve", *TRUE)
        libraries.chmod(0o777)
        etc("ld.so.conf.d/00.conf", f"{libraries}\n")
        subprocess.run(["ldconfig"], check=True)
        assert eves.has_run("eve", *TRUE), "it opens"
        assert said() == {"loader-open"}
    finally:
        Path("/etc/ld.so.conf.d/00.conf").write_text("")
        subprocess.run(["ldconfig"], check=True)


def test_a_link_of_others_is_followed_where_the_kernel_lets_it(eves: Eves) -> None:
    """THREATS P-15. The kernel's setting is all hosts' of this machine: it is taken as it is."""
    link = Path("/tmp/link-of-eves")
    subprocess.run(["as", "eve", "ln", "-sf", "/etc/hostname", str(link)], check=True)
    try:
        done = subprocess.run(["as", "carol", "/usr/bin/sudo", "/usr/bin/cat", str(link)], capture_output=True, check=False)
    finally:
        link.unlink()
    (told,) = [finding.name for finding in lint_host(Places()) if "symlinks" in finding.place.file] or [""]
    assert (done.returncode == 0) is (told == "links-unprotected")


# --- sshd ------------------------------------------------------------------------------------------------------------------


class Started(Clients):
    """A real sshd that is started by these words, with the settings of /etc/ssh; eve and bob have keys for it."""

    def __init__(self, *words: str, within: tuple[str, ...] = ()) -> None:
        super().__init__(next(PORTS))
        Path("/run/sshd").mkdir(exist_ok=True)
        own = (
            f"-oPort={self.port}",
            "-oListenAddress=127.0.1.1",
            f"-oAuthorizedKeysFile={self.directory}/%u.pub",
            "-oPidFile=none",
        )
        said = ("-oStrictModes=no", f"-oHostKey={self.directory}/root.key", "-oUseDNS=no", "-e")
        written = max(file.stat().st_ctime for file in (Path("/etc/ssh"), *Path("/etc/ssh").rglob("*")))
        wait_for(lambda: time.time() > written + TICK, what="the time after the settings were written, as the kernel counts it")
        self.process = subprocess.Popen(
            [*within, "/usr/sbin/sshd", "-D", *words, *own, *said],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self._listens, what="sshd")

    def _listens(self) -> bool:
        assert self.process.poll() is None, "sshd has ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.1.1", self.port), 1):
            return "[listener]" in Path(f"/proc/{self.process.pid}/cmdline").read_text()
        return False

    def lets_in(self, who: str) -> bool:
        """Whether ``who`` can have a command run, by their key."""
        done = self.ssh(who, "id", "-u", method="key", delegates=False)
        return done.returncode == 0 and done.stdout.strip() == str(pwd.getpwnam(who).pw_uid)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)
        super().close()


PORTS = itertools.count(2400)
TICK = 0.03
"""Seconds, three of the kernel's ticks: when a process began is known no better, and pam-lint takes the earlier moment."""
OTHER_CONFIG = "/etc/ssh/other"
OPTIONS = (
    ("-o", "UsePAM=no"),
    ("-oUsePAM no",),
    ("-4oUsePAM=no",),
    ("-f", OTHER_CONFIG),
    ("-f", "none"),
)


@pytest.fixture
def sshd_is_gated(gated: Gated, etc: Put) -> Put:
    """The shipped stack, and settings that have PAM asked."""
    etc("pam.d/sshd", SHIPPED.read_text())
    etc("ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\nMaxSessions 1\n")
    return etc


@pytest.mark.parametrize("words", OPTIONS, ids=" ".join)
def test_an_option_of_the_sshd_that_runs(sshd_is_gated: Put, words: tuple[str, ...]) -> None:
    """THREATS P-15."""
    sshd_is_gated("ssh/other", "Include /etc/ssh/another\n")
    sshd_is_gated("ssh/another", "UsePAM no\n")
    with contextlib.closing(Started(*words)) as sshd:
        assert sshd.lets_in("eve"), "it opens"
        assert said() == {"no-pam"}


def test_an_honest_option_of_the_sshd_that_runs(sshd_is_gated: Put) -> None:
    """The twin of the options above."""
    with contextlib.closing(Started("-o", "MaxAuthTries=3")) as sshd:
        assert said() == set() and not sshd.lets_in("eve")


def test_settings_that_the_sshd_that_runs_has_not_read(sshd_is_gated: Put) -> None:
    """THREATS P-15: what is written is closed, and what runs is not."""
    sshd_is_gated("ssh/sshd_config.d/x.conf", "UsePAM no\n")
    with contextlib.closing(Started()) as sshd:
        sshd_is_gated("ssh/sshd_config.d/x.conf", "UsePAM yes\n")
        assert sshd.lets_in("eve"), "it opens"
        assert said() == {"sshd-in-doubt"}
    with contextlib.closing(Started()) as sshd:
        assert said() == set() and not sshd.lets_in("eve")


def test_an_sshd_that_finds_another_stack_in_its_mount_namespace(sshd_is_gated: Put, tmp_path: Path) -> None:
    """THREATS P-15. Of one that has a namespace of its own, as with PrivateTmp, and finds the same files nothing is said."""
    other = tmp_path / "open"
    other.write_text("auth sufficient pam_permit.so\naccount sufficient pam_permit.so\nsession required pam_permit.so\n")
    for mounts, opens in (("mount -t tmpfs x /mnt", False), (f"mount --bind {other} /etc/pam.d/sshd", True)):
        with contextlib.closing(Started(within=("unshare", "-m", "sh", "-c", f'{mounts}; exec "$@"', "sh"))) as sshd:
            assert sshd.lets_in("eve") is opens
            assert said() == ({"sshd-in-doubt"} if opens else set())


@pytest.mark.parametrize(("text", "opens"), [("SSHD_OPTS=\n", False), ("SSHD_OPTS='-o UsePAM=no'\n", True)])
def test_options_of_the_script_that_starts_sshd(sshd_is_gated: Put, text: str, opens: bool) -> None:
    """THREATS P-15: as /etc/init.d/ssh has them from /etc/default/ssh, before anything runs."""
    sshd_is_gated("default/ssh", text)
    assert said() == ({"no-pam"} if opens else set())
    words = subprocess.run(
        ["sh", "-c", '. /etc/default/ssh; printf "%s\\n" $SSHD_OPTS'], capture_output=True, text=True, check=True
    )
    with contextlib.closing(Started(*words.stdout.split())) as sshd:
        assert sshd.lets_in("eve") is opens
