# SPDX-License-Identifier: Apache-2.0
"""How principals name local accounts: the realms, ``[principals]`` and ``[accounts]`` of jitd.toml.

A principal maps to an account by its line in ``[principals]``, or by the form of its realm. No other method is used: no
``.k5login``, no ``auth_to_local``, no second component. Upper case is folded only in a realm whose ``[accounts]`` says so. The
folded principal is then the one that rules, locks and records name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from string import ascii_lowercase, ascii_uppercase
from types import MappingProxyType

from jitd.core.conditions import is_principal, read_who
from jitd.core.facts import Value
from jitd.core.made_account import is_made

_PLAIN = re.compile(r"[a-z0-9._-]{1,32}")
_CASED = re.compile(r"[A-Za-z0-9._-]{1,32}")
_REALM = re.compile(r"[A-Za-z0-9.-]{1,255}")
_FORM = re.compile(r"([A-Za-z0-9][A-Za-z0-9.-]{0,62}[\\+])?\{name\}|\{name\}(@[A-Za-z0-9][A-Za-z0-9.-]{0,221})")
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_PRINCIPAL_WORD = "principal:"
_USER_WORD = "user:"


@dataclass(frozen=True, slots=True)
class Form:
    """How the principals of one realm name accounts: ``before``, the principal's only component, ``after``. If ``folds`` is True,
    A to Z in the part of a principal before its realm mean a to z. ``letters`` is what the component may consist of.
    ``shared_with`` contains the realms whose principals of the same name belong to the same people.
    """

    before: str = ""
    after: str = ""
    folds: bool = False
    shared_with: frozenset[str] = frozenset()
    letters: re.Pattern[str] = _CASED

    def account(self, component: str) -> str | None:
        """Return the account that ``component`` (already folded) names, or None if it can name no account."""
        return f"{self.before}{component}{self.after}" if self.letters.fullmatch(component) else None

    def component(self, account: str) -> str | None:
        """Return the folded component that names ``account``, or None if there is none."""
        found = account.removeprefix(self.before).removesuffix(self.after)
        is_one = self.account(found) == account and not (self.folds and found != found.translate(_LOWER))
        return found if is_one else None


_PLAIN_FORM = Form(letters=_PLAIN)  # without a table in `[accounts]`: the component's name, in lower case


def read_form(text: str) -> tuple[str, str]:
    """Return what stands before and after ``{name}`` in ``text``: ``{name}``, ``DOMAIN\\{name}``, ``DOMAIN+{name}`` or
    ``{name}@domain``. Raises ValueError with a sentence.

    No character of a component can stand beside ``{name}``. So two forms name a common account only if they are equal.
    """
    if _FORM.fullmatch(text) is None:
        raise ValueError('must be "{name}", "{name}@" and a domain, or a domain with \\\\ or + and "{name}"')
    before, _, after = text.partition("{name}")
    return before, after


@dataclass(frozen=True, slots=True)
class Naming:
    """The ``realms`` that forms are for. ``table`` maps ``canonical`` principals to accounts, and ``forms`` realms to theirs."""

    realms: frozenset[str] = frozenset()
    table: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    forms: Mapping[str, Form] = field(default_factory=lambda: MappingProxyType({}))

    def canonical(self, principal: str) -> str:
        """Return ``principal`` in the only spelling that jitd compares. In a realm that folds, this is A to Z as a to z before
        the realm. Other letters and the realm stay as they are: bytes are compared, and nothing is normalised.
        """
        name, at, realm = principal.rpartition("@")
        return f"{name.translate(_LOWER)}@{realm}" if at and self._form(realm).folds else principal

    def read(self, principal: bytes) -> str | None:
        """Return ``principal``, in the display form of GSSAPI, in its canonical spelling. Return None if it is not UTF-8: no line
        of ``[principals]`` can name such a principal.
        """
        try:
            return self.canonical(principal.decode("utf-8"))
        except UnicodeDecodeError:
            return None

    def account_of(self, principal: bytes) -> str | None:
        """Return the local account of ``principal``, in the display form of GSSAPI. Return None if it has none on this host.

        If ``table`` has a line for the principal, only this line decides. Otherwise the principal must have only one component,
        the realm must be one of ``realms``, and the realm's form must accept the component. No principal maps to an account that
        jitd made: the record says whose such an account is (``Accounts.of_client``).
        """
        text = self.read(principal)
        if text is None:
            return None
        if text in self.table:
            return self.table[text]
        component, at, realm = text.partition("@")
        if not at or realm not in self.realms or not is_realm(realm):
            return None
        account = self._form(realm).account(component)
        return None if account is None or is_made(account) else account

    def known_account(self, account: str) -> str:
        """Return ``account`` in the spelling that ``account_of`` gives. Only names that fit the form of a realm that folds are
        changed. A directory that ignores case finds such an account by any spelling.
        """
        for realm in sorted(self.realms):
            form = self._form(realm)
            before, after = form.before.translate(_LOWER), form.after.translate(_LOWER)
            lower = account.translate(_LOWER)
            if form.folds and lower.startswith(before) and lower.endswith(after):
                found = form.account(lower.removeprefix(before).removesuffix(after))
                if found is not None and found.translate(_LOWER) == lower:
                    return found
        return account

    def read_account(self, account: str) -> str:
        """Return the account that ``account`` in a rule or in the settings means (see ``known_account``). Raises ValueError with
        a sentence if it would be another spelling in a form without a domain: this host can have an account of either spelling,
        so neither may be chosen in silence.
        """
        known = self.known_account(account)
        if known != account and _CASED.fullmatch(account):  # no form with a domain names an account of these letters alone
            raise ValueError(
                f'"{account}" may be an account of this host, or the "{known}" of a realm that folds upper case: '
                f'write "{known}", or give the accounts of the realm a domain ([accounts] of jitd.toml)'
            )
        return known

    def principals_of(self, account: str) -> tuple[str, ...]:
        """Return the principals that map to ``account``: first those of ``table``, then those of the realms, sorted."""
        listed = [principal for principal, user in self.table.items() if user == account]
        named = ((self._form(realm).component(account), realm) for realm in sorted(self.realms))
        formed = (f"{component}@{realm}" for component, realm in named if component is not None)
        return (*listed, *(one for one in formed if one not in listed and self.account_of(one.encode()) == account))

    def read_who(self, word: str) -> str:
        """Return ``word`` as ``conditions.read_who`` does. The principal in ``word`` becomes canonical, and an account gets its
        one spelling, so that AD's spelling of a name means the same person in a rule. Raises ValueError with a sentence.
        """
        found = read_who(word)
        if found.startswith(_USER_WORD):
            return _USER_WORD + self.read_account(found.removeprefix(_USER_WORD))
        if not found.startswith(_PRINCIPAL_WORD):
            return found
        return _PRINCIPAL_WORD + self.canonical(found.removeprefix(_PRINCIPAL_WORD))

    def read_text(self, text: str) -> str:
        """Return ``text``. If ``text`` is a principal, or ``principal:`` and a principal, the principal becomes canonical."""
        return self.canonical(text) if is_principal(text.removeprefix(_PRINCIPAL_WORD)) else text

    def read_fact(self, value: Value) -> Value:
        """Return what somebody outside said, each text by ``read_text``: people may be spelled as the directory does."""
        match value:
            case str():
                return self.read_text(value)
            case tuple():
                return tuple(map(self.read_text, value))
        return value

    def why_no_account(self, principal: bytes) -> str:
        """Return why ``principal`` cannot be the name of an account on this host, as the end of a sentence. Return an empty text
        if it can. The answer follows from the settings alone: it does not tell which accounts exist.
        """
        text = self.canonical(principal.decode("utf-8", "surrogateescape"))
        if text in self.table:
            return ""
        component, at, realm = text.rpartition("@")
        form = self._form(realm)
        if not at or realm not in self.realms:
            return "this host takes no principals of this realm"
        if form.account(component) is None and form.account(component.translate(_LOWER)) is None:
            return "such a name maps to no account by itself, but an administrator can list it in [principals] of jitd.toml"
        if component != component.translate(_LOWER):  # a form that folds has lower case alone here
            return "this realm's names are taken as written, unless an administrator sets fold = true in [accounts] of jitd.toml"
        return ""

    def shared_accounts(self) -> Iterator[tuple[str, str]]:
        """Yield each two realms whose principals name the same accounts, although neither says that their people are the same."""
        for one, other in combinations(sorted(self.realms), 2):
            first, second = self._form(one), self._form(other)
            is_said = one in second.shared_with or other in first.shared_with
            if (first.before, first.after) == (second.before, second.after) and not is_said:
                yield one, other

    def _form(self, realm: str) -> Form:
        return self.forms.get(realm, _PLAIN_FORM)


AS_WRITTEN = Naming()  # no realms and no tables: every principal is compared as it is written


def is_realm(text: str) -> bool:
    """True if ``text`` can be the name of a realm in the settings."""
    return _REALM.fullmatch(text) is not None
