# SPDX-License-Identifier: Apache-2.0
"""The chapter "Active Directory" of docs/first-hour.md, typed line by line on a host of the domain."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.ad.conftest import DOMAIN, HOST, PASSWORD, REALM, SERVICE, Member, root

TREE = Path(__file__).parents[2]
NAMES = {"EXAMPLE.ORG": REALM, r"db1\.example\.org": HOST, r"example\.org": DOMAIN, r"\bdb1\b(?!#)": "member"}
"""Names of the page, as regular expressions → those of the lab: the page's own table tells the reader to replace them."""
WAYS = {"of the host's own account": "/etc/krb5.keytab", "of a service account": "/etc/jitd/jitd.keytab"}
"""The end of the heading under which the page makes jitd's key → the file that the key is in then."""


def first_hour() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("first_hour", str(TREE / "contrib/first-hour"))
    spec = importlib.util.spec_from_loader("first_hour", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module  # where dataclasses look for the names of annotations
    loader.exec_module(module)
    return module


def chapter() -> dict[str, str]:
    """Heading → text, of the chapter and the sections in it, with the names of the lab."""
    text = (TREE / "docs/first-hour.md").read_text("utf-8").partition("\n## Active Directory\n")[2]
    text = re.split(r"^## ", text, maxsplit=1, flags=re.MULTILINE)[0]
    for pattern, name in NAMES.items():
        text = re.sub(pattern, name, text)
    first, *sections = re.split(r"^### (.*)\n", text, flags=re.MULTILINE)
    return {"": first} | dict(zip(sections[::2], sections[1::2], strict=True))


@pytest.mark.parametrize("way", WAYS)
def test_the_chapter_is_typed_as_it_stands(pristine_member: Member, way: str) -> None:
    module = first_hour()
    text = "".join(said for heading, said in chapter().items() if not heading.startswith("The key:") or heading.endswith(way))
    for person in ("alice", "bob"):
        root("member", "mkdir", "-m", "1777", "-p", f"/home/{person}@{DOMAIN}")  # there is no account of theirs yet
    pid = int(Path("/run/lab/ad/member.pid").read_text())
    module.play(module.read_page(text), pid, f"{{}}@{DOMAIN}", PASSWORD)
    assert SERVICE in root("member", "klist", "-k", WAYS[way])
    in_the_ticket = pristine_member.run("alice", "sh", "-c", f"kvno -q {SERVICE} && klist -e").stdout
    assert "arcfour" not in root("member", "klist", "-k", "-e", WAYS[way])
    assert re.search(rf"{SERVICE}@{REALM}\n.*\(skey, tkt\): aes256-\S+, aes256-\S+", in_the_ticket), in_the_ticket


def test_every_way_to_make_the_key_is_typed() -> None:
    assert [heading.removeprefix("The key: ") for heading in chapter() if heading.startswith("The key:")] == [*WAYS]
