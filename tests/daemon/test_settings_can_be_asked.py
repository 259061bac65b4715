# SPDX-License-Identifier: Apache-2.0
"""What ``jitd check`` accepts can be written as a question to the helper that is asked: the widest value of each key is, and one
that is wider is a fault that names the key.
"""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jitd.core.toml_document import ConfigError
from jitd.settings.config import Config, load
from jitd_outsiders.asking.reaching import Reaching
from jitd_outsiders.asking.running import Running
from jitd_outsiders.asking.settings import GatekeeperSettings, Provider
from jitd_outsiders.notifying.channel import Message
from jitd_outsiders.outside import leases
from jitd_outsiders.outside.fields import MOST_ADDRESSES
from jitd_outsiders.outside.messages import Fetched, Posted
from jitd_outsiders.outside.questions import QUESTIONS as OF_OUTSIDE
from jitd_outsiders.outside.urls import LONGEST as LONGEST_URL
from jitd_outsiders.programs.messages import LONGEST_LINE, MOST_WORDS, Printed
from jitd_outsiders.programs.messages import QUESTIONS as OF_PROGRAMS
from jitd_outsiders.settings import OutsiderSection
from jitd_outsiders.terminals.messages import QUESTIONS as OF_TERMINALS
from jitd_outsiders.terminals.messages import Told
from jitd_sinks.settings import SinkSection
from jitd_sinks.sinks.reading import Lines, Reader
from jitd_things.givers.kind import Order
from jitd_things.givers.messages import QUESTIONS as OF_GIVERS
from jitd_things.givers.messages import Give
from jitd_things.givers.vault import Vault
from jitd_things.giving.vault_leases import _server_of
from jitd_things.settings import ThingSection

ME = os.getuid()
HOST = ".".join(["a" * 63] * 3 + ["b" * 61])
assert len(HOST) == 253
NETWORKS = f"addresses = {json.dumps([f'2001:db8:ffff:ffff:ffff:ffff:ffff:{n:x}/128' for n in range(MOST_ADDRESSES)])}\n"
PARTS = f"/{'/'.join(32 * 'a')}"
PATH = f"/{'a' * 106}"
URL = f"https://{HOST}:65535/{'a' * (LONGEST_URL - 269)}"
PACKAGE = "/".join(16 * ["a" * 64])
PROGRAM = ["/" + "a" * 4095, "b" * (LONGEST_LINE - 4096 - MOST_WORDS + 2), *("c" * (MOST_WORDS - 2))]
QUERY = "q" * (LONGEST_URL - len(HOST) - 9)
LONGEST_NAME = 32 * "n"
ADDRESS = f"{'a' * 64}@{'.'.join(3 * ['b' * 62])}"
assert len(ADDRESS) == 253
EACH = f"{{user}}@{'.'.join(3 * ['b' * 62])}.{'c' * 32}"

F, G, P, V = 64 * "f", 64 * "g", 62 * "p", 1000 * "v"
NAMESPACE = "/".join(8 * ["n" * 64])
PARAMETERS = ", ".join(f'{P}{n:02} = "{V}"' for n in range(16))
OF_PROGRAM = f"program = {json.dumps(PROGRAM)}\n"
TO_ALL = f"to = {json.dumps(64 * [ADDRESS])}\n"
OF_CA = 'ca = "PLACE/ca.pem"\n'

WIDEST = {
    "gatekeeper webhook": f'[gatekeepers.{G}]\nkind = "webhook"\nurl = "{URL}"\ndeadline = "10m"\n{OF_CA}{NETWORKS}',
    "gatekeeper OPA, parts of a socket": f'[gatekeepers.g]\nkind = "opa"\nurl = "unix:{PARTS}"\npath = "{PACKAGE}"\n',
    "gatekeeper OPA, long socket": f'[gatekeepers.g]\nkind = "opa"\nurl = "unix:{PATH}"\npath = "a"\n',
    "gatekeeper OPA, url": f'[gatekeepers.g]\nkind = "opa"\nurl = "https://{HOST}:65535"\npath = "{PACKAGE}"\n',
    "gatekeeper program": f'[gatekeepers.{G}]\nkind = "program"\n{OF_PROGRAM}deadline = "10m"\n',
    "provider http": f'[providers.{LONGEST_NAME}]\nkind = "http"\nurl = "{URL}"\nfacts = {{ risk = "int" }}\n{NETWORKS}',
    "provider program": f'[providers.p]\nkind = "program"\nfacts = {{ risk = "int" }}\n{OF_PROGRAM}',
    "sink file": f'[sinks.{LONGEST_NAME}]\nkind = "file"\nfile = "{F}"\nmib = 1048576\nkeep = 999\n',
    "sink syslog, parts of a socket": f'[sinks.s]\nkind = "syslog"\nsocket = "{PARTS}"\nlongest = 65536\n',
    "sink syslog, long socket": f'[sinks.s]\nkind = "syslog"\nsocket = "{PATH}"\n',
    "sink syslog over TLS": f'[sinks.s]\nkind = "syslog"\ntransport = "tls"\nserver = "{HOST}:65535"\n{NETWORKS}',
    "sink syslog over TCP": '[sinks.s]\nkind = "syslog"\ntransport = "tcp"\nserver = "[::1]:601"\naddresses = ["::1/128"]\n',
    "sink https": f'[sinks.{LONGEST_NAME}]\nkind = "https"\nurl = "{URL}"\n{NETWORKS}',
    "channel mail": f'[notify.ops]\nkind = "mail"\nfrom = "{ADDRESS}"\n{TO_ALL}server = "{HOST}:65535"\n{NETWORKS}',
    "channel mail to each": f'[notify.ops]\nkind = "mail"\nfrom = "{ADDRESS}"\nto_each = "{EACH}"\n',
    "channel webhook": f'[notify.{LONGEST_NAME}]\nkind = "webhook"\nurl = "{URL}"\n{NETWORKS}',
    "channel program": f'[notify.{LONGEST_NAME}]\nkind = "program"\n{OF_PROGRAM}',
    "channel terminals": '[notify.terminals]\nkind = "terminals"\n',
    "giver vault": f'[givers.{LONGEST_NAME}]\nkind = "vault"\nurl = "https://{HOST}:65535"\nsecret = "PLACE/token"\n'
    f'role = "{PACKAGE}"\nnamespace = "{NAMESPACE}"\n{NETWORKS}'
    f"parameters = {{ {PARAMETERS} }}\n",
}  # fmt: skip
"""A table of each kind, with the widest values that its keys may have."""


def read(place: Path, text: str, host: str = HOST) -> Config:
    place.chmod(0o755)
    for name, content, mode in (("token", "t0k3n", 0o600), ("ca.pem", f"-----BEGIN CERTIFICATE-----\n{'A' * 32700}", 0o644)):
        (place / name).write_text(content)
        (place / name).chmod(mode)
    file = place / "jitd.toml"
    file.write_text(f'realms = ["EXAMPLE.ORG"]\nhost = "{host}"\n{text.replace("PLACE", str(place))}')
    file.chmod(0o644)
    return load(file, owner=ME, keys_at=place)


class Helpers:
    """Carries no question, but writes and reads each as its helper would. ``asked`` are those that came back as they were."""

    def __init__(self, host: str) -> None:
        self.asked = list[Any]()
        self.posts = self.terminals = self
        self.programs = Running(self, self)  # type: ignore[arg-type]
        self.reaching = Reaching(self, self.programs, host)

    def crossed(self, codec: Any, question: Any) -> None:
        assert codec.read(codec.write(question)) == question
        self.asked.append(question)

    async def fetch(self, question: Any) -> Fetched:
        self.crossed(OF_OUTSIDE, question)
        return Fetched(200, (), b"")

    async def post(self, question: Any) -> Posted:
        self.crossed(OF_OUTSIDE, question)
        return Posted()

    async def run(self, question: Any) -> Printed:
        self.crossed(OF_PROGRAMS, question)
        return Printed(b"")

    async def tell(self, question: Any) -> Told:
        self.crossed(OF_TERMINALS, question)
        return Told(1, 0)


async def ask_all(config: Config, helpers: Helpers) -> None:
    """Ask one question of each table that ``config`` has."""
    said = config.of(OutsiderSection)
    asked: list[GatekeeperSettings | Provider] = [*said.gatekeepers.values(), *said.providers.values()]
    for one in asked:
        await helpers.reaching.ask(one.name, one.by, b"{}", one.deadline_for)
    for sink in config.of(SinkSection).sinks.values():
        reader = Reader(sink, Lines(config.host, lambda: None))  # type: ignore[arg-type,return-value]
        helpers.crossed(OF_OUTSIDE, reader.question(()))
    for channel in said.notify.channels.values():
        message = Message("waiting", "K7QM-2XVD", "a subject", ("a line",), ("alice",) if channel.is_for_persons else ())
        await channel.channel(helpers, config.host, lambda: datetime.now(UTC)).send(message)
    for giver in config.of(ThingSection).givers.values():
        if isinstance(giver, Vault):
            lease = leases.Lease(_server_of(giver), "accessor", giver.role, giver.parameters, 1000)
            helpers.crossed(OF_OUTSIDE, lease)
        helpers.crossed(OF_GIVERS, Give(giver.KIND, Order("K7QM-2XVD", giver.name, "alice", 1000, 0)))


@pytest.mark.parametrize("name", WIDEST)
def test_what_is_read_can_be_asked_of_its_helper(tmp_path: Path, name: str) -> None:
    config = read(tmp_path, WIDEST[name])
    helpers = Helpers(config.host)
    asyncio.run(ask_all(config, helpers))
    assert helpers.asked


MAIL = f'[notify.ops]\nkind = "mail"\nfrom = "{ADDRESS}"\n'
OPA = '[gatekeepers.g]\nkind = "opa"\n'
TO = 'to = ["ops@example.org"]\n'
FROM = '[notify.ops]\nkind = "mail"\nfrom = '
AT_MOST_254 = "must have at most 254 characters"
TOO_LONG_WITH_SLASH = f"https://{HOST}?{QUERY}"
assert len(TOO_LONG_WITH_SLASH) == LONGEST_URL
WIDER = {
    "a host of 254 characters": ("", '"host" must be a host name of at most 253 characters'),
    "a sender of 255 characters": (f'{FROM}"{ADDRESS}.b"\n{TO}', f'"from" {AT_MOST_254}'),
    "a sender with two dots": (f'{FROM}"a..b@example.org"\n{TO}', f'"from" {AT_MOST_254}, no dot before the @ or beside'),
    "a sender with a - at its end": (f'{FROM}"a@example-"\n{TO}', f'"from" {AT_MOST_254}, no dot before the @ or beside'),
    "an addressee of 255 characters": (f'{MAIL}to = ["{ADDRESS}.b"]\n', AT_MOST_254),
    "addressees of 255 characters": (f'{MAIL}to_each = "{EACH}ccc"\n', f'"to_each" makes addresses that {AT_MOST_254}'),
    "a mail server of 254 characters": (f'{MAIL}{TO}server = "{HOST}c:25"\n', '"server" must be a host of at most 253'),
    "a mail server with a - at its end": (f'{MAIL}{TO}server = "mail-:25"\n', '"server" must be a host of at most 253'),
    "a socket of 33 parts": (f'{OPA}url = "unix:{PARTS}/a"\npath = "a"\n', '"url" must be unix: and the absolute path'),
    "a socket with a part .": (f'{OPA}url = "unix:/run/./opa.sock"\npath = "a"\n', "32 parts, none of them . or .."),
    "a socket of 108 characters": (f'{OPA}url = "unix:{PATH}a"\npath = "a"\n', "of at most 107 characters"),
    "a receiver's socket with a part .": ('[sinks.s]\nkind = "syslog"\nsocket = "/dev/./log"\n', '"socket" must be the absolute'),
    "a URL that is too long with its slash": (
        f'[gatekeepers.g]\nkind = "webhook"\nurl = "{TOO_LONG_WITH_SLASH}"\n', '"url" is longer than 2048 characters'
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WIDER)
def test_what_could_not_be_asked_is_a_fault_that_names_the_key_and_the_limit(tmp_path: Path, name: str) -> None:
    text, sentence = WIDER[name]
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text, HOST + ("c" if name == "a host of 254 characters" else ""))
    assert any(sentence in fault.sentence for fault in refused.value.faults), [fault.sentence for fault in refused.value.faults]
