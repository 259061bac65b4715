# SPDX-License-Identifier: Apache-2.0
"""jitd.toml: every key has a default, and what makes no sense is told with its line, all at once."""

from __future__ import annotations

import os
import socket
import stat
import threading
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from jitd.core.authentication import Demand
from jitd.core.conditions import placeholder_in
from jitd.core.naming import Form
from jitd.core.subject import Approver
from jitd.core.toml_document import ConfigError, Fault
from jitd.settings import host
from jitd.settings.config import KEYS, Approvals, Door, Limits, Rate, Recordings, check, is_settings, load
from jitd.settings.host import default_realm, host_name
from jitd_gates.settings import GateSection
from jitd_outsiders.settings import OutsiderSection
from jitd_things.settings import load_givers
from tests.waiting import PATIENCE

ME = os.geteuid()
REALM = 'realms = ["EXAMPLE.ORG"]\nhost = "db1.example.org"\n'
"""Two lines; what is added stands on line 3."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory that only we can change."""
    tmp_path.chmod(0o755)
    return tmp_path.resolve()


def write(place: Path, text: str | bytes, name: str = "jitd.toml") -> Path:
    file = place / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(0o644)
    return file


def faults(file: Path | None, **options: Path) -> list[tuple[int, str]]:
    with pytest.raises(ConfigError) as caught:
        load(file, owner=ME, **options)
    return [(fault.line, fault.sentence) for fault in caught.value.faults]


ZOES_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
OF_A_WEBSITE = (
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "E2h0dHBzOi8vZXhhbXBsZS5vcmc="
)
WHOLE = """\
realms    = ["EXAMPLE.ORG", "EXAMPLE.NET"]
host      = "DB1.example.org"
keytab    = "/etc/jitd/other.keytab"
socket    = "/run/other/jitd.sock"
state     = "/var/lib/other"
policy    = "/etc/jitd/other.d"
kdc = "/run/other/kdc.sock"
renew = "1h"
outside = "/run/other/outside.sock"
database  = "sqlite"
executor  = "direct"
operators = ["group:security", "principal:ALICE/admin@EXAMPLE.ORG"]
auditors = ["group:audit"]
min_uid   = 500
root      = "deny"
search_path = "/usr/bin:/bin"
trusted_mounts = ["/opt/tools", "/net/my tools"]
notify.default = ["ops", "terminals"]

[limits]
pending = 1
pending_per_person = 2
connections_per_uid = 3
runs = "4/s, burst 5"
running_per_person = 6

[recordings]
mib_per_run = 4
mib_in_all = 5
days = 6

[accounts."EXAMPLE.ORG"]
name = "{name}@example.org"
fold = true

[principals]
"Alice/Admin@EXAMPLE.ORG" = "alice-adm"
"soar/ops@EXAMPLE.ORG" = "soar"
"jürgen@EXAMPLE.NET" = "juergen"

[people]
alice = ["alice", "alice-adm"]
bob = ["bob-adm"]

[approvers."zoe@TRUSTED.ORG"]
person = "bob-adm"
groups = ["ops", "domain users"]
key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f zoe's desk"
[approvers."JÜRGEN@EXAMPLE.ORG"]

[approvals]
keys = "/etc/jitd/other_signers"
signed = "touch"

[door]
listen = true
operators = { ticket_age = "10m", forwarded = "refuse" }

[providers.risk]
kind = "http"
url = "https://risk.example.org/v1/score"
facts = { risk = "int" }

[gatekeepers.opa]
kind = "opa"
url = "unix:/run/opa.sock"
path = "jit/allow"

[notify.ops]
kind = "mail"
from = "jitd@db1.example.org"
to = ["ops@example.org"]
"""


def test_a_whole_file(place: Path) -> None:
    found = load(write(place, WHOLE), owner=ME)
    gates, outsiders = found.of(GateSection), found.of(OutsiderSection)
    assert found.realms == {"EXAMPLE.ORG", "EXAMPLE.NET"}
    assert found.host == "db1.example.org"
    assert [str(path) for path in (found.keytab, found.socket, found.state, found.policy, gates.kdc, outsiders.outside)] == [
        "/etc/jitd/other.keytab",
        "/run/other/jitd.sock",
        "/var/lib/other",
        "/etc/jitd/other.d",
        "/run/other/kdc.sock",
        "/run/other/outside.sock",
    ]
    assert gates.renew == 3600
    assert (outsiders.providers.keys(), outsiders.gatekeepers.keys()) == ({"risk"}, {"opa"})
    assert (found.database, found.executor, found.min_uid, found.root) == ("sqlite", "direct", 500, "deny")
    assert found.operators == ("group:security", "principal:alice/admin@EXAMPLE.ORG")
    assert found.auditors == ("group:audit",)
    assert found.search_path == "/usr/bin:/bin"
    assert found.trusted_mounts == ("/opt/tools", "/net/my tools")
    assert found.trusted_places == (b"/opt/tools", b"/net/my tools")
    assert found.limits == Limits(1, 2, 3, Rate(4, 5), 6)
    assert found.recordings == Recordings(4, 5, 6)
    assert found.accounts == {"EXAMPLE.ORG": Form("", "@example.org", folds=True)}
    assert found.principals == {
        "alice/admin@EXAMPLE.ORG": "alice-adm",
        "soar/ops@EXAMPLE.ORG": "soar",
        "jürgen@EXAMPLE.NET": "juergen",
    }
    assert found.people == {"alice": {"alice", "alice-adm"}, "bob": {"bob-adm"}}
    assert found.approvers == {
        "zoe@TRUSTED.ORG": Approver("bob", frozenset({"ops", "domain users"}), ZOES_KEY),
        "jÜrgen@EXAMPLE.ORG": Approver("jÜrgen@EXAMPLE.ORG"),
    }
    assert found.door == Door(listen=True, operators=Demand(ticket_age=600, forwarded="refuse", door=True))
    assert set(KEYS) == {line.split("=")[0].strip().partition(".")[0] for line in WHOLE.split("\n[")[0].split("\n") if line} | {
        "limits",
        "recordings",
        "accounts",
        "principals",
        "people",
        "providers",
        "gatekeepers",
        "sinks",
        "record",
        "givers",
        "pam",
        "door",
        "approvals",
        "approvers",
    }
    assert found.approvals == Approvals(Path("/etc/jitd/other_signers"), "touch")
    assert outsiders.notify.channels["ops"].to == ("ops@example.org",)
    assert outsiders.notify.default == ("ops", "terminals")


def test_the_defaults(place: Path) -> None:
    krb5_conf = write(place, "[libdefaults]\n default_realm = EXAMPLE.ORG\n", "krb5.conf")
    for found in (
        load(write(place, ""), owner=ME, krb5_conf=krb5_conf),
        load(owner=ME, default=place / "none.toml", krb5_conf=krb5_conf),
    ):
        assert found.realms == {"EXAMPLE.ORG"}
        assert found.host == host_name().lower()
        assert str(found.keytab) == "/etc/jitd/jitd.keytab"
        assert str(found.socket) == "/run/jitd/jitd.sock"
        assert str(found.state) == "/var/lib/jitd"
        assert str(found.policy) == "/etc/jitd/policy.d"
        assert str(found.of(GateSection).kdc) == "/run/jitd-kdc/kdc.sock"
        assert found.of(GateSection).renew == 600
        assert (found.database, found.executor, found.operators) == ("sqlite", "auto", ())
        assert (found.min_uid, found.root) == (1000, "permit")
        assert found.search_path == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        assert found.limits == Limits(10000, 20, 200)
        assert found.principals == found.people == {}


def test_settings_do_not_change(place: Path) -> None:
    found = load(write(place, WHOLE), owner=ME)
    with pytest.raises(FrozenInstanceError):
        found.root = "permit"  # type: ignore[misc]
    with pytest.raises(TypeError):
        found.principals["root@X"] = "root"  # type: ignore[index]
    with pytest.raises(TypeError):
        found.people["x"] = frozenset()  # type: ignore[index]


PATH = "must be an absolute path"
BELOW = "must be an absolute directory below /, without a slash at its end"
WHO = 'must be "group:NAME", "user:NAME" or "principal:NAME@REALM"'


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ("realm = 1", [(3, 'unknown key "realm": did you mean "realms"?')]),
        ("[limit]", [(3, 'unknown key "limit": did you mean "limits"?')]),
        ("[gatekeeper.x]", [(3, 'unknown key "gatekeeper": did you mean "gatekeepers"?')]),
        ('keytab = "jitd.keytab"', [(3, f'"keytab" {PATH}')]),
        ('keytab = "FILE:/etc/jitd/jitd.keytab"', [(3, f'"keytab" {PATH}')]),
        ('keytab = ""', [(3, f'"keytab" {PATH}')]),
        ("keytab = 1", [(3, '"keytab" must be a string')]),
        ('socket = "@jitd"', [(3, f'"socket" {PATH}')]),
        ('socket = "/run/../tmp/x"', [(3, f'"socket" {PATH}')]),
        (
            'socket = "/' + "x" * 107 + '"',
            [(3, '"socket" is longer than the 107 bytes that a socket\'s address holds')],
        ),
        ('state = "/var\\u0000"', [(3, f'"state" {PATH}')]),
        ('policy = ["/etc"]', [(3, '"policy" must be a string')]),
        (
            'database = "postgresql://db/jitd"',
            [(3, '"database" must be "sqlite": this version of jitd does not support PostgreSQL yet')],
        ),
        (
            'database = "postgres://db/jitd"',
            [(3, '"database" must be "sqlite": this version of jitd does not support PostgreSQL yet')],
        ),
        ('database = "mysql://x"', [(3, '"database" must be "sqlite" or a PostgreSQL address (postgresql://…)')]),
        ('database = ""', [(3, '"database" must be "sqlite" or a PostgreSQL address (postgresql://…)')]),
        ('executor = "docker"', [(3, '"executor" must be "auto" or "direct" or "unit", not "docker"')]),
        ("executor = true", [(3, '"executor" must be a string')]),
        ('operators = "group:security"', [(3, '"operators" must be a list of strings')]),
        ('operators = [\n"group:a",\n"security"]', [(5, f'"operators": "security" {WHO}')]),
        ('renew = "9s"', [(3, '"renew" must be a duration from 10s to 1d, such as "10m", or "off"')]),
        ('renew = "25h"', [(3, '"renew" must be a duration from 10s to 1d, such as "10m", or "off"')]),
        ('renew = "never"', [(3, '"renew" must be a duration from 10s to 1d, such as "10m", or "off"')]),
        ("renew = 600", [(3, '"renew" must be a duration from 10s to 1d, such as "10m", or "off"')]),
        ("renew = false", [(3, '"renew" must be a duration from 10s to 1d, such as "10m", or "off"')]),
        ("min_uid = 0", [(3, '"min_uid" must be a whole number from 1 to 4294967294')]),
        ("min_uid = -1", [(3, '"min_uid" must be a whole number from 1 to 4294967294')]),
        ("min_uid = 4294967295", [(3, '"min_uid" must be a whole number from 1 to 4294967294')]),
        ("min_uid = true", [(3, '"min_uid" must be a whole number from 1 to 4294967294')]),
        ('min_uid = "1000"', [(3, '"min_uid" must be a whole number from 1 to 4294967294')]),
        ("min_uid = 1000.0", [(3, '"min_uid" must be a whole number from 1 to 4294967294')]),
        ('root = "allow"', [(3, '"root" must be "permit" or "deny", not "allow"')]),
        ("root = true", [(3, '"root" must be a string')]),
        ('search_path = ""', [(3, '"search_path" must be absolute directories with colons between them')]),
        ('search_path = "/bin:"', [(3, '"search_path" must be absolute directories with colons between them')]),
        ('search_path = "/bin:."', [(3, '"search_path" must be absolute directories with colons between them')]),
        ('search_path = "/bin::/sbin"', [(3, '"search_path" must be absolute directories with colons between them')]),
        (
            'search_path = "/bin:/usr/../sbin"',
            [(3, '"search_path" must be absolute directories with colons between them')],
        ),
        ('search_path = ["/bin"]', [(3, '"search_path" must be a string')]),
        ('trusted_mounts = "/opt/tools"', [(3, '"trusted_mounts" must be a list of strings')]),
        *(
            (f'trusted_mounts = ["{place}"]', [(3, f'"trusted_mounts": "{place}" {BELOW}')])
            for place in ("opt", "/", "/opt/", "/opt/../tools", "/opt//tools")
        ),
        ("limits = 1", [(3, '"limits" must be a table')]),
        ("[limits]\npending = 0", [(4, '"pending" must be a whole number from 1 to 1000000')]),
        ("[limits]\npending_per_user = 1", [(4, 'unknown key "pending_per_user": did you mean "pending_per_person"?')]),
        (
            "[limits]\nconnections_per_uid = inf",
            [(4, '"connections_per_uid" must be a whole number from 1 to 1000000')],
        ),
        *(
            (
                f"[limits]\nruns = {value}",
                [(4, '"runs" must be such as "10/s, burst 2000": how many a second, and how many in a row')],
            )
            for value in ('"10"', '"0/s, burst 5"', '"5/s, burst 0"', '"5/m, burst 5"', '" 5/s, burst 5"', '"5/s, burst ५"')
        ),
        ("[limits]\nruns = 10", [(4, '"runs" must be a string')]),
        ("principals = []", [(3, '"principals" must be a table')]),
        ('[principals]\nalice = "alice"', [(4, '"alice" is not a principal with its realm')]),
        ('[principals]\n"alice@" = "alice"', [(4, '"alice@" is not a principal with its realm')]),
        ('[principals]\n"@X" = "alice"', [(4, '"@X" is not a principal with its realm')]),
        ('[principals]\n"*@X" = "alice"', [(4, '"*@X" is not a principal with its realm')]),
        ('[principals]\n"a\\u0000@X" = "alice"', [(4, '"a\\x00@X" is not a principal with its realm')]),
        ('[principals]\n"a@X" = ""', [(4, '"a@X" must be given the name of an account')]),
        ('[principals]\n"a@X" = 0', [(4, '"a@X" must be given the name of an account')]),
        ('[principals]\n"a@X" = ["a"]', [(4, '"a@X" must be given the name of an account')]),
        ('[principals]\n"a@X" = "root"', [(4, '"a@X" cannot be root: root asks without a ticket and reviews nothing')]),
        ('[people]\nalice = "alice"', [(4, '"alice" must be a list of strings')]),
        ("[people]\nalice = []", [(4, '"alice" is empty')]),
        ('[people]\nalice = ["a:b"]', [(4, '"alice": "a:b" is not the name of an account')]),
        ('[people]\n"" = ["a"]', [(4, '"" is not the name of a person')]),
        ('[people]\nalice = ["x", "x"]', [(4, 'the account "x" is listed twice: it belongs to one person')]),
        ('[people]\nalice = ["x"]\nbob = ["x"]', [(5, 'the account "x" is listed twice: it belongs to one person')]),
        (
            '[people]\nalice = ["bob"]\nbob = ["bob-adm"]',
            [(4, 'the account "bob" is listed twice: it belongs to one person')],
        ),
        ("root =", [(3, "is not TOML: invalid value")]),
        ('root = "permit"\nroot = "deny"\n', [(4, "is not TOML: cannot overwrite a value")]),
        (
            'rot = 1\nroot = "x"\n[limits]\npending = "x"',
            [
                (3, 'unknown key "rot": did you mean "root"?'),
                (4, '"root" must be "permit" or "deny", not "x"'),
                (6, '"pending" must be a whole number from 1 to 1000000'),
            ],
        ),
    ],
)
def test_what_is_wrong(place: Path, added: str, expected: list[tuple[int, str]]) -> None:
    file = write(place, REALM + added)
    assert faults(file) == expected
    assert [(fault.line, fault.sentence) for fault in check(file)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("realms = []", [(1, '"realms" is empty')]),
        ('realms = "X"', [(1, '"realms" must be a list of strings')]),
        ('realms = ["X Y"]', [(1, '"realms": "X Y" is not a realm')]),
        ('realms = ["X", ""]', [(1, '"realms": "" is not a realm')]),
        ('realms = ["X"]\nhost = ""', [(2, '"host" must be a host name of at most 253 characters, not ""')]),
        ('realms = ["X"]\nhost = "db1/x"', [(2, '"host" must be a host name of at most 253 characters, not "db1/x"')]),
        ('realms = ["X"]\nhost = ".db1"', [(2, '"host" must be a host name of at most 253 characters, not ".db1"')]),
        ('realms = ["X"]\nhost = 1', [(2, '"host" must be a string')]),
    ],
)
def test_what_is_wrong_with_realms_and_host(place: Path, text: str, expected: list[tuple[int, str]]) -> None:
    assert faults(write(place, text)) == expected


TWO = 'realms = ["A", "B"]\nhost = "x"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            TWO,
            [
                (
                    1,
                    "the realms A and B name the same accounts: give one of them another name in [accounts], or, if a name "
                    'always means one person in both: [accounts."B"] shared_with = ["A"]',
                )
            ],
        ),
        (TWO + '[accounts.B]\nname = "{name}@b"', None),
        (TWO + '[accounts.B]\nshared_with = ["A"]', None),
        (TWO + '[accounts.A]\nshared_with = ["B"]', None),
        (TWO + '[accounts.A]\nname = "A\\\\{name}"\n[accounts.B]\nname = "B+{name}"', None),
        (TWO + '[accounts.C]\nname = "{name}@b"', [(1, ...), (3, '"C" is not one of "realms"')]),
        (TWO + '[accounts.B]\nshared_with = ["C"]', [(1, ...), (4, '"shared_with": "C" is not another one of "realms"')]),
        (TWO + '[accounts.B]\nshared_with = ["B"]', [(1, ...), (4, '"shared_with": "B" is not another one of "realms"')]),
        (REALM + '[accounts."EXAMPLE.ORG"]\nfold = "yes"', [(4, '"fold" must be true or false')]),
        (REALM + '[accounts."EXAMPLE.ORG"]\nnames = "{name}"', [(4, 'unknown key "names": did you mean "name"?')]),
        *(
            (
                REALM + f"[accounts.'EXAMPLE.ORG']\nname = '{form}'",
                [(4, '"name" must be "{name}", "{name}@" and a domain, or a domain with \\\\ or + and "{name}"')],
            )
            for form in (
                "", "name", "x{name}", "{name}x", "{name}{name}", "{name}@", "{name}@a b", "\\{name}", "A/{name}", "A\\{name}@a",
                "A:{name}", "@{name}", "{name}@a@b", "-A\\{name}", "{name}\n",
            )
            if "\n" not in form
        ),
        (
            REALM + '[accounts."EXAMPLE.ORG"]\nfold = true\n[principals]\n"J@EXAMPLE.ORG" = "j"\n"j@EXAMPLE.ORG" = "k"',
            [(7, '"j@EXAMPLE.ORG" is listed twice: its realm folds upper case ([accounts])')],
        ),
    ],
)  # fmt: skip
def test_what_the_accounts_of_a_realm_may_be_called(place: Path, text: str, expected: list[tuple[int, object]] | None) -> None:
    file = write(place, text)
    if expected is None:
        assert check(file) == []
    else:
        found = [(fault.line, fault.sentence) for fault in check(file)]
        assert [line for line, _ in found] == [line for line, _ in expected]
        assert all(said in (..., sentence) for (_, sentence), (_, said) in zip(found, expected, strict=True)), found


@pytest.mark.parametrize(("said", "seconds"), [("10s", 10), ("1d", 86_400), ("1h30m", 5400), ("off", None)])
def test_a_grant_is_renewed_as_often_as_is_said_or_never(place: Path, said: str, seconds: int | None) -> None:
    assert load(write(place, f'{REALM}renew = "{said}"\n'), owner=ME).of(GateSection).renew == seconds


def test_a_host_without_a_default_realm_must_name_its_realms(place: Path) -> None:
    none = place / "none.conf"
    assert faults(write(place, ""), krb5_conf=none) == [(0, f'needs "realms": {none} names no default_realm')]


def test_what_may_be_at_its_bounds(place: Path) -> None:
    text = f'socket = "/{"x" * 106}"\nmin_uid = 4294967294\noperators = []\n[limits]\npending = 1000000\n'
    found = load(write(place, REALM + text), owner=ME)
    assert (len(str(found.socket)), found.min_uid, found.limits.pending) == (107, 4294967294, 1000000)
    write(place, (REALM + text).encode().ljust(1 << 20, b"#"))
    assert load(place / "jitd.toml", owner=ME) == found


@pytest.mark.parametrize("executor", ["auto", "direct", "unit"])
def test_what_houses_the_runs(place: Path, executor: str) -> None:
    assert load(write(place, REALM + f'executor = "{executor}"'), owner=ME).executor == executor


# --- the file itself -------------------------------------------------------------------------------------------------


def test_a_file_that_was_named_must_be_there(place: Path) -> None:
    assert faults(place / "none.toml") == [(0, "cannot be read: No such file or directory")]


def test_a_default_file_that_is_a_link_to_nowhere_is_not_a_missing_one(place: Path) -> None:
    (place / "jitd.toml").symlink_to("nowhere")
    assert faults(None, default=place / "jitd.toml") == [(0, "cannot be read: No such file or directory")]


@pytest.mark.parametrize("mode", [0o646, 0o664, 0o622])
def test_a_file_that_others_may_write_is_refused(place: Path, mode: int) -> None:
    file = write(place, REALM)
    file.chmod(mode)
    assert faults(file)[0][1] in ("may be written by anyone", "may be written by its group")
    assert check(file) == []


def test_a_file_in_a_directory_that_others_may_write_is_refused(place: Path) -> None:
    file = write(place, REALM)
    place.chmod(0o777)
    with pytest.raises(ConfigError) as caught:
        load(file, owner=ME)
    assert caught.value.faults == (Fault(str(place), 0, "", "may be written by anyone"),)
    place.chmod(0o1777)
    assert load(file, owner=ME).host == "db1.example.org"


def test_a_link_into_a_directory_that_others_may_write_is_refused(place: Path) -> None:
    (place / "open").mkdir()
    (place / "open").chmod(0o777)
    write(place / "open", REALM)
    (place / "jitd.toml").symlink_to("open/jitd.toml")
    assert faults(place / "jitd.toml") == [(0, "may be written by anyone")]


def test_somebody_elses_file_is_refused(place: Path) -> None:
    file = write(place, REALM)
    if ME == 0:
        os.chown(file, 4711, -1)
        assert faults(file) == [(0, "belongs to uid 4711, not to root")]
    else:
        with pytest.raises(ConfigError):
            load(file)


def test_what_is_no_file_is_refused_and_does_not_hang(place: Path) -> None:
    os.mkfifo(place / "fifo", stat.S_IRUSR | stat.S_IWUSR)
    assert faults(place / "fifo") == [(0, "is not a regular file")]
    assert faults(place) == [(0, "is not a regular file")]
    assert faults(write(place, b"\n\xff")) == [(2, "is not UTF-8")]
    assert faults(write(place, b"#" * (1 << 20) + b"#")) == [(0, "is longer than 1048576 bytes")]


def test_which_files_hold_settings(place: Path) -> None:
    assert is_settings(write(place, "nonsense"))
    assert is_settings(write(place, 'realms = ["X"]', "other.toml"))
    assert not is_settings(write(place, "[[permit]]", "policy.toml"))
    assert not is_settings(write(place, "nonsense", "broken.toml"))
    assert not is_settings(place / "none.toml")


# --- what the host says of itself ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "realm"),
    [
        ("[libdefaults]\n\tdefault_realm = EXAMPLE.ORG\n", "EXAMPLE.ORG"),
        ("[libdefaults]\ndefault_realm=EXAMPLE.ORG\n", "EXAMPLE.ORG"),
        ('[libdefaults]*\n default_realm = "EXAMPLE.ORG"\n', "EXAMPLE.ORG"),
        ("[libdefaults]\n default_realm = A\n default_realm = B\n", "A"),
        ("[realms]\n default_realm = A\n[libdefaults]\n default_realm = B\n", "B"),
        ("[realms]\n default_realm = A\n", None),
        ("[libdefaults]\n# default_realm = A\n; default_realm = B\n", None),
        ("[libdefaults]\n default_realms = A\n", None),
        ("", None),
        ("include {0}/more.conf\n", "MORE.ORG"),
        ("[libdefaults]\n default_realm = A\ninclude {0}/more.conf\n", "A"),
        ("includedir {0}/conf.d\n", "DIR.ORG"),
        ("includedir {0}/none\n[libdefaults]\ndefault_realm = A\n", "A"),
        ("include {0}/krb5.conf\n", None),
    ],
)
def test_the_default_realm(place: Path, text: str, realm: str | None) -> None:
    write(place, "[libdefaults]\n default_realm = MORE.ORG\n", "more.conf")
    (place / "conf.d").mkdir()
    for name, found in ((".hidden.conf", "A"), ("10.conf~", "B"), ("10.conf", "DIR.ORG"), ("20-x", "C")):
        write(place / "conf.d", f"[libdefaults]\n default_realm = {found}\n", name)
    assert default_realm(write(place, text.format(place), "krb5.conf")) == realm


def test_a_host_without_krb5_conf_has_no_default_realm(place: Path) -> None:
    assert default_realm(place / "none") is None


@pytest.mark.parametrize(
    ("short", "said", "name"),
    [
        ("db1.example.org", "other.example.org", "db1.example.org"),
        ("db1", "db1.example.org", "db1.example.org"),
        ("db1", "localhost.localdomain", "db1"),
        ("db1", "db1", "db1"),
        ("db1", "", "db1"),
        ("db1", None, "db1"),
        ("db1", "db1.\udcff", "db1"),
        ("db1", socket.gaierror(-2, "Name or service not known"), "db1"),
        ("db1", UnicodeError("label too long"), "db1"),
    ],
)
def test_the_name_of_the_host(monkeypatch: pytest.MonkeyPatch, short: str, said: str | None | Exception, name: str) -> None:
    def look(*args: object, **options: object) -> list[tuple[object, ...]]:
        if isinstance(said, Exception):
            raise said
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, said, ("192.0.2.1", 0))]

    monkeypatch.setattr(host, "PATIENCE", PATIENCE)
    monkeypatch.setattr(socket, "gethostname", lambda: short)
    monkeypatch.setattr(socket, "getaddrinfo", look)
    assert host_name() == name


def test_a_name_server_that_is_silent_costs_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    is_over = threading.Event()
    monkeypatch.setattr(socket, "gethostname", lambda: "db1")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: [] if is_over.wait(60) else [])
    monkeypatch.setattr(host, "PATIENCE", 0.05)
    assert host_name() == "db1"
    is_over.set()


@pytest.mark.parametrize(("kind", "is_refused"), [("ssh-certificate", True), ("sudoers", False)])
def test_what_a_person_has_alone_is_not_mended(tmp_path: Path, kind: str, is_refused: bool) -> None:
    """A certificate that was revoked stays revoked: another one would be nobody's."""
    keys = {"ssh-certificate": 'ca = "/etc/jitd/ca"\nprincipals = ["ops"]', "sudoers": 'lines = ["ALL=(root) /usr/bin/id"]'}
    file = tmp_path / "jitd.toml"
    file.write_text(f'[givers.x]\nkind = "{kind}"\ndrift = "mend"\n{keys[kind]}\n')
    file.chmod(0o644)
    try:
        load_givers(file, os.getuid())
        said = ""
    except ConfigError as error:
        said = str(error.faults[0])
    assert bool(said) == is_refused
    assert not said or ('"mend" is not for kind "ssh-certificate"' in said and ":3:" in said)


LITERAL = {
    "ssh-certificate": ('ca = "/etc/jitd/ca"\nprincipals = ["ops", "{principal}"]', '"{principal}" is not a name'),
    "vault": (
        'url = "https://vault.example.org"\nrole = "ssh/sign/ops"\nsecret = "/etc/jitd/keys/t"\n'
        'parameters = { valid_principals = "x-{user}" }',
        '"valid_principals"',
    ),
}


@pytest.mark.parametrize("kind", LITERAL)
def test_a_word_in_braces_that_nothing_is_put_for_is_a_fault_and_no_name(tmp_path: Path, kind: str) -> None:
    """A certificate for the literal word would be one that everybody gets alike."""
    keys, said = LITERAL[kind]
    file = tmp_path / "jitd.toml"
    file.write_text(f'[givers.x]\nkind = "{kind}"\n{keys}\n')
    file.chmod(0o644)
    with pytest.raises(ConfigError) as error:
        load_givers(file, os.getuid())
    (found,) = (str(fault) for fault in error.value.faults if "in the place of" in str(fault))
    assert said in found and f"{file}:" in found


def test_braces_that_the_other_side_fills_in_are_no_fault() -> None:
    words = ("{{identity.entity.name}}", "{}", "{8F1C-22}", "a{b", "a b")
    assert [placeholder_in(word) for word in words] == [""] * len(words)
    assert placeholder_in("ops-{user}") == "{user}"


@pytest.mark.parametrize("deed", ["give", "take", "look"])
def test_a_program_that_jitd_could_never_run_gives_nothing(tmp_path: Path, deed: str) -> None:
    """What no program can take back would be kept for ever."""
    words = dict.fromkeys(("give", "take", "look"), ["/usr/bin/true"]) | {deed: ["/usr/bin/true", *64 * ["x"]]}
    file = tmp_path / "jitd.toml"
    file.write_text('[givers.x]\nkind = "program"\n' + "".join(f"{key} = {line}\n" for key, line in words.items()))
    file.chmod(0o644)
    with pytest.raises(ConfigError, match=f'"{deed}" has more than 64 words, or more than 8192 characters'):
        load_givers(file, os.getuid())


FOLDS = """realms = ["AD.TEST"]
[accounts."AD.TEST"]
name = "{name}@ad.test"
fold = true
"""


def test_the_accounts_of_a_realm_that_folds_have_one_spelling(place: Path) -> None:
    """THREATS K-24: nobody reviews their own request because their other account is spelled otherwise in the settings."""
    file = write(
        place,
        FOLDS
        + '[people]\njohn = ["JSmith@ad.test", "jsmith-adm@AD.test", "Local"]\n"Mary@ad.test" = ["mary-adm@ad.test"]\n'
        + '[principals]\n"svc/x@AD.TEST" = "SVC@ad.test"\n',
    )
    found = load(file, owner=ME)
    assert found.people["john"] == {"jsmith@ad.test", "jsmith-adm@ad.test", "Local"}
    assert found.people["Mary@ad.test"] == {"mary@ad.test", "mary-adm@ad.test"}
    assert found.principals == {"svc/x@AD.TEST": "svc@ad.test"}
    twice = write(place, FOLDS + '[people]\na = ["JSmith@ad.test"]\nb = ["jsmith@ad.test"]\n')
    assert [told for _, told in faults(twice)] == ['the account "jsmith@ad.test" is listed twice: it belongs to one person']


@pytest.mark.parametrize(
    "rest", ['[people]\njohn = ["Admin"]\n', '[people]\nAdmin = ["adm"]\n', '[principals]\n"svc/x@AD.TEST" = "Admin"\n']
)
def test_a_name_that_may_be_an_account_of_the_host_or_of_a_realm_is_a_fault(place: Path, rest: str) -> None:
    """THREATS K-24: where the accounts of a realm that folds have no domain."""
    bare = FOLDS.replace('name = "{name}@ad.test"\n', "")
    assert bare != FOLDS
    (fault,) = faults(write(place, bare + rest))
    assert 'write "admin"' in fault[1] and load(write(place, bare + rest.replace("Admin", "admin")), owner=ME)


APPROVERS = [
    ('[approvers]\n"zoe@TRUSTED.ORG" = "bob"', (4, '"zoe@TRUSTED.ORG" must be a table')),
    ('[approvers."zoe"]', (3, '"zoe" is not a principal with its realm')),
    ('[approvers."local:zoe@X"]', (3, '"local:zoe@X" is not a principal with its realm')),
    ('[approvers."zoe@T"]\nperson = ""', (4, '"person": "" is not the name of a person')),
    ('[approvers."zoe@T"]\nperson = "a:b"', (4, '"person": "a:b" is not the name of a person')),
    ('[approvers."zoe@T"]\nperson = "root"', (4, '"person": root reviews nothing')),
    ('[approvers."zoe@T"]\nperson = "al@EXAMPLE.ORG"', (4, '"al@EXAMPLE.ORG" is a principal: write the name of its person')),
    ('[approvers."zoe@T"]\nperson = "yan@T"\n[approvers."yan@T"]', (4, '"yan@T" is a principal: write the name of its person')),
    ('[approvers."zoe@T"]\ngroups = ["group:ops"]', (4, '"group:ops" is not the name of a group, such as "ops"')),
    ('[approvers."zoe@T"]\nkey = "ssh-ed25519 AAAA"', (4, '"key": the key is cut off')),
    (f'[approvers."zoe@T"]\nkey = "{OF_A_WEBSITE}"', (4, '"key": the key was made for something else than ssh')),
    ('[approvals]\nkeys = "signers"', (4, '"keys" must be an absolute path')),
    ('[approvals]\nsigned = "finger"', (4, '"signed" must be true, "synced", "touch" or "pin"')),
    ("[approvals]\nsigned = 1", (4, '"signed" must be true, "synced", "touch" or "pin"')),
    ('[approvers."zoe@T"]\ngroups = "ops"', (4, '"groups" must be a list of strings')),
    ('[approvers."zoe@T"]\ngroup = ["ops"]', (4, 'unknown key "group": did you mean "groups"?')),
    ('[approvers."alice@EXAMPLE.ORG"]\nperson = "bob"', (4, 'belongs to "alice": say in [people] whose it is')),
    ("[door]\noperators = {}", (4, '"operators" must have "ticket_age" or "indicators"')),
    ('[door]\noperators = { forwarded = "refuse" }', (4, '"operators" must have "ticket_age" or "indicators"')),
    ('[door]\noperators = { ticket_age = "10m", door = true }', (4, 'unknown key "door"')),
    ("[door]\noperators = true", (4, '"operators" must be a table')),
]


@pytest.mark.parametrize(("text", "fault"), APPROVERS, ids=[text for text, _ in APPROVERS])
def test_what_makes_no_sense_about_the_door_and_its_people_is_a_fault(place: Path, text: str, fault: tuple[int, str]) -> None:
    (found,) = faults(write(place, REALM + text))
    assert found[0] == fault[0] and fault[1] in found[1], found


def test_a_principal_without_an_account_is_listed_once_in_any_spelling(place: Path) -> None:
    folds = '[accounts."EXAMPLE.ORG"]\nfold = true\n'
    (found,) = faults(write(place, f'{REALM}{folds}[approvers."Zoe/X@EXAMPLE.ORG"]\n[approvers."zoe/x@EXAMPLE.ORG"]'))
    assert found == (6, '"zoe/x@EXAMPLE.ORG" is listed twice: its realm folds upper case ([accounts])')
