# SPDX-License-Identifier: Apache-2.0
"""Each way to become root, or to act as an account that a rule names, is planted on a real host, and stands in the list. Its twin
looks like it, gives nothing, and adds nothing.
"""

from __future__ import annotations

import base64
import grp
import hashlib
import os
import pwd
import signal
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jitd.audit.privileges import KINDS, Privilege
from jitd.core.policy import Policy
from jitd_inspection.standing import looking, scene
from tests.marks import full
from tests.standing.host import WATCHED, Files, planted, policy, seen
from tests.waiting import wait_for

SHARE = Path("/usr/share/jitd/pam.d")
KEY = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + b"k" * 32).decode()
PRINT = "SHA256:" + base64.b64encode(hashlib.sha256(base64.b64decode(KEY)).digest()).decode().rstrip("=")
ROOTS: Files = {"/root/.ssh/authorized_keys": f"ssh-ed25519 {KEY}\n"}
HASH = "$5$abcdefgh$k1c5ij.sPbTjDFNhBTZYqGQzzYlSGLn2BqKJXjlbTI5"
ACTION = """<?xml version="1.0"?><policyconfig><action id="{id}"><defaults><allow_any>{any}</allow_any>
<allow_active>auth_admin</allow_active></defaults></action></policyconfig>"""
DENY_THEN_PERMIT = "auth requisite pam_deny.so\nauth required pam_permit.so\n"
SUDO = "/etc/sudoers.d/planted"
POLICY, PKLA = "/usr/share/polkit-1/actions/x.planted.policy", "/etc/polkit-1/localauthority/50-local.d/planted.pkla"


@dataclass(frozen=True)
class Row:
    """``plant`` gives ``who`` the account ``becomes``. ``twin`` gives nothing."""

    says: str
    by: str
    who: str
    plant: Files
    twin: Files
    becomes: str = "root"
    around: Files = field(default_factory=dict)
    """What is there in both cases."""


ROWS = (
    Row("a second account with the uid 0", "account", "toor", {"/etc/passwd": "+\ntoor:x:0:0::/root:/bin/sh\n"},
        {"/etc/passwd": "+\ntoor:x:7000:7000::/root:/bin/sh\n"}),
    Row("the uid 0 in another spelling", "account", "toor", {"/etc/passwd": "+\ntoor:x:+00:0::/root:/bin/sh\n"},
        {"/etc/passwd": "+\n#toor:x:7000:0::/root:/bin/sh\n"}),
    Row("a second name for an account that a rule names", "account", "david",
        {"/etc/passwd": "+\ndavid:x:4004:4004::/home/dave:/bin/sh\n"},
        {"/etc/passwd": "+\ndavid:x:4104:4004::/home/dave:/bin/sh\n"}, WATCHED),
    Row("root's password is set", "password", "anybody who knows the password of root",
        {"/etc/shadow": f"root:{HASH}:19000:0:99999:7:::\n"}, {"/etc/shadow": f"root:!{HASH}:19000:0:99999:7:::\n"},
        around={"/etc/passwd": "+\n"}),
    Row("an account has no password at all", "password", "everybody",
        {"/etc/shadow": "dave::19000:0:99999:7:::\n"}, {"/etc/shadow": "bob::19000:0:99999:7:::\n"}, WATCHED),
    Row("a password in passwd itself", "password", "anybody who knows the password of toor",
        {"/etc/passwd": f"+\ntoor:{HASH}:0:0::/root:/bin/sh\n"}, {}, around={"/etc/passwd": "+\ntoor:x:0:0::/root:/bin/sh\n"}),
    Row("a member of the group disk", "group", "eve", {"/etc/group": "+\ndisk:x:6:eve\n"}, {"/etc/group": "+\ncdrom:x:24:eve\n"}),
    Row("a member of a group with another name and the gid of disk", "group", "eve", {"/etc/group": "+\nbackups:x:6:eve\n"},
        {"/etc/group": "+\nbackups:x:7006:eve\n"}),
    Row("an account whose primary group is docker", "group", "mover",
        {"/etc/passwd": "+\nmover:x:7001:7100::/:/bin/sh\n"}, {"/etc/passwd": "+\nmover:x:7001:7101::/:/bin/sh\n"},
        around={"/etc/group": "+\ndocker:x:7100:\n"}),
    Row("a membership that only a login finds, in a file of systemd", "group", "eve",
        {"/etc/userdb/eve:disk.membership": '{"userName":"eve","groupName":"disk"}\n'},
        {"/etc/userdb/eve:cdrom.membership": '{"userName":"eve","groupName":"cdrom"}\n'},
        around={"/etc/nsswitch.conf": "passwd: files systemd\ngroup: files systemd\n"}),
    Row("an account in a file of systemd", "group", "mover",
        {"/etc/userdb/mover.user": '{"userName":"mover","uid":7001,"gid":6}\n'},
        {"/etc/userdb/mover.user": '{"userName":"mover","uid":7001,"gid":24}\n'},
        around={"/etc/nsswitch.conf": "passwd: files systemd\ngroup: files systemd\n"}),
    Row("a group that amounts to root has a password", "group", "anybody who knows the password of the group shadow",
        {"/etc/gshadow": f"+\nshadow:{HASH}::\n"}, {"/etc/gshadow": f"+\nshadow:!{HASH}::\n"}),
    Row("a group that amounts to root has an administrator", "group", "eve", {"/etc/gshadow": "+\nshadow:*:eve:\n"},
        {"/etc/gshadow": "+\ncdrom:*:eve:\n"}),
    Row("an account whose subordinate uids have that of root", "account", "eve", {"/etc/subuid": "+\n4005:0x0:01\n"},
        {"/etc/subuid": "+\n4005:1:03\n"}, around={"/usr/bin/newuidmap": ""}),
    Row("an account whose subordinate uids have that of an account that a rule names", "account", "eve",
        {"/etc/subuid": "+\neve:4000:4000\n"}, {"/etc/subuid": "+\ndave:4004:1\neve:100000:65536\n"}, WATCHED,
        around={"/usr/bin/newuidmap": ""}),
    Row("an account whose subordinate gids have that of disk", "group", "eve", {"/etc/subgid": "+\neve:6:1\n"},
        {"/etc/subgid": "+\neve:100000:65536\n"}, around={"/usr/bin/newgidmap": ""}),
    # sudoers
    Row("a rule of sudoers", "sudo", "eve", {SUDO: "eve ALL=(ALL) ALL\n"}, {SUDO: "# eve ALL=(ALL) ALL\n"}),
    Row("a rule for one command", "sudo", "eve", {SUDO: "eve ALL = NOPASSWD: /usr/bin/less\n"},
        {SUDO: "eve elsewhere = NOPASSWD: /usr/bin/less\n"}),
    Row("a rule by number", "sudo", "eve", {SUDO: "#4005 ALL=(#0) ALL\n"}, {SUDO: "# 4005 ALL=(#0) ALL\n"}),
    Row("a rule by alias, over two lines", "sudo", "eve",
        {SUDO: "User_Alias OPS = bob, \\\n  eve\nRunas_Alias ADMIN = root\nCmnd_Alias ANY = ALL\nOPS ALL=(ADMIN) ANY\n"},
        {SUDO: "User_Alias OPS = bob, \\\n  eve\n"}),
    Row("a rule for a group by number", "sudo", "carol", {SUDO: "%#7200 ALL=ALL\n"}, {SUDO: "%#7201 ALL=ALL\n"},
        around={"/etc/group": "+\nmovers:x:7200:carol\n"}),
    Row("a rule for everybody but one", "sudo", "everybody", {SUDO: "ALL, !bob ALL=ALL\n"}, {SUDO: "!ALL ALL=ALL\n"}),
    Row("a rule with a directory, which cvtsudoers writes as broken JSON", "sudo", "eve",
        {SUDO: "eve ALL = CWD=/tmp ALL\n"}, {SUDO: "eve ALL = CWD=/tmp !ALL\n"}),
    Row("a rule for a group with which a command has the power of root", "sudo", "eve", {SUDO: "eve ALL = (:disk) ALL\n"},
        {SUDO: "eve ALL = (:cdrom) ALL\n"}),
    Row("a rule for an account that a rule names", "sudo", "eve", {SUDO: "eve ALL=(dave) /bin/sh\n"},
        {SUDO: "eve ALL=(bob) /bin/sh\n"}, WATCHED),
    Row("a rule for every account but root", "sudo", "eve", {SUDO: "eve ALL=(ALL, !root) ALL\n"},
        {SUDO: "eve ALL=(bob, !root) ALL\n"}, "any account but root"),
    Row("a rule for a person in capitals", "sudo", "eve", {SUDO: "EVE ALL=(ROOT) ALL\n"}, {SUDO: "EVE ALL=(BOB) ALL\n"}),
    Row("a rule for a group in capitals", "sudo", "carol", {SUDO: "%MOVERS ALL=ALL\n"}, {SUDO: "%MOVES ALL=ALL\n"},
        around={"/etc/group": "+\nmovers:x:7200:carol\n"}),
    Row("a rule that takes root away, and then gives everything", "sudo", "eve", {SUDO: "eve ALL=(!root, ALL) ALL\n"},
        {SUDO: "eve ALL=(ALL, !ALL) ALL\n"}),
    Row("a rule that takes a person away, and then gives it to their group", "sudo", "carol", {SUDO: "!carol, %#7200 ALL=ALL\n"},
        {SUDO: "%#7200, !carol ALL=ALL\n"}, around={"/etc/group": "+\nmovers:x:7200:carol\n"}),
    Row("a rule with a default that moves it to root", "sudo", "eve", {SUDO: "Defaults runas_default=bob\neve ALL=(root) ALL\n"},
        {SUDO: "Defaults runas_default=bob\neve ALL=ALL\n"}),
    Row("a rule in a file with a fault, which sudo passes over", "sudo", "eve", {SUDO: "bob ALL=(((\neve ALL=ALL\n"},
        {SUDO: "Defaults !lecture\n"}),
    Row("a rule in a file that another file includes", "sudo", "eve",
        {SUDO: "@include /root/more\n", "/root/more": "eve ALL=ALL\n"},
        {SUDO: "#  include /root/more\n", "/root/more": "eve ALL=ALL\n"}),
    Row("a rule after a comment that ends with a backslash", "sudo", "eve", {SUDO: "# harmless \\\neve ALL=ALL\n"},
        {SUDO: "Defaults badpass_message=\"\\\neve ALL=ALL\"\n"}),
    # doas
    Row("a line of doas.conf", "doas", "eve", {"/etc/doas.conf": "permit nopass eve\n"}, {"/etc/doas.conf": "deny eve\n"}),
    Row("a line of doas.conf for a group, over two lines", "doas", "carol",
        {"/etc/doas.conf": 'permit setenv { A=B } \\\n ":ops" as root cmd /bin/sh\n'},
        {"/etc/doas.conf": '#permit ":ops"\npermit :ops as bob\n'}),
    # PAM
    Row("su asks for nothing", "pam", "everybody", {"/etc/pam.d/su": "auth sufficient pam_permit.so\n@include common-auth\n"},
        {"/etc/pam.d/su": "auth optional pam_permit.so\n@include common-auth\n"}),
    Row("su trusts a group", "pam", "carol",
        {"/etc/pam.d/su": "auth sufficient pam_wheel.so trust group=movers\n@include common-auth\n"},
        {"/etc/pam.d/su": "auth required pam_wheel.so group=movers\n@include common-auth\n"},
        around={"/etc/group": "+\nmovers:x:7200:carol\n"}),
    Row("su asks for nothing if it becomes one account", "pam", "everybody for whom pam_succeed_if.so user = dave holds",
        {"/etc/pam.d/su": "auth sufficient pam_succeed_if.so user = dave\n@include common-auth\n"},
        {"/etc/pam.d/su": "auth required pam_succeed_if.so user = dave\n@include common-auth\n"}, WATCHED),
    Row("su jumps over what asks for a password", "pam", "everybody",
        {"/etc/pam.d/su": f"auth [success=1 default=1] pam_unix.so\n{DENY_THEN_PERMIT}"},
        {"/etc/pam.d/su": f"auth [success=1 default=ignore] pam_unix.so\n{DENY_THEN_PERMIT}"}),
    Row("polkit asks administrators for nothing", "pam", "everybody", {"/etc/pam.d/polkit-1": "auth required pam_permit.so\n"},
        {"/etc/pam.d/polkit-1": "auth required pam_unix.so\n"}),
    # sshd
    Row("a key of root's", "key", PRINT, {"/root/.ssh/authorized_keys": f"ssh-ed25519 {KEY} bob\n"},
        {"/root/.ssh/authorized_keys": f"# ssh-ed25519 {KEY} bob\n"}),
    Row("a key in the second file, behind options and blanks", "key", PRINT,
        {"/root/.ssh/authorized_keys2": f'\t from="10.*",command="echo \\"ssh-rsa AAAA\\" x"  ssh-ed25519\t{KEY}'},
        {"/root/.ssh/authorized_keys3": f"ssh-ed25519 {KEY}\n"}),
    Row("a key of an authority", "key", f"the certificates of {PRINT}",
        {"/root/.ssh/authorized_keys": f'principals="a b",Cert-Authority ssh-ed25519 {KEY}\n'},
        {"/root/.ssh/authorized_keys": "cert-authority ssh-ed25519 QQ==\n"}),
    Row("a key of an account that a rule names", "key", PRINT, {"/home/dave/.ssh/authorized_keys": f"ssh-ed25519 {KEY}\n"},
        {"/home/bob/.ssh/authorized_keys": f"ssh-ed25519 {KEY}\n"}, WATCHED),
    Row("a key in a place that a Match block names", "key", PRINT,
        {"/etc/ssh/sshd_config.d/x.conf": "Match Address 10.0.0.0/8\nAuthorizedKeysFile /srv/keys/%u\n"}, {},
        around={"/srv/keys/root": f"ssh-ed25519 {KEY}\n"}),
    Row("a second sshd with settings of its own", "key", PRINT,
        {"/etc/systemd/system/x.service": "[Service]\nExecStart=/usr/sbin/sshd -D -p 23 -f /etc/ssh/x_config\n"},
        {"/etc/systemd/system/x.service": "[Service]\nExecStart=/usr/sbin/sshd -D -p 23\n"},
        around={"/srv/keys/root": f"ssh-ed25519 {KEY}\n", "/etc/ssh/x_config": "AuthorizedKeysFile /srv/keys/%u\n"}),
    Row("an sshd whose unit has an option", "key", PRINT,
        {"/etc/systemd/system/ssh.service.d/x.conf":
            "[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D -o AuthorizedKeysFile=/srv/keys/%%u\n"},
        {"/etc/systemd/system/ssh.service.d/x.conf": "[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D\n"},
        around={"/srv/keys/root": f"ssh-ed25519 {KEY}\n"}),
    Row("a key in a file that a pattern names", "key", PRINT, {"/root/.ssh/keys.d/x": f"ssh-ed25519 {KEY}\n"},
        {"/root/.ssh/keys.d/x.off": f"ssh-ed25519 {KEY}\n"},
        around={"/etc/ssh/sshd_config.d/x.conf": "AuthorizedKeysFile %h/.ssh/keys.d/[a-z]\n"}),
    Row("root may log in from one address, by a Match block", "key", PRINT,
        {**ROOTS, "/etc/ssh/sshd_config.d/x.conf": "PermitRootLogin no\nMatch Address 10.0.0.0/8\nPermitRootLogin yes\n"},
        {**ROOTS, "/etc/ssh/sshd_config.d/x.conf": "PermitRootLogin no\nMatch Address 10.0.0.0/8\nPermitRootLogin no\n"}),
    Row("the user of another host", "rhosts", "mallory@evil.example.test", {"/root/.shosts": "evil.example.test mallory\n"},
        {"/root/.shosts": "-evil.example.test mallory\n# evil.example.test mallory\n"},
        around={"/etc/ssh/sshd_config.d/x.conf": "HostbasedAuthentication yes\nIgnoreRhosts no\n"}),
    # Kerberos
    Row("a principal in .k5login", "k5login", "eve@EXAMPLE.TEST", {"/root/.k5login": "\n  eve@EXAMPLE.TEST\n"},
        {"/root/.k5login": "\n \n"}),
    Row("a principal for an account that a rule names", "k5login", "eve/admin@EXAMPLE.TEST",
        {"/home/dave/.k5users": "eve/admin@EXAMPLE.TEST /bin/ls\n"},
        {"/home/bob/.k5users": "eve/admin@EXAMPLE.TEST *\n"}, WATCHED),
    Row("a principal in a directory that a quoted setting of an included file names", "k5login", "eve@EXAMPLE.TEST",
        {"/etc/krb5.conf.d/x.conf": "include /srv/more\n"}, {"/etc/krb5.conf.d/x.conf": " include /srv/more\n"},
        around={"/srv/more": '[libdefaults]\n\fk5login_directory* = "/srv/my k5" \n', "/srv/my k5/root": "eve@EXAMPLE.TEST\n"}),
    Row("the principal with the name of an account, by a missing file", "k5login", "root@EXAMPLE.TEST",
        {"/root/.k5login": None}, {"/root/.k5login": "bob@EXAMPLE.TEST\n"}, around={"/root/.k5login": "bob@EXAMPLE.TEST\n"}),
    # polkit
    Row("an action of root's that everybody may do", "polkit", "everybody",
        {POLICY: ACTION.format(id="org.freedesktop.systemd1.manage-units", any="yes")},
        {POLICY: ACTION.format(id="org.freedesktop.systemd1.manage-units", any="auth_admin")}),
    Row("a program that pkexec runs as root for everybody", "polkit", "everybody",
        {POLICY: ACTION.format(id="x.y", any=" yes ").replace(
            "</action>", '<annotate key="org.freedesktop.policykit.exec.path">/bin/sh</annotate></action>')},
        {POLICY: ACTION.format(id="x.y", any="no").replace(
            "</action>", '<annotate key="org.freedesktop.policykit.exec.path">/bin/sh</annotate></action>')}),
    Row("an action of root's that everybody may do by their own password", "polkit", "everybody",
        {POLICY: ACTION.format(id="org.freedesktop.policykit.exec", any="auth_self_keep")},
        {POLICY: ACTION.format(id="org.freedesktop.policykit.exec", any="auth_admin_keep")}),
    Row("a program that pkexec runs as root, by an authority of an older polkit", "polkit", "eve",
        {PKLA: "[x]\nIdentity=unix-user:eve\nAction=x.y\nResultAny=auth_self\n"},
        {PKLA: "[x]\nIdentity=unix-user:eve\nAction=x.z\nResultAny=auth_admin\n"},
        around={POLICY: ACTION.format(id="x.y", any="no").replace(
            "</action>", '<annotate key="org.freedesktop.policykit.exec.path">/bin/sh</annotate></action>')}),
    Row("an administrator of polkit", "polkit", "carol",
        {"/etc/polkit-1/rules.d/10-x.rules": 'polkit.addAdminRule(function(a, s) { return ["unix-group:movers"]; });\n'},
        {"/etc/polkit-1/rules.d/10-x.conf": 'polkit.addAdminRule(function(a, s) { return ["unix-group:movers"]; });\n'},
        around={"/etc/group": "+\nmovers:x:7200:carol\n"}),
    Row("an authority of an older polkit", "polkit", "eve",
        {PKLA: "[x]\nIdentity=unix-user:root;unix-user:eve\nAction=org.freedesktop.*\nResultAny=yes\n"},
        {PKLA: "[x]\nIdentity=unix-user:eve\nAction=org.freedesktop.*\nResultAny=auth_admin\n"}),
)  # fmt: skip


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy(tmp_path_factory.mktemp("policy"))


@pytest.fixture(autouse=True)
def bare() -> Iterator[None]:
    """The lab's own stacks and sudoers, without what its people may do by them."""
    with planted({"/etc/doas.conf": "", "/etc/sudoers.d/lab": None}):
        yield


def found(rules: Policy) -> set[tuple[str, str, str]]:
    return {(one.becomes, one.by, one.who) for one in seen(rules).privileges}


OTHER_WAYS = full("every day, every second way is planted, and tests/standing/test_beside_the_programs.py asks sudo and doas")


@pytest.mark.parametrize(
    "row",
    [row if number % 2 == 0 else pytest.param(row, marks=OTHER_WAYS) for number, row in enumerate(ROWS)],
    ids=lambda row: row.says,
)
def test_a_planted_privilege_stands_in_the_list_and_its_twin_adds_nothing(row: Row, rules: Policy) -> None:
    """THREATS L-22."""
    wanted = (row.becomes, row.by, row.who)
    around = {**row.around}
    with planted(around):
        before = found(rules)
        with planted(row.plant):
            assert wanted in found(rules) - before
        with planted(row.twin):
            assert found(rules) - before == set()


def test_each_kind_is_planted() -> None:
    assert {row.by for row in ROWS} | {"jitd"} == KINDS.keys()


def test_no_comment_of_a_key_stands_in_the_list(rules: Policy) -> None:
    with planted({"/root/.ssh/authorized_keys": f"ssh-ed25519 {KEY} hunter2\nno key, but hunter2\n"}):
        list = seen(rules)
    assert [one.where for one in list.privileges if one.who == PRINT] == ["/root/.ssh/authorized_keys:1"]
    assert "/root/.ssh/authorized_keys: no key was found in the lines 2" in list.unseen
    assert "hunter2" not in list.text()


def test_no_argument_of_a_rule_of_sudoers_stands_in_the_list(rules: Policy) -> None:
    with planted({SUDO: "eve ALL = /usr/bin/psql --password hunter2, sudoedit /etc/x\n"}):
        list = seen(rules)
    assert Privilege("root", "sudo", "eve", f"{SUDO}:1: /usr/bin/psql, sudoedit") in list.privileges
    assert "hunter2" not in list.text()


def gated(*services: str) -> Files:
    stacks = Path(__file__).parents[2] / "contrib/pam.d"
    return {f"/etc/pam.d/{service}": (stacks / service).read_text() for service in services}


def test_a_rule_of_sudoers_behind_a_gate_is_no_standing_privilege(rules: Policy) -> None:
    """THREATS L-22."""
    rule: Files = {SUDO: "eve ALL=(ALL) ALL\n"}
    wanted = ("root", "sudo", "eve")
    with planted({**rule, **gated("sudo", "sudo-i")}):
        assert wanted not in found(rules)
    with planted({**rule, **gated("sudo")}):
        assert wanted in found(rules), "sudo -i is another stack"
    with planted({**rule, **gated("sudo", "sudo-i"), "/etc/sudoers.d/y": "Defaults:eve !pam_acct_mgmt\n"}):
        assert wanted in found(rules), "sudo does not ask the stack"
    exempt = "account sufficient pam_succeed_if.so user = eve\n"
    files = gated("sudo", "sudo-i")
    with planted({**rule, **{name: exempt + str(text) for name, text in files.items()}}):
        assert wanted in found(rules), "the gate leaves eve out"


def test_a_gate_of_sshd_holds_for_accounts_and_leaves_root_alone(rules: Policy) -> None:
    keys: Files = {f"{home}/.ssh/authorized_keys": f"ssh-ed25519 {KEY}\n" for home in ("/root", "/home/dave")}
    with planted(keys):
        assert {("root", "key", PRINT), (WATCHED, "key", PRINT)} <= found(rules)
        with planted(gated("sshd")):
            held = found(rules)
    assert ("root", "key", PRINT) in held
    assert (WATCHED, "key", PRINT) not in held


def test_what_no_file_says_is_named(rules: Policy) -> None:
    with planted({
        "/etc/ssh/sshd_config.d/x.conf": "TrustedUserCAKeys /etc/ssh/ca.pub\nAuthorizedKeysCommand /usr/bin/keys %u\n",
        "/etc/nsswitch.conf": "passwd: files sss\ngroup: files ldap\nsudoers: files sss\n",
        "/etc/sudo.conf": "Plugin sudoers_policy sudoers.so sudoers_file=/root/sudoers\n",
        "/etc/polkit-1/rules.d/10-x.rules": "polkit.addRule(function(a, s) { return polkit.Result.YES; });\n",
        "/etc/pam.d/su": "auth sufficient pam_door.so\n@include common-auth\n",
        PKLA: "[x]\nIdentity=unix-user:eve\nAction=x.unknown\nResultAny=yes\n",
        "/etc/krb5.conf.d/x.conf": "[realms]\nA = {\nauth_to_local = RULE:[1:root]\n}\n",
    }):  # fmt: skip
        told = "\n".join(seen(rules).unseen)
    for part in (
        "who has a certificate that a key in /etc/ssh/ca.pub has signed is not known",
        "keys that the program /usr/bin/keys returns are not known",
        "accounts and groups also come from ldap, sss,",
        "sudoers come from sss too",
        "/etc/sudo.conf:1: ",
        "/etc/polkit-1/rules.d/10-x.rules: this file of rules is a program",
        "/etc/pam.d/su:1: whom pam_door.so lets in by su is not known",
        f"{PKLA}: unix-user:eve may do x.unknown, and what that gives was not judged",
        "/etc/krb5.conf.d/x.conf: whom auth_to_local maps to an account was not judged",
        "not looked for: set-user-ID programs",
    ):
        assert part in told


def test_a_file_that_cannot_be_read_is_named_and_hides_no_other(rules: Policy) -> None:
    with planted({"/root/.k5login": "eve@EXAMPLE.TEST\n"}):
        subprocess.run(["mkfifo", "/root/.rhosts", "/root/.ssh-pipe"], check=True)
        with planted({"/etc/ssh/sshd_config.d/x.conf": "AuthorizedKeysFile .ssh-pipe\nHostbasedAuthentication yes\n"}):
            list = seen(rules)
        for name in ("/root/.rhosts", "/root/.ssh-pipe"):
            Path(name).unlink()
            assert any(name in sentence for sentence in list.unseen)
    assert "eve@EXAMPLE.TEST" in [one.who for one in list.privileges]


def test_a_dead_file_server_hides_the_homes_on_it_and_nothing_else(
    rules: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system whose server does not answer: each process that looks there waits."""
    monkeypatch.setattr(scene, "FILE_WITHIN", 1.0)
    expected = {("root", "key", PRINT), ("root", "sudo", "eve")}
    keys: Files = {"/root/.ssh/authorized_keys": f"ssh-ed25519 {KEY}\n", SUDO: "eve ALL=ALL\n"}
    there, source = tmp_path / "home", tmp_path / "source"
    there.mkdir()
    source.mkdir()
    if not Path("/dev/fuse").exists():
        os.mknod("/dev/fuse", stat.S_IFCHR | 0o600, os.makedev(10, 229))
    server = subprocess.Popen(["bindfs", "-f", source, there])
    try:
        wait_for(lambda: there.is_mount())
        moved = Path("/etc/passwd").read_text().replace("/home/dave:", f"{there}/dave:")
        with planted({**keys, "/etc/passwd": moved}):
            server.send_signal(signal.SIGSTOP)
            for _ in range(5):  # on a busy host another file may be late, too
                list = seen(rules)
                if expected <= {(one.becomes, one.by, one.who) for one in list.privileges}:
                    break
    finally:
        server.send_signal(signal.SIGCONT)
        subprocess.run(["umount", "-l", there], check=True)
        server.terminate()
        server.wait()
    assert expected <= {(one.becomes, one.by, one.who) for one in list.privileges}
    assert f"{there}/dave/.ssh/authorized_keys did not answer within 1 s, and was not judged" in list.unseen
    assert f"{there}/dave/.k5login did not answer within 1 s, and was not judged" in list.unseen


def test_a_silent_directory_of_accounts_leaves_what_the_files_of_the_host_say(
    rules: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = threading.Event()
    for module, names in ((pwd, ("getpwall", "getpwnam", "getpwuid")), (grp, ("getgrall", "getgrnam", "getgrgid"))):
        for name in names:
            monkeypatch.setattr(module, name, lambda *_: never.wait())
    monkeypatch.setattr(looking, "WITHIN", 2.0)
    expected = {("root", "sudo", "carol"), ("root", "account", "toor")}
    with planted(
        {SUDO: "%movers ALL=ALL\n", "/etc/group": "+\nmovers:x:7200:carol\n", "/etc/passwd": "+\ntoor:x:0:0::/:/bin/sh\n"}
    ):
        for _ in range(5):  # on a busy host a file may be late, too
            list = seen(rules)
            if expected <= {(one.becomes, one.by, one.who) for one in list.privileges}:
                break
    never.set()
    assert expected <= {(one.becomes, one.by, one.who) for one in list.privileges}
    assert "the directory of accounts did not answer within 2 s: /etc/passwd and /etc/group were judged" in list.unseen


@pytest.mark.parametrize("name", [".k5login", ".k5users", ".shosts"])
@pytest.mark.parametrize("put", [os.symlink, os.link])
def test_no_secret_to_which_an_account_has_put_a_link_stands_in_the_list(
    name: str, put: Callable[[str, Path], None], rules: Policy
) -> None:
    """THREATS L-22."""
    secret, link = "/home/.secret", Path("/home/dave", name)
    by = "rhosts" if name == ".shosts" else "k5login"
    with planted({
        secret: "hunter2@EXAMPLE.TEST\n", "/etc/ssh/sshd_config.d/x.conf": "HostbasedAuthentication yes\n"
    }):  # fmt: skip
        os.chmod(secret, 0o600)
        link.parent.mkdir(exist_ok=True)
        before = found(rules)
        put(secret, link)
        try:
            list = seen(rules)
        finally:
            link.unlink()
    assert "hunter2" not in list.text()
    told = {(one.becomes, one.by, one.who) for one in list.privileges} - before
    assert told == {(WATCHED, by, "those whom a file names that is not the account's own")}, "what it gives is in doubt"


def test_a_principal_in_a_file_that_the_account_has_linked_to_stands_in_the_list(rules: Policy) -> None:
    file, link = "/home/dave/dotfiles/k5login", Path("/home/dave/.k5login")
    with planted({file: "eve@EXAMPLE.TEST\n"}):
        os.chmod(file, 0o600)
        os.chown(file, 4004, 4004)
        link.symlink_to(file)
        try:
            assert (WATCHED, "k5login", "eve@EXAMPLE.TEST") in found(rules)
        finally:
            link.unlink()
