# SPDX-License-Identifier: Apache-2.0
"""``[notify.*]`` of jitd.toml, and the key ``notify`` there and in a rule: what is taken, and each fault with its sentence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from jitd.core.toml_document import ConfigError
from jitd.settings import policyfile
from jitd.settings.config import load
from jitd_outsiders.asking.settings import Program, Reach
from jitd_outsiders.channels import BUILT_IN, ChannelSettings, Notify
from jitd_outsiders.settings import OutsiderSection

ME = os.getuid()
MAIL = 'kind = "mail"\nfrom = "jitd@db1.example.org"\n'
HOOK = 'kind = "webhook"\nurl = "https://chat.example.org/hook"\n'
TTY = 'kind = "terminals"\n'


NO_SERVER = '"server" must be a host of at most 253 characters and its port, such as "127.0.0.1:25" or "[::1]:25"'


def whole(place: Path, text: str) -> OutsiderSection:
    place.chmod(0o755)
    file = place / "jitd.toml"
    file.write_text(f'realms = ["EXAMPLE.ORG"]\nhost = "db1.example.org"\n{text}')
    file.chmod(0o644)
    return load(file, owner=ME, keys_at=place).of(OutsiderSection)


def read(place: Path, text: str, name: str = "ops") -> ChannelSettings:
    return whole(place, f"[notify.{name}]\n{text}").notify.channels[name]


def faults(place: Path, text: str, name: str = "ops") -> list[str]:
    with pytest.raises(ConfigError) as refused:
        read(place, text, name)
    return [fault.sentence for fault in refused.value.faults]


def test_each_kind_is_read_with_careful_defaults(tmp_path: Path) -> None:
    mail = read(tmp_path, MAIL + 'to = ["ops@example.org"]')
    assert (mail.KIND, mail.shows, mail.server, mail.to) == ("mail", "rule", "", ("ops@example.org",))
    assert not mail.requester and not mail.is_for_persons
    each = read(tmp_path, MAIL + 'to_each = "{user}@example.org"\nrequester = true\nserver = "mail.example.org:25"')
    assert each.is_for_persons and each.requester and each.server == "mail.example.org:25"
    hook = read(tmp_path, HOOK)
    assert isinstance(hook.by, Reach) and hook.by.addresses == () and hook.shows == "rule"
    program = read(tmp_path, 'kind = "program"\nprogram = ["/usr/local/bin/page", "--team=ops"]')
    assert program.program == Program(("/usr/local/bin/page", "--team=ops"))
    assert read(tmp_path, TTY).shows == "command" and read(tmp_path, TTY).is_for_persons


def url_file(place: Path, text: str = "https://chat.example.org/hook/T0/SECRET\n", mode: int = 0o600) -> str:
    file = place / "url"
    file.write_text(text)
    file.chmod(mode)
    return f'kind = "webhook"\nurl_file = "{file}"\n'


def test_the_url_of_a_webhook_may_be_a_secret_in_a_file(tmp_path: Path) -> None:
    hook = read(tmp_path, url_file(tmp_path))
    assert isinstance(hook.by, Reach) and hook.by.url == "https://chat.example.org/hook/T0/SECRET"
    assert "SECRET" not in repr(hook), "nothing that prints the settings prints it"


BAD_URLS = {
    "that others may read": ({"mode": 0o644}, "may be read by others than root: chmod 600 {place}/url"),
    "that is empty": ({"text": ""}, "must have one line, a URL such as https://host.example.org/path"),
    "with two lines": (
        {"text": "https://a.example/SECRET\nhttps://b.example/SECRET\n"},
        "must have one line, a URL such as https://host.example.org/path",
    ),
    "without TLS": (
        {"text": "http://a.example/SECRET"},
        "has a URL that does not begin with https://, or is longer than 4096 bytes",
    ),
    "not in ASCII": (
        {"text": "https://a.example/SECRET\u00fc"},
        "must have one line, a URL such as https://host.example.org/path",
    ),
}


@pytest.mark.parametrize(("changes", "sentence"), BAD_URLS.values(), ids=list(BAD_URLS))
def test_a_file_that_is_no_secret_url_is_refused_and_not_quoted(tmp_path: Path, changes: Any, sentence: str) -> None:
    told = faults(tmp_path, url_file(tmp_path, **changes))
    assert told == [f'"url_file": {tmp_path}/url {sentence.replace("{place}", str(tmp_path))}']


def test_one_place_says_where_a_webhook_is(tmp_path: Path) -> None:
    assert faults(tmp_path, url_file(tmp_path) + 'url = "https://a.example/"') == ['set "url" or "url_file", not both']
    gone = faults(tmp_path, 'kind = "webhook"\nurl_file = "/nowhere/url"')
    assert gone == ['"url_file": /nowhere/url cannot be read: No such file or directory']
    assert faults(tmp_path, TTY + 'url_file = "/nowhere/url"') == ['"url_file" is not for kind "terminals"']


FAULTS = [
    ("", 'needs "kind"'),
    ('kind = "pigeon"', '"kind" must be "mail" or "webhook" or "program" or "terminals", not "pigeon"'),
    (TTY + 'shows = "all"', '"shows" must be "id" or "rule" or "command", not "all"'),
    (TTY + 'url = "https://x.example.org/"', '"url" is not for kind "terminals"'),
    (TTY + 'requester = "yes"', '"requester" must be true or false'),
    (HOOK + "requester = true", '"requester" needs a channel that reaches single persons: mail with "to_each", or terminals'),
    ('kind = "webhook"\nurl = "http://chat.example.org/"', '"url" must begin with https://'),
    ('kind = "program"\nprogram = ["page"]', '"program" must begin with the absolute path of the program'),
    (MAIL, 'needs either "to", the addresses of a group, or "to_each", such as "{user}@example.org"'),
    (
        MAIL + 'to = ["a@b.org"]\nto_each = "{user}@b.org"',
        'needs either "to", the addresses of a group, or "to_each", such as "{user}@example.org"',
    ),
    (MAIL + 'to_each = "ops@example.org"', '"to_each" must be a mail address with {user} in it, such as "{user}@example.org"'),
    (MAIL + 'to = ["ops@example.org\\nBcc: eve@x.org"]', '"to": "ops@example.org\\nBcc: eve@x.org" is not a mail address'),
    (MAIL + 'to = ["-f@example.org"]', '"to": "-f@example.org" is not a mail address'),
    (MAIL + 'to = ["a@b.org"]\nserver = "mail"', NO_SERVER),
    (
        MAIL + 'to = ["a@b.org"]\nserver = "mail:70000"',
        NO_SERVER,
    ),
    (
        MAIL + 'to = ["a@b.org"]\nserver = "[::ffff:192.0.2.1]:25"',
        NO_SERVER,
    ),
    ('kind = "mail"\nfrom = "a b@c"\nto = ["a@b.org"]', '"from" must be a mail address, such as "jitd@db1.example.org"'),
]


@pytest.mark.parametrize(("text", "sentence"), FAULTS)
def test_a_fault_is_said(tmp_path: Path, text: str, sentence: str) -> None:
    assert sentence in faults(tmp_path, text)


def test_a_name_that_is_none_is_said(tmp_path: Path) -> None:
    assert '"OPS" is not a name for a channel: small letters, digits and hyphens, at most 32' in faults(tmp_path, TTY, "OPS")


def rules(place: Path, notify: str, channels: tuple[str, ...]) -> None:
    place.chmod(0o755)
    (place / "a.toml").write_text(
        f'[[permit]]\nname = "p"\nwho = ["group:dba"]\ncommands = [["**"]]\nnotify = {notify}\n'
        '[[permit.approvals]]\nneed = 1\nfrom = ["group:ops"]\n'
    )
    (place / "a.toml").chmod(0o644)
    (rule,) = policyfile.load(place, root="permit", owner=ME, channels=channels).rules
    assert rule.notify == rule.obligations.notify == ("ops", "chat")


def test_a_rule_names_channels_that_are_there(tmp_path: Path) -> None:
    rules(tmp_path, '["ops", "chat"]', ("ops", "chat", "other"))


RULE = '[[permit]]\nname = "p"\nwho = ["group:dba"]\ncommands = [["**"]]\n'
ASKS = 'approvals = [{ need = 1, from = ["group:ops"] }]\n'


@pytest.mark.parametrize(
    ("settings", "rule", "told"),
    [
        ("", RULE + ASKS, ()),
        ('notify.default = ["terminals"]', RULE + ASKS, ("terminals",)),
        ('notify.default = ["terminals", "ops"]', RULE + ASKS, ("terminals", "ops")),
        ('notify.default = ["terminals"]', RULE + ASKS + 'notify = ["ops"]', ("ops",)),
        ('notify.default = ["terminals"]', RULE + ASKS + "notify = []", ()),
        ("notify.default = []", RULE + ASKS + 'notify = ["terminals"]', ("terminals",)),
    ],
    ids=["silent", "default", "two", "own", "own silence", "own alone"],
)
def test_a_rule_that_names_no_channel_has_those_of_the_settings(
    tmp_path: Path, settings: str, rule: str, told: tuple[str, ...]
) -> None:
    config = whole(tmp_path, f"{settings}\n[notify.ops]\n{HOOK}")
    (tmp_path / "rules").mkdir(mode=0o755)
    (tmp_path / "rules/a.toml").write_text(rule)
    (tmp_path / "rules/a.toml").chmod(0o644)
    (found,) = policyfile.load(
        tmp_path / "rules", root="permit", owner=ME, channels=config.notify.channels, notify=config.notify.default
    ).rules
    assert found.notify == told


def test_broken_glass_is_told_by_the_channels_of_the_settings_too(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    glass = RULE.replace('"p"', '"g"') + 'break_glass = { instead_of = "p", review = "1d" }\n'
    (tmp_path / "a.toml").write_text(RULE + ASKS + "notify = []\n" + glass)
    (tmp_path / "a.toml").chmod(0o644)
    rules = policyfile.load(tmp_path, root="permit", owner=ME, channels=BUILT_IN, notify=("terminals",)).rules
    assert {rule.name: rule.notify for rule in rules} == {"p": (), "g": ("terminals",)}


def test_the_terminals_are_a_channel_without_a_table_and_a_table_changes_them(tmp_path: Path) -> None:
    assert whole(tmp_path, "").notify == Notify(BUILT_IN, ())
    changed = whole(tmp_path, f'[notify.terminals]\n{TTY}shows = "id"').notify.channels["terminals"]
    assert (changed.shows, changed.is_for_persons) == ("id", True)
    assert faults(tmp_path, HOOK, "terminals") == [
        "the channel terminals writes to terminals: give a channel of another kind another name"
    ]


def test_the_settings_name_only_channels_that_are_there(tmp_path: Path) -> None:
    for notify, sentence in (
        ('["gone"]', '"default": no channel is called "gone": write a table "[notify.gone]"'),
        ('["terminals", "terminals"]', '"default" has a name twice'),
        ('"terminals"', '"default" must be a list of strings'),
    ):
        with pytest.raises(ConfigError) as refused:
            whole(tmp_path, f"notify.default = {notify}")
        assert [fault.sentence for fault in refused.value.faults] == [sentence]


@pytest.mark.parametrize(
    ("notify", "sentence"),
    [
        ('["ops", "gone"]', 'jitd.toml sets up no channel "gone": write a table "[notify.gone]" there'),
        ('["ops", "ops"]', '"notify" has a name twice'),
        ('"ops"', '"notify" must be a list of strings'),
        (str([f"c{n}" for n in range(9)]), '"notify" has more than 8 names'),
    ],
)
def test_a_rule_that_names_others_is_refused(tmp_path: Path, notify: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        rules(tmp_path, notify.replace("'", '"'), ("ops", *(f"c{n}" for n in range(9))))
    assert sentence in [fault.sentence for fault in refused.value.faults]
