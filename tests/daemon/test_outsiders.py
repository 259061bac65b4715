# SPDX-License-Identifier: Apache-2.0
"""``[providers.*]`` and ``[gatekeepers.*]``: what each key means, and that every fault is told at once, with its line."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jitd.core.names import Name
from jitd.core.toml_document import ConfigError
from jitd.settings.config import load
from jitd_outsiders.asking.settings import GatekeeperSettings, Program, Provider, Reach, deadlines, fact_names, key_files
from jitd_outsiders.settings import OutsiderSection

ME = os.geteuid()
CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
PUBLIC = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a file of each kind, of which nobody else may read what is secret."""
    place = tmp_path.resolve()
    place.chmod(0o755)
    (place / "keys").mkdir(mode=0o700)
    for name, text, mode in (
        ("ca.pem", CA, 0o644), ("public.pem", PUBLIC, 0o644), ("keys/own.key", "x", 0o600), ("keys/client.pem", "x", 0o600),
        ("keys/open.key", "x", 0o644), ("keys/shared.key", "x", 0o620), ("open.pem", CA, 0o666), ("other.key", "x", 0o600),
    ):  # fmt: skip
        (place / name).write_text(text)
        (place / name).chmod(mode)
    return place


NO_SOCKET = (
    '"url" must be unix: and the absolute path of a socket, of at most 107 characters and 32 parts, none of them . or .., '
    'such as "unix:/run/opa.sock"'
)


def read(place: Path, text: str) -> OutsiderSection:
    file = place / "jitd.toml"
    file.write_text('realms = ["EXAMPLE.ORG"]\nhost = "db1.example.org"\n' + text.replace("{place}", str(place)))
    file.chmod(0o644)
    return load(file, owner=ME, keys_at=place / "keys").of(OutsiderSection)


def faults(place: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(place, text)
    return [fault.sentence.replace(str(place), "{place}") for fault in caught.value.faults]


WHOLE = """\
[providers.risk]
kind = "http"
url = "https://Risk.example.org:443/v1/score"
facts = { risk = "int", seen = "timestamp", zones = "list" }
sends = ["requester", "argv"]
deadline = "3s"
fresh = "30s"
silence = { risk = 100, seen = 2001-01-01T00:00:00Z, zones = ["all"] }

[providers.host]
kind = "program"
program = ["/usr/lib/jitd-host", "--all"]
facts = { pending_updates = "int" }

[gatekeepers.change-calendar]
kind = "webhook"
url = "https://changes.example.org/jit"
deadline = "1m"
fresh = "10m"
polls = true
answers = "signed"
key = "{place}/public.pem"
addresses = ["10.1.2.0/24", "fd00::1"]
ca = "{place}/ca.pem"
client_certificate = "{place}/keys/client.pem"
secret = "{place}/keys/own.key"

[gatekeepers.opa]
kind = "opa"
url = "unix:/run/opa.sock"
path = "jit/allow"

[gatekeepers.opa-elsewhere]
kind = "opa"
url = "https://opa.example.org"
path = "jit/allow"

[gatekeepers.by-hand]
kind = "program"
program = ["/usr/lib/ask"]
network = true
"""


def test_a_whole_file_is_read(place: Path) -> None:
    found = read(place, WHOLE)
    assert dict(found.providers) == {
        "risk": Provider(
            "risk",
            Reach("https://risk.example.org/v1/score"),
            {"risk": "int", "seen": "timestamp", "zones": "list"},
            ("requester", "argv"),
            3,
            30,
            {"risk": 100, "seen": datetime(2001, 1, 1, tzinfo=UTC), "zones": ("all",)},
        ),
        "host": Provider("host", Program(("/usr/lib/jitd-host", "--all")), {"pending_updates": "int"}),
    }
    keys = place / "keys"
    reach = Reach(
        "https://changes.example.org/jit", "", ("10.1.2.0/24", "fd00::1/128"), CA, keys / "client.pem", keys / "own.key"
    )
    assert dict(found.gatekeepers) == {
        "change-calendar": GatekeeperSettings("change-calendar", reach, False, 60, 600, True, PUBLIC),
        "opa": GatekeeperSettings("opa", Reach("http://localhost/v1/data/jit/allow", "/run/opa.sock"), True),
        "opa-elsewhere": GatekeeperSettings("opa-elsewhere", Reach("https://opa.example.org/v1/data/jit/allow"), True),
        "by-hand": GatekeeperSettings("by-hand", Program(("/usr/lib/ask",), network=True)),
    }


def test_what_others_need_of_it(place: Path) -> None:
    found = read(place, WHOLE)
    assert deadlines(found.gatekeepers) == {"change-calendar": 60, "opa": 10, "opa-elsewhere": 10, "by-hand": 10}
    keys = {name: place / "keys" / name for name in ("client.pem", "own.key")}
    assert key_files(found.providers, found.gatekeepers) == keys
    assert fact_names(found.providers) == {
        "fact.risk": Name("int", "provider risk", "what provider risk says", True),
        "fact.seen": Name("timestamp", "provider risk", "what provider risk says", True),
        "fact.zones": Name("list", "provider risk", "what provider risk says", True),
        "fact.pending_updates": Name("int", "provider host", "what provider host says", False),
    }


RISK = '[providers.risk]\nkind = "http"\nurl = "https://a.example/"\nfacts = { risk = "int" }\n'
HOOK = '[gatekeepers.hook]\nkind = "webhook"\nurl = "https://a.example/"\n'
OPA = '[gatekeepers.opa]\nkind = "opa"\npath = "a"\n'
RUN = '[gatekeepers.run]\nkind = "program"\n'
WRONG: list[tuple[str, list[str]]] = [
    ("[providers.risk]", ['needs "kind"', 'needs "facts"', 'needs "url"']),
    (RISK.replace('"http"', '"https"'), ['"kind" must be "http" or "program", not "https"']),
    (RISK.replace("risk]", "Risk]"), ['"Risk" is not a name for a provider: small letters, digits and hyphens, at most 32']),
    (RISK.replace('{ risk = "int" }', "{}"), ['"facts" is empty: name at least one fact and its type, such as { risk = "int" }']),
    (RISK.replace('"int"', '"integer"'),
     ['"risk" must be "bool" or "int" or "double" or "string" or "timestamp" or "list", not "integer"']),
    (RISK.replace('{ risk =', "{ Risk ="),
     ['"Risk" is not a name for a fact: small letters, digits and underscores, at most 32']),
    (RISK.replace('{ risk =', "{ load ="), ['"load" is a fact that jitd has itself: choose another name']),
    (RISK + RISK.replace("providers.risk", "providers.more"), ['"risk" is a fact of provider risk already']),
    (RISK + 'sends = ["password"]',
     ['"sends": "password" is not one of requester, host, user, groups, group_ids, run_as, service, path, argv, cwd, reason']),
    (RISK + 'deadline = "0s"', ['"deadline" must be a duration from 1s to 3650d, such as "15m" or "1h30m"']),
    (RISK + 'deadline = "11m"', ['"deadline" is at most 10m']),
    (RISK + 'fresh = "11m"', ['"fresh" must be a duration from 0s to 10m']),
    (RISK + "fresh = 0", ['"fresh" must be a duration from 0s to 10m']),
    (RISK + 'silence = "permit"', ['"silence" must be "deny", or the worst value of each fact, such as { risk = 100 }']),
    (RISK + "silence = {}", ['"silence" must have a value for each fact, and has none for "risk"']),
    (RISK + 'silence = { risk = "high" }', ['"silence": risk is not a whole number of 64 bits']),
    (RISK + "silence = { risk = true }", ['"silence": risk is not a whole number of 64 bits']),
    (RISK + "silence = { risk = 1, rusk = 2 }", ['"silence": "rusk" is not one of the facts']),
    (RISK + 'program = ["/bin/true"]', ['"program" is not for kind "http"']),
    (RISK + "polls = true", ['unknown key "polls"']),
    (RISK.replace("https:", "http:"), ['"url" must begin with https://']),
    (RISK.replace("a.example", "me:secret@a.example"), ['"url" is not a URL such as https://host.example.org/path']),
    (RISK.replace("a.example/", "a.example/#x"), ['"url" must not have a fragment or a backslash']),
    (RISK.replace("https://a.example/", "unix:/run/x"), ['"url" is not a URL such as https://host.example.org/path']),
    (RISK.replace("a.example", "a.example:0"), ['"url" has a port that does not exist']),
    (HOOK + "addresses = []", ['"addresses" is empty']),
    (HOOK + 'addresses = ["10.1.2.3/24"]', ['"addresses": "10.1.2.3/24" is not a network such as 10.1.2.0/24']),
    (HOOK + f"addresses = {[f'10.{n}.0.0/16' for n in range(65)]}", ['"addresses" has more than 64 networks']),
    (HOOK + 'ca = "ca.pem"', ['"ca" must be the absolute path of a file']),
    (HOOK + 'ca = "/etc/../x"', ['"ca" must be the absolute path of a file']),
    (HOOK + 'ca = "{place}/none.pem"', ['"ca": {place}/none.pem: cannot be read: No such file or directory']),
    (HOOK + 'ca = "{place}/open.pem"', ['"ca": {place}/open.pem: may be written by anyone']),
    (HOOK + 'ca = "{place}/public.pem"',
     ['"ca": {place}/public.pem has no certificate that can be read (PEM, at most 32768 bytes)']),
    (HOOK + 'secret = "{place}/other.key"',
     ['"secret" must be a file in {place}/keys: jitd-outside gets only files of this directory']),
    (HOOK + 'secret = "{place}/keys/none.key"', ['"secret": {place}/keys/none.key cannot be read: No such file or directory']),
    (
        HOOK + 'secret = "{place}/keys/open.key"',
        ['"secret": {place}/keys/open.key may be read by others than root: chmod 600 {place}/keys/open.key'],
    ),
    (HOOK + 'secret = "{place}/keys/shared.key"', ['"secret": {place}/keys/shared.key may be written by its group']),
    (HOOK + 'client_certificate = "{place}/ca.pem"',
     ['"client_certificate" must be a file in {place}/keys: jitd-outside gets only files of this directory']),
    (HOOK + 'polls = "yes"', ['"polls" must be true or false']),
    (HOOK + 'answers = "signed"',
     ['answers = "signed" needs "key": the file of the public key that the gatekeeper signs with']),
    (HOOK + 'key = "{place}/public.pem"', ['"key" is for answers = "signed"']),
    (HOOK + 'answers = "signed"\nkey = "{place}/ca.pem"',
     ['"key": {place}/ca.pem has no public key that can be read (PEM, at most 32768 bytes)']),
    (HOOK + 'path = "a/b"', ['"path" is not for kind "webhook"']),
    (HOOK + 'facts = { a = "int" }', ['unknown key "facts"']),
    (HOOK + 'dedline = "1s"', ['unknown key "dedline": did you mean "deadline"?']),
    ("gatekeepers = 1", ['"gatekeepers" must be a table']),
    ("[gatekeepers]\nhook = 1", ['"hook" must be a table', 'needs "kind"', 'needs "url"']),
    (OPA, ['needs "url"']),
    (OPA + 'url = "unix:opa.sock"', [NO_SOCKET]),
    (OPA + 'url = "unix:/run/../opa.sock"',
     [NO_SOCKET]),
    (OPA + 'url = "https://a.example/v1"', ['"url" must end with the host or its port: put the path of the rule into "path"']),
    (OPA + 'url = "unix:/run/opa.sock"\nca = "{place}/ca.pem"', ['"ca" is not for a Unix socket']),
    (OPA.replace('"a"', '"../a"') + 'url = "https://a.example"',
     ['"path" must be the path of a rule in OPA, such as "jit/allow"']),
    (OPA + 'url = "https://a.example"\npolls = true', ['"polls" is not for kind "opa"']),
    (RUN, ['needs "program"']),
    (RUN + "program = []", ['"program" is empty']),
    (RUN + 'program = ["ask"]', ['"program" must begin with the absolute path of the program']),
    (RUN + 'program = "/usr/bin/ask"', ['"program" must be a list of strings']),
    (RUN + 'program = ["/usr/bin/ask", ""]', ['"program": a word must not be empty, too long, or have a NUL']),
    (RUN + f"program = {['/usr/bin/ask', *64 * ['x']]}", ['"program" has more than 64 words, or more than 8192 characters']),
    (RUN + f"program = {['/bin/ask', *2 * [4096 * 'x']]}", ['"program" has more than 64 words, or more than 8192 characters']),
    (RUN + 'program = ["/usr/bin/ask"]\nurl = "https://a.example/"', ['"url" is not for kind "program"']),
    (RUN + 'program = ["/usr/bin/ask"]\nnetwork = 1', ['"network" must be true or false']),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentences"), WRONG, ids=lambda value: repr(value)[-60:])
def test_what_is_wrong_is_said(place: Path, text: str, sentences: list[str]) -> None:
    assert faults(place, text) == sentences


def test_all_faults_are_told_at_once_each_with_its_line(place: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(place, HOOK + 'polls = 1\nfresh = "x"\n' + RISK + "silence = 1\n")
    assert [fault.line for fault in caught.value.faults] == [6, 7, 12]
