# SPDX-License-Identifier: Apache-2.0
"""``[providers.*]`` and ``[gatekeepers.*]`` of jitd.toml. These tables say which providers and gatekeepers jitd queries, how jitd
queries them, and what happens if they do not answer.
Law: every key is checked when the file is read. All faults are reported together. By default, jitd connects only to public
addresses, stores no answers, and does not replace missing answers by values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from jitd.beside.processes import OUTSIDE, PROGRAMS, PROGRAMS_NET, Helper
from jitd.core.duration import read_duration
from jitd.core.fact_values import read_value
from jitd.core.facts import Value
from jitd.core.names import NAMES, TYPES, Name
from jitd.core.toml_document import ConfigError
from jitd.core.toml_table import Table, quoted
from jitd.settings.owned_file import read_owned, who_else_may_read
from jitd.settings.section import KEYS_AT
from jitd_outsiders.outside.addresses import read_network
from jitd_outsiders.outside.fields import LONGEST_SOCKET, MOST_ADDRESSES, OF_SOCKET, SOCKET
from jitd_outsiders.outside.urls import read_url
from jitd_outsiders.programs.messages import LONGEST_LINE, MOST_WORDS

LONGEST_FRESH = 600
LONGEST_DEADLINE = 600  # seconds of a deadline
MOST_PEM = 32 * 1024
MOST_FACTS = 32
SENDS = ("requester", "host", "user", "groups", "group_ids", "run_as", "service", "path", "argv", "cwd", "reason")
"""The parts of a request that may be sent to a provider."""
HTTP = ("url", "addresses", "ca", "client_certificate", "secret")
PROGRAM = ("program", "network")
KEYS = {
    "provider": ("kind", "facts", "sends", "deadline", "fresh", "silence"),
    "gatekeeper": ("kind", "deadline", "fresh"),
    "http": HTTP,
    "program": PROGRAM,
    "webhook": (*HTTP, "polls", "answers", "key"),
    "opa": (*HTTP, "path"),
}
"""Maps each kind to its keys. The entry ``provider`` contains the keys that all providers have. The entry ``gatekeeper`` contains
the keys that all gatekeepers have.
"""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_FACT = re.compile(r"[a-z][a-z0-9_]{0,31}")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_PACKAGE = re.compile(r"[A-Za-z0-9_-]{1,64}(?:/[A-Za-z0-9_-]{1,64}){0,15}")


@dataclass(frozen=True, slots=True)
class Reach:
    """The address of a server, and how jitd authenticates. ``socket`` is the path of a Unix socket, or empty. With a Unix socket,
    the scheme of ``url`` is http. Otherwise it is https. jitd may connect only to the networks ``addresses``. If ``addresses`` is
    empty, jitd may connect only to public addresses. ``ca`` contains certificates of authorities (PEM). If ``ca`` is empty, the
    authorities of the host are used. ``certificate`` and ``secret`` are files in the directory KEYS_AT, or None. A URL may
    contain a secret, so ``url`` is not in the repr.
    """

    url: str = field(repr=False)
    socket: str = ""
    addresses: tuple[str, ...] = ()
    ca: str = ""
    certificate: Path | None = None
    secret: Path | None = None

    @property
    def helper(self) -> Helper:
        return OUTSIDE


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the administrator: its path and arguments, and whether it may use the ``network``."""

    words: tuple[str, ...]
    network: bool = False

    @property
    def helper(self) -> Helper:
        return PROGRAMS_NET if self.network else PROGRAMS


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider of facts. ``facts`` maps the name of a fact to its type (names.TYPES). ``sends`` are words of SENDS.
    ``deadline_for`` and ``fresh_for`` are in seconds. An answer is stored for ``fresh_for`` seconds. If there is no answer, the
    facts have the values in ``silence``. If ``silence`` is empty, facts without an answer are unknown.
    """

    name: str
    by: Reach | Program
    facts: Mapping[str, str]
    sends: tuple[str, ...] = SENDS[:2]
    deadline_for: int = 2
    fresh_for: int = 0
    silence: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class GatekeeperSettings:
    """A gatekeeper may deny a request, or add requirements. ``is_opa`` is True for the protocol of Open Policy Agent.
    ``deadline_for`` and ``fresh_for`` are in seconds. If ``polls`` is True, the answer may arrive later, until the request
    expires. If ``key`` is a public key (PEM), each answer must be signed with this key. If ``key`` is empty, only TLS
    authenticates the gatekeeper.
    """

    name: str
    by: Reach | Program
    is_opa: bool = False
    deadline_for: int = 10
    fresh_for: int = 0
    polls: bool = False
    key: str = ""


Providers = Mapping[str, Provider]
Gatekeepers = Mapping[str, GatekeeperSettings]


def read_providers(table: Table, owner: int | None, keys_at: Path = KEYS_AT) -> Providers:
    """Read ``[providers.*]``. Files must belong to root or to the uid ``owner``. If ``owner`` is None, owners are not checked."""
    found: dict[str, Provider] = {}
    said_by: dict[str, str] = {}
    for name in table.values:
        inner = table.table(name)
        if not _NAME.fullmatch(name):
            inner.fault(f"{quoted(name)} is not a name for a provider: small letters, digits and hyphens, at most 32")
        provider = _provider(inner, name, owner, keys_at)
        for fact in provider.facts:
            if f"fact.{fact}" in NAMES:
                inner.fault(f"{quoted(fact)} is a fact that jitd has itself: choose another name", "facts")
            elif said_by.setdefault(fact, name) != name:
                inner.fault(f"{quoted(fact)} is a fact of provider {said_by[fact]} already", "facts")
        found[name] = provider
    return MappingProxyType(found)


def read_gatekeepers(table: Table, owner: int | None, keys_at: Path = KEYS_AT) -> Gatekeepers:
    """Read ``[gatekeepers.*]``. Files must belong to root or the uid ``owner``, and to anybody if that is None."""
    from jitd.core.gatekeeping import read_gatekeeper  # not above: jitd-givers reads its programs here, and decides nothing

    found = {}
    for name in table.values:
        inner = table.table(name)
        try:
            read_gatekeeper(name)
        except ValueError as fault:
            inner.fault(str(fault))
        found[name] = _gatekeeper(inner, name, owner, keys_at)
    return MappingProxyType(found)


def fact_names(providers: Providers) -> Mapping[str, Name]:
    """Return the names of the providers' facts, such as ``fact.risk``. The key ``when`` of a rule may use these names."""
    return {
        f"fact.{fact}": Name(kind, f"provider {provider.name}", f"what provider {provider.name} says", bool(provider.silence))
        for provider in providers.values()
        for fact, kind in provider.facts.items()
    }


def deadlines(gatekeepers: Gatekeepers) -> Mapping[str, float]:
    """Map the name of each gatekeeper to the maximum time for its answer, in seconds. The check of the rules uses this map."""
    return {name: gatekeeper.deadline_for for name, gatekeeper in gatekeepers.items()}


def key_files(providers: Providers, gatekeepers: Gatekeepers) -> Mapping[str, Path]:
    """Return a mapping from names to paths, with all files that jitd-outside needs for these."""
    ways = [*(each.by for each in providers.values()), *(each.by for each in gatekeepers.values())]
    reaches = [way for way in ways if isinstance(way, Reach)]
    files = [file for reach in reaches for file in (reach.certificate, reach.secret) if file is not None]
    return {file.name: file for file in files}


# --- the tables ------------------------------------------------------------------------------------------------------


def _provider(table: Table, name: str, owner: int | None, keys_at: Path) -> Provider:
    kind = table.kind(KEYS["provider"], {name: KEYS[name] for name in ("http", "program")})
    table.needs("facts")
    facts = _facts(table.table("facts"))
    if table.values.get("facts") == {}:
        table.fault('"facts" is empty: name at least one fact and its type, such as { risk = "int" }', "facts")
    return Provider(
        name,
        reach_in(table, kind, owner, keys_at),
        facts,
        sends=table.words("sends", SENDS[:2], _read_sends, may_be_empty=True),
        deadline_for=_deadline(table, 2),
        fresh_for=_fresh(table),
        silence=_silence(table, facts),
    )


def _gatekeeper(table: Table, name: str, owner: int | None, keys_at: Path) -> GatekeeperSettings:
    kind = table.kind(KEYS["gatekeeper"], {name: KEYS[name] for name in ("webhook", "program", "opa")})
    return GatekeeperSettings(
        name,
        reach_in(table, kind, owner, keys_at),
        is_opa=kind == "opa",
        deadline_for=_deadline(table, 10),
        fresh_for=_fresh(table),
        polls=table.flag("polls") if kind == "webhook" else False,
        key=_key(table, owner) if kind == "webhook" else "",
    )


def reach_in(table: Table, kind: str, owner: int | None, keys_at: Path, url: str | None = None) -> Reach | Program:
    """Read how to reach a server, or how to run a program. If ``url`` is None, read the URL from the key ``url``."""
    if kind == "program":
        table.needs("program")
        return Program(program_in(table, "program"), network=table.flag("network"))
    socket = ""
    if url is None:
        table.needs("url")
        url, socket = _url(table, kind)
    return Reach(
        url,
        socket,
        addresses=addresses_in(table),
        ca=pem_in(table, "ca", "CERTIFICATE", owner),
        certificate=_secret(table, "client_certificate", owner, keys_at),
        secret=_secret(table, "secret", owner, keys_at),
    )


def _url(table: Table, kind: str) -> tuple[str, str]:
    """Return the URL of the query, and the path of the Unix socket or an empty text."""
    text = table.text("url", "")
    path = _path(table) if kind == "opa" else ""
    if "url" not in table.values or not isinstance(table.values["url"], str):
        return "", ""
    if kind == "opa" and text.startswith("unix:"):
        place = text.removeprefix("unix:")
        if not re.fullmatch(SOCKET, place) or len(place) > LONGEST_SOCKET:
            table.fault(f'"url" must be unix: and {OF_SOCKET}, such as "unix:/run/opa.sock"', "url")
        for key in ("addresses", "ca", "client_certificate", "secret"):
            if key in table.values:
                table.fault(f'"{key}" is not for a Unix socket', key)
        return f"http://localhost/v1/data/{path}", place
    try:
        found = read_url(text)
    except ValueError as fault:
        table.fault(f'"url" {fault}', "url")
        return "", ""
    if found.scheme != "https":
        table.fault('"url" must begin with https://', "url")
    if kind != "opa":
        return str(found), ""
    if found.target != "/":
        table.fault('"url" must end with the host or its port: put the path of the rule into "path"', "url")
    return f"{str(found).rstrip('/')}/v1/data/{path}", ""


def _path(table: Table) -> str:
    table.needs("path")
    path = table.text("path", "")
    if "path" in table.values and not _PACKAGE.fullmatch(path):
        table.fault('"path" must be the path of a rule in OPA, such as "jit/allow"', "path")
    return path


def _facts(table: Table) -> Mapping[str, str]:
    found = {}
    for fact in table.values:
        if not _FACT.fullmatch(fact):
            table.fault(f"{quoted(fact)} is not a name for a fact: small letters, digits and underscores, at most 32", fact)
        found[fact] = table.text(fact, "int", TYPES)
    if len(found) > MOST_FACTS:
        table.fault(f'"facts" has more than {MOST_FACTS} facts')
    return MappingProxyType(found)


def _silence(table: Table, facts: Mapping[str, str]) -> Mapping[str, Value]:
    value = table.values.get("silence", "deny")
    if isinstance(value, str) and value == "deny":
        return MappingProxyType({})
    if not isinstance(value, dict):
        table.fault('"silence" must be "deny", or the worst value of each fact, such as { risk = 100 }', "silence")
        return MappingProxyType({})
    found = {}
    for fact in facts.keys() | value.keys():
        if fact not in facts:
            table.fault(f'"silence": {quoted(fact)} is not one of the facts', "silence")
        elif fact not in value:
            table.fault(f'"silence" must have a value for each fact, and has none for {quoted(fact)}', "silence")
        else:
            try:
                found[fact] = read_value(facts[fact], value[fact])
            except ValueError as error:
                table.fault(f'"silence": {fact} {error}', "silence")
    return MappingProxyType(found)


def _deadline(table: Table, default: int) -> int:
    seconds = table.duration("deadline", default)
    if seconds > LONGEST_DEADLINE:
        table.fault('"deadline" is at most 10m', "deadline")
    return seconds


def _fresh(table: Table) -> int:
    value = table.values.get("fresh", "0s")
    seconds = 0 if value == "0s" else read_duration(value) if isinstance(value, str) else None
    if seconds is None or seconds > LONGEST_FRESH:
        table.fault('"fresh" must be a duration from 0s to 10m', "fresh")
        return 0
    return seconds


def _key(table: Table, owner: int | None) -> str:
    is_signed = table.text("answers", "tls", ("tls", "signed")) == "signed"
    if is_signed and "key" not in table.values:
        table.fault('answers = "signed" needs "key": the file of the public key that the gatekeeper signs with', "answers")
    if not is_signed and "key" in table.values:
        table.fault('"key" is for answers = "signed"', "key")
    return pem_in(table, "key", "PUBLIC KEY", owner)


def pem_in(table: Table, key: str, what: str, owner: int | None) -> str:
    """Return the content of a PEM file that everybody may read."""
    file = file_in(table, key)
    if file is None:
        return ""
    try:
        text = read_owned(file, owner).decode("ascii")
    except ConfigError as error:
        table.fault(f'"{key}": {error}', key)
        return ""
    except UnicodeDecodeError:
        text = ""
    if f"-----BEGIN {what}-----" not in text or len(text) > MOST_PEM or not text.replace("\n", "").isprintable():
        table.fault(f'"{key}": {file} has no {what.lower()} that can be read (PEM, at most {MOST_PEM} bytes)', key)
        return ""
    return text


def _secret(table: Table, key: str, owner: int | None, keys_at: Path) -> Path | None:
    """Return the path of a file that only root may read. Only jitd-outside may get its content, so it is not read here."""
    file = file_in(table, key)
    if file is None:
        return None
    if file.parent != keys_at or not _FILE.fullmatch(file.name):
        table.fault(f'"{key}" must be a file in {keys_at}: jitd-outside gets only files of this directory', key)
    elif owner is not None and (why := who_else_may_read(file, owner)):
        table.fault(f'"{key}": {file} {why}', key)
    return file


def file_in(table: Table, key: str) -> Path | None:
    if key not in table.values:
        return None
    text = table.text(key, "/")
    if not text.startswith("/") or not text.isprintable() or ".." in text.split("/") or text.endswith("/"):
        table.fault(f'"{key}" must be the absolute path of a file', key)
        return None
    return Path(text)


def _read_word(word: str) -> str:
    if not word or "\0" in word or len(word) > 4096:
        raise ValueError("a word must not be empty, too long, or have a NUL")
    return word


def program_in(table: Table, key: str) -> tuple[str, ...]:
    """Return a program and its arguments. Those that no question to jitd-programs could name are a fault."""
    words = table.words(key, (), _read_word)
    if words and (not words[0].startswith("/") or ".." in words[0].split("/")):
        table.fault(f'"{key}" must begin with the absolute path of the program', key)
    if len(words) > MOST_WORDS or sum(map(len, words)) > LONGEST_LINE:
        table.fault(f'"{key}" has more than {MOST_WORDS} words, or more than {LONGEST_LINE} characters', key)
    return words


def addresses_in(table: Table) -> tuple[str, ...]:
    """Return the networks under ``addresses``. More than a question to jitd-outside can have are a fault."""
    found = table.words("addresses", (), _read_network)
    if len(found) > MOST_ADDRESSES:
        table.fault(f'"addresses" has more than {MOST_ADDRESSES} networks', "addresses")
    return found


def _read_network(word: str) -> str:
    try:
        return str(read_network(word))
    except ValueError:
        raise ValueError(f"{quoted(word)} is not a network such as 10.1.2.0/24") from None


def _read_sends(word: str) -> str:
    if word not in SENDS:
        raise ValueError(f"{quoted(word)} is not one of {', '.join(SENDS)}")
    return word
