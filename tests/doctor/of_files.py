# SPDX-License-Identifier: Apache-2.0
"""Rows about files, the interpreter, the host's clocks and settings, and PAM."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace

from jitd.hosts import sudo_plugin
from jitd.hosts.findings import Linted, Place
from jitd.hosts.sudo_plugin import Changed
from jitd_inspection.doctor import clock, files, local_password, pam, people, plugin, settings
from jitd_inspection.doctor.clock import Clocks
from jitd_inspection.doctor.domains import Domain
from jitd_inspection.doctor.files import Seen
from jitd_inspection.doctor.finding import Result
from jitd_inspection.standing.robots import Robots
from tests.core.house import deny, patterns, permit
from tests.doctor.rows import Row

DIRECTORY, FILE, SOCKET, LINK = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o600, stat.S_IFSOCK | 0o666, stat.S_IFLNK | 0o777
GONE = Seen("/etc/x", is_missing=True)
DENIED = Seen("/etc/x", why_not="Permission denied")
TOP, TMP = Seen("/", 0, DIRECTORY), Seen("/tmp", 0, stat.S_IFDIR | 0o1777)
CLOCKS = Clocks(100.0, 90.0, 0.02, 0.02, "b00t", is_synchronised=True)
SETTINGS = "/etc/jitd/jitd.toml"
ASKS = sudo_plugin.Seen(words=("Plugin", sudo_plugin.SYMBOL, sudo_plugin.SHIPPED))


GATE = "pam_jit.so"


def local(text: str, **included: str) -> Result:
    """The finding about a stack of local passwords."""
    return local_password.judged(pam.read_stack(text, included.get, "jitd-local", "/etc/pam.d/jitd-local"))


def stack(text: str, **others: str) -> Iterator[Result]:
    return pam.stack("/etc/pam.d/jitd", pam.read_stack(text, others.get))


def linted(severity: str, name: str = "x") -> Linted:
    return Linted(severity, name, Place("/etc/pam.d/sudo", 3), "something goes around the gate", "mend it", ("sudo",))


COMMON_AUTH = "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n"
GOOD_SESSION = "session required pam_limits.so\n"
OF_AD = Domain("a.test", {"id_provider": "ad", "access_provider": "ad"})
MAPPED = "in /etc/sssd/sssd.conf, under [domain/a.test]: ad_gpo_map_interactive = +jitd-account; then systemctl restart sssd"
GOOD_ACCOUNT = "account required pam_unix.so\n"

ID, ANY, MOTD = ("/usr/bin/id", "-u"), ("**",), ("sudoedit", "/etc/motd")
BY_COMMAND = [
    permit("one", services=("sudo-i",), **patterns(ID)),
    permit("two", services=("jitsudo", "sudo"), **patterns(ID, MOTD)),
    permit("any", services=("sudo",), **patterns(ID, ANY)),
    permit("edits", services=("sudo",), **patterns(MOTD)),
    permit("elsewhere", services=("jitsudo", "su"), **patterns(ID)),
]
NO = deny("no", **patterns(ID))

ROWS = [
    Row("x", "ok", "root alone", lambda: files.closed("x", Seen("/etc/x", 0, DIRECTORY), "it")),
    Row("x", "bad", "chown root:root /etc/x", lambda: files.closed("x", Seen("/etc/x", 7, DIRECTORY), "it")),
    Row("x", "bad", "chmod go-w /etc/x", lambda: files.closed("x", Seen("/etc/x", 0, DIRECTORY | 0o020), "it")),
    Row("x", "bad", "chmod go-w '/etc/it'\\''s x'", lambda: files.closed("x", Seen("/etc/it's x", 0, DIRECTORY | 2), "it")),
    Row("x", "bad", "symbolic link", lambda: files.closed("x", Seen("/etc/x", 0, LINK), "it")),
    Row("x", "bad", "missing", lambda: files.closed("x", GONE, "it")),
    Row("x", "unknown", "Permission denied", lambda: files.closed("x", DENIED, "it")),
    Row("x", "ok", "/etc", lambda: files.above("x", [TOP, Seen("/etc", 0, DIRECTORY)])),
    Row("x", "ok", "/tmp/a", lambda: files.above("x", [TOP, TMP, Seen("/tmp/a", 0, DIRECTORY)])),
    Row("x", "bad", "below a directory that belongs to root", lambda: files.above("x", [TOP, TMP])),
    Row("x", "bad", "/srv belongs to uid 7", lambda: files.above("x", [TOP, Seen("/srv", 7, DIRECTORY), TOP])),
    Row("x", "bad", "missing", lambda: files.above("x", [TOP, GONE])),
    Row("x", "ok", "nobody else can read", lambda: files.secret("x", Seen("/k", 0, FILE), "a key")),
    Row("x", "bad", "chown root:root /k && chmod 600 /k", lambda: files.secret("x", Seen("/k", 0, FILE | 0o040), "a key")),
    Row("x", "bad", "uid 7", lambda: files.secret("x", Seen("/k", 7, FILE), "a key")),
    Row("x", "bad", "not a regular file", lambda: files.secret("x", Seen("/k", 0, LINK), "a key")),
    Row("x", "bad", "missing", lambda: files.secret("x", GONE, "a key")),
    Row("x", "ok", "lets everybody ask", lambda: files.socket("x", Seen("/s", 0, SOCKET), "start")),
    Row("x", "bad", "there is no", lambda: files.socket("x", GONE, "start")),
    Row("x", "bad", "not a socket", lambda: files.socket("x", Seen("/s", 0, FILE), "start")),
    Row("x", "bad", "not jitd's", lambda: files.socket("x", Seen("/s", 7, SOCKET), "start")),
    Row("x", "bad", "chmod 666 /s", lambda: files.socket("x", Seen("/s", 0, stat.S_IFSOCK | 0o660), "start")),
    Row("x", "unknown", "denied", lambda: files.socket("x", DENIED, "start")),
    Row("x", "ok", "2 files", lambda: files.installed("x", [], 2, [])),
    Row("x", "bad", "not installed: /usr/bin/jitsudo", lambda: files.installed("x", [], 2, ["/usr/bin/jitsudo"])),
    Row("x", "bad", "chown root:root /u", lambda: files.installed("x", [Seen("/u", 7, FILE)], 2, [])),
    Row("x", "ok", "3.11", lambda: files.python("x", (3, 11), "/usr/bin/python3")),
    Row("x", "bad", "3.9", lambda: files.python("x", (3, 9), "/usr/bin/python3")),
    Row("x", "unknown", "3.12", lambda: files.python("x", (3, 12), "/usr/bin/python3")),
    Row("x", "unknown", "3.11 or 3.13", lambda: files.python("x", (3, 99), "/usr/bin/python3")),
    Row("x", "ok", "sudo 1.9.16p2", lambda: files.others("x", {"sudo": "1.9.16p2", "systemd": "257"})),
    Row("x", "unknown", "sudo 1.9.15p5", lambda: files.others("x", {"sudo": "1.9.15p5", "systemd": "257"})),
    Row("x", "unknown", "1.9.13p3 or 1.9.16p2", lambda: files.others("x", {"sudo": "1.9.15p5", "systemd": "257"})),
    Row("x", "unknown", "libpam of an unknown version", lambda: files.others("x", {"libpam": ""})),
    Row("x", "unknown", "No such file", lambda: files.others("x", "/var/lib/dpkg/status: No such file or directory")),
    # the host
    Row("clock.boot", "ok", "runs", lambda: clock.clocks(CLOCKS)),
    Row("clock.boot", "bad", "which boot", lambda: clock.clocks(replace(CLOCKS, boot_id=""))),
    Row("clock.boot", "bad", "does not run", lambda: clock.clocks(replace(CLOCKS, passed=0.0))),
    Row("clock.boot", "bad", "does not run", lambda: clock.clocks(replace(CLOCKS, boot=10.0))),
    Row("clock.synchronised", "ok", "kept", lambda: clock.clocks(CLOCKS)),
    Row("clock.synchronised", "weak", "set-ntp true", lambda: clock.clocks(replace(CLOCKS, is_synchronised=False))),
    Row("clock.synchronised", "unknown", "does not say", lambda: clock.clocks(replace(CLOCKS, is_synchronised=None))),
    Row("nss.speed", "ok", "at once", lambda: people.name_service(0.01, "3", finds_root=True)),
    Row("nss.speed", "weak", "2.0 s", lambda: people.name_service(2.0, "3", finds_root=True)),
    Row("nss.speed", "bad", "uid 0", lambda: people.name_service(0.01, "3", finds_root=False)),
    Row("settings.min_uid", "ok", "1000", lambda: people.least_uid(1000, 1000, SETTINGS)),
    Row("settings.min_uid", "weak", "min_uid = 1000", lambda: people.least_uid(100, 1000, SETTINGS)),
    Row("settings.root", "ok", "recorded", lambda: settings.root_setting("permit", SETTINGS)),
    Row("settings.root", "weak", 'root = "permit"', lambda: settings.root_setting("deny", SETTINGS)),
    Row("settings.signers", "bad", "/f: line 2: no key", lambda: settings.signers("settings.signers", "/f: line 2: no key")),
    # PAM
    Row("pam.account", "ok", "expired", lambda: stack(GOOD_ACCOUNT + GOOD_SESSION)),
    Row("pam.session", "ok", "limits", lambda: stack(GOOD_ACCOUNT + GOOD_SESSION)),
    Row("pam.account", "ok", "expired", lambda: stack("@include common\n", common=GOOD_ACCOUNT)),
    Row("pam.account", "ok", "expired", lambda: stack("account [success=1 default=ignore] pam_unix.so\n")),
    Row("pam.account", "bad", "account  required  pam_unix.so", lambda: stack(GOOD_SESSION)),
    Row("pam.account", "bad", "does not ask", lambda: stack("account required pam_permit.so\n")),
    Row("pam.account", "bad", "not enforced", lambda: stack("account optional pam_unix.so\n")),
    Row("pam.account", "bad", "pam_rootok.so comes before", lambda: stack("account sufficient pam_rootok.so\n" + GOOD_ACCOUNT)),
    Row("pam.account", "bad", "comes before", lambda: stack("account [success=done default=ignore] x.so\n" + GOOD_ACCOUNT)),
    Row("pam.account", "bad", "does not ask", lambda: stack("session include other\n", other=GOOD_ACCOUNT)),
    Row("pam.session", "bad", "pam_systemd", lambda: stack("@include other\n", other="-session optional pam_systemd.so\n")),
    Row("pam.session", "bad", "pam_loginuid", lambda: stack("session required \\\n /lib/security/pam_loginuid.so\n")),
    Row("pam.session", "weak", "session  required  pam_limits.so", lambda: stack(GOOD_ACCOUNT)),
    Row("pam.stack", "bad", "makes no sense: accuont", lambda: stack("accuont required pam_unix.so\n")),
    Row("pam.stack", "bad", "includes absent", lambda: stack("@include absent\n")),
    Row("pam.stack", "bad", "includes itself", lambda: stack("@include itself\n", itself="@include itself\n")),
    Row(
        "pam.local.kdc",
        "weak",
        "names no KDC of R",
        lambda: local_password.kdcs(True, "R", "names no KDC of {}".format),
    ),
    Row("pam.local", "ok", "asks for a password", lambda: local("auth required pam_unix.so\n")),
    Row("pam.local", "ok", "asks for a password", lambda: local("@include c\n", c=COMMON_AUTH)),
    Row("pam.local", "ok", "asks for a password", lambda: local("auth required pam_faildelay.so\nauth required pam_unix.so\n")),
    Row("pam.local", "ok", "asks for a password", lambda: local("auth sufficient pam_unix.so\nauth required pam_deny.so\n")),
    Row(
        "pam.local",
        "bad",
        "can succeed with a wrong password",
        lambda: local("auth optional pam_unix.so\nauth sufficient pam_rootok.so\n"),
    ),
    Row(
        "pam.local",
        "bad",
        "can succeed with a wrong password",
        lambda: local("auth optional pam_echo.so x\nauth sufficient pam_rootok.so\n"),
    ),
    Row("pam.local", "bad", "asks jitd", lambda: local(f"account required {GATE}\nauth required pam_unix.so\n")),
    Row("pam.local", "bad", "asks jitd", lambda: local("@include common\n", common=f"auth required {GATE}\n")),
    Row("pam.local", "bad", "nullok", lambda: local("auth required pam_unix.so nullok\n")),
    Row("pam.local", "bad", "can succeed with a wrong password", lambda: local("auth required pam_permit.so\n")),
    Row(
        "pam.local",
        "bad",
        "can succeed with a wrong password",
        lambda: iter((local("auth sufficient pam_rootok.so\nauth required pam_unix.so\n"),)),
    ),
    Row("pam.requester", "ok", "no directory", lambda: iter((pam.requester("", "passwd: files systemd\n", because=""),))),
    Row("pam.requester", "weak", "from sss,", lambda: iter((pam.requester("", "passwd: files sss # x\n", because=""),))),
    Row("pam.requester", "weak", "from winbind", lambda: iter((pam.requester("", "passwd:\tfiles winbind\n", because=""),))),
    Row("pam.requester", "ok", "of jitd-account", lambda: iter((pam.requester("jitd-account", "passwd: sss\n", because=""),))),
    Row("pam.requester", "weak", MAPPED, lambda: iter((pam.requester("", "passwd: sss\n", (OF_AD,), because=""),))),
    Row("pam.requester", "bad", MAPPED, lambda: iter((pam.requester("jitd-account", "passwd: sss\n", (OF_AD,), because=""),))),
    Row("pam.requester", "bad", "all are denied", lambda: iter((pam.requester("jitd-account", "", because="no line"),))),
    Row("sudo.accounts", "ok", "no system account", lambda: plugin.robots(Robots())),
    Row("sudo.accounts", "weak", "1 system account of sudoers: backup", lambda: plugin.robots(Robots(("backup may",), "map it"))),
    Row("sudo.accounts", "unknown", "visudo -c", lambda: plugin.robots(Robots(unseen="see visudo -c"))),
    Row("sudo.rules", "weak", "by command, one, two will permit nothing there |", lambda: plugin.foretold(BY_COMMAND)),
    Row("sudo.rules", "weak", "nothing there, and no will deny everything there |", lambda: plugin.foretold([*BY_COMMAND, NO])),
    Row("sudo.rules", "weak", "jitd pam-install sudo --plugin", lambda: plugin.foretold([NO])),
    Row("sudo.plugin", "ok", "names no plugin", lambda: plugin.found(sudo_plugin.Seen(), has_gate=False)),
    Row("sudo.plugin", "ok", "root alone may write", lambda: plugin.found(ASKS, has_gate=False)),
    Row("sudo.plugin", "weak", "jitd pam-install --remove sudo", lambda: plugin.found(ASKS, has_gate=True)),
    Row(
        "sudo.plugin",
        "bad",
        "and root, too: it is ended by SIGBUS",
        lambda: plugin.found(ASKS, has_gate=True, because="it is ended by SIGBUS"),
    ),
    Row("sudo.plugin", "bad", "ask jitd by its plugin", lambda: plugin.found(ASKS, has_gate=False, because=plugin.UNNAMED)),
    *(
        Row("sudo.plugin", "bad", words, lambda seen=seen: plugin.found(seen, has_gate=True))
        for words, seen in (
            ("jitd pam-install sudo --plugin", sudo_plugin.Seen(is_wanted=True)),
            ("a file there that root can read", sudo_plugin.Seen(unreadable="/etc/sudo.conf: Input/output error")),
            ("names another file", replace(ASKS, words=("plugin", "jit_approval", "/opt/x"))),
            ("and root, too", replace(ASKS, unfit="is missing")),
            (
                "chmod go-w /etc/sudo.conf",
                replace(ASKS, ignored=Changed("may be written by anyone", "chmod go-w /etc/sudo.conf")),
            ),
            ("chown root:root /etc", replace(ASKS, conf=Changed("/etc belongs to uid 7", "chown root:root /etc"))),
            ("put it where root alone owns", replace(ASKS, plugin=Changed("/opt may be written by everybody"))),
            ("have sudo 1.9.3 or later", replace(ASKS, version=())),
            ("chmod u-s /usr/local/bin/sudo", replace(ASKS, others=(sudo_plugin.Another("/usr/local/bin/sudo"),))),
        )
    ),
    Row("pam.opens", "ok", "opens and closes", lambda: pam.rehearsal("", 0.01)),
    Row("pam.opens", "weak", "2.0 s", lambda: pam.rehearsal("", 2.0)),
    Row("pam.opens", "bad", "denies", lambda: pam.rehearsal("PAM denies it", 0.01)),
    Row("pam.gates", "ok", "in the stacks that ask it: sudo, su", lambda: pam.gates([], ["sudo", "su"])),
    Row("pam.gates", "bad", "goes around", lambda: pam.gates([linted("bad")], ["sudo"])),
    Row("pam.gates", "weak", "goes around", lambda: pam.gates([linted("weak")], ["sudo"])),
    Row("pam.gates", "unknown", "goes around", lambda: pam.gates([linted("unknown")], ["sudo"])),
    Row("pam.gates", "ok", "in the stacks that ask it: sudo", lambda: pam.gates([linted("weak", "links-unprotected")], ["sudo"])),
    Row("host.links", "ok", "links of others", lambda: pam.links([linted("bad")], ["sudo"])),
    Row("host.links", "weak", "goes around", lambda: pam.links([linted("weak", "links-unprotected")], ["sudo"])),
    Row("host.links", "unknown", "goes around", lambda: pam.links([linted("unknown", "links-unprotected")], ["sudo"])),
    Row("pam.gates", "ok", "asks jitd, and leaves root alone", lambda: pam.knocked("sudo", "jitd: your account may not ask", "")),
    Row("pam.gates", "bad", "lets in nobody", lambda: pam.knocked("sudo", "", "")),
    Row("pam.gates", "bad", "does not let root in", lambda: pam.knocked("sudo", "jitd: no", "Authentication failure")),
    Row("pam.gates", "bad", "is not asked", lambda: pam.knocked("sudo", "Authentication failure", "")),
    Row("pam.gates", "weak", "was not tested", lambda: pam.knocked("sudo", None, None)),
    Row("pam.gates", "ok", "no session for a stranger", lambda: pam.tried_session("login", "Cannot make/remove an entry")),
    Row("pam.gates", "bad", "opens a session for nobody", lambda: pam.tried_session("login", "")),
    Row("pam.gates", "weak", "was not tested", lambda: pam.tried_session("sshd", None)),
]
