# SPDX-License-Identifier: Apache-2.0
"""contrib/sbom: what the product imports, as the lists have it; and no dependency that nothing imports."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
from typing import Any

import pytest

from contrib.scripts import load
from tests.law.tree import MODULES, STANDARD, TREE, imports, is_ours

LIST = (TREE / "requirements/runtime.txt").read_text("utf-8")
IMPORTED_AS = {
    "cel-expr-python": "cel_expr_python", "dbus-fast": "dbus_fast", "http-message-signatures": "http_message_signatures",
    "nats-py": "nats", "python-pam": "pam",
    "systemd-python": "systemd",
}  # fmt: skip
"""A package's name → that of its module, where they differ."""
BY_OTHERS = {
    "anyio", "certifi", "cffi", "decorator", "h11", "http-sf", "idna", "linkify-it-py", "markdown-it-py", "mdit-py-plugins",
    "mdurl", "platformdirs", "pycparser", "pygments", "typing-extensions",
}  # fmt: skip
"""What another package needs."""


sbom = load("sbom")


def made() -> str:
    """What the script writes."""
    line = [TREE / "contrib/sbom", TREE / ".venv", "-"]
    return subprocess.run(line, capture_output=True, text=True, check=True, cwd="/").stdout


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    loaded = json.loads(made())
    assert isinstance(loaded, dict)
    return loaded


def test_it_has_every_locked_package_with_its_version_and_all_its_hashes(bill: dict[str, Any]) -> None:
    listed = {part["name"]: part for part in bill["components"]}
    assert {(name, part["version"]) for name, part in listed.items()} == set(re.findall(r"(?m)^(\S+)==(\S+) ", LIST))
    told = sorted(each["content"] for part in listed.values() for each in part["externalReferences"][0]["hashes"])
    assert told == sorted(re.findall(r"sha256:([0-9a-f]{64})", LIST)) and len(told) > 50
    assert listed["click"]["purl"] == f"pkg:pypi/click@{listed['click']['version']}"


def test_every_part_has_a_licence(bill: dict[str, Any]) -> None:
    said = {part["name"]: part["licenses"][0] for part in bill["components"]}
    told = {name: each["license"]["id"] if "license" in each else each["expression"] for name, each in said.items()}
    assert told["systemd-python"] == "LGPL-2.1-or-later" and told["gssapi"] == "ISC"
    assert set(told.values()) <= {*sbom.SPDX.values()}


def test_who_needs_whom_is_as_in_the_list(bill: dict[str, Any]) -> None:
    refs = {part["bom-ref"]: part["name"] for part in (bill["metadata"]["component"], *bill["components"])}
    needs = {refs[each["ref"]]: {refs[other] for other in each["dependsOn"]} for each in bill["dependencies"]}
    assert needs.pop("jitsudo") == {
        "cel-expr-python", "click", "cryptography", "dbus-fast", "gssapi", "http-message-signatures", "httpcore", "msgspec",
        "nats-py", "pamela", "psycopg", "python-pam", "rich", "systemd-python", "textual",
    }  # fmt: skip
    assert {name: others for name, others in needs.items() if others} == {
        "anyio": {"idna", "typing-extensions"},
        "cffi": {"pycparser"},
        "cryptography": {"cffi"},
        "gssapi": {"decorator"},
        "http-message-signatures": {"cryptography", "http-sf"},
        "http-sf": {"typing-extensions"},
        "httpcore": {"anyio", "certifi", "h11"},
        "markdown-it-py": {"linkify-it-py", "mdurl"},
        "mdit-py-plugins": {"markdown-it-py"},
        "rich": {"markdown-it-py", "pygments"},
        "textual": {"markdown-it-py", "mdit-py-plugins", "platformdirs", "pygments", "rich", "typing-extensions"},
        "psycopg": {"typing-extensions"},
    }
    assert len(needs) == len(refs) - 1


def test_the_same_lists_give_the_same_bytes_and_no_time_or_path_is_in_them() -> None:
    assert made() == made()
    assert "timestamp" not in made() and str(TREE) not in made()


def test_another_list_is_another_bill() -> None:
    packages = {"click": {"version": "1", "hashes": ["0" * 64], "via": ["jitsudo"]}}
    known = {"click": ("1", "MIT")}
    first = sbom.bill(packages, known, "1")
    assert first == sbom.bill(packages, known, "1")
    assert first["serialNumber"] != sbom.bill(packages, known, "2")["serialNumber"]
    assert first["bomFormat"] == "CycloneDX" and re.fullmatch(
        r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first["serialNumber"]
    )


@pytest.mark.parametrize("known", [{}, {"click": ("2", "MIT")}])
def test_another_version_than_the_locked_one_is_a_fault(known: dict[str, tuple[str, str]]) -> None:
    with pytest.raises(sbom.Fault, match="the lists lock click 1, and the venv has (no|2) click"):
        sbom.bill({"click": {"version": "1", "hashes": ["0" * 64], "via": []}}, known, "1")


def test_a_licence_that_is_not_known_is_a_fault(tmp_path: Any) -> None:
    (tmp_path / "x-1.dist-info").mkdir()
    (tmp_path / "x-1.dist-info/METADATA").write_text("Name: x\nVersion: 1\nLicense: my own\n")
    with pytest.raises(sbom.Fault, match="x calls its licence 'my own'"):
        sbom.licences(tmp_path)


@pytest.mark.parametrize("block", ["click==1\n", "click>=1 \\\n    --hash=sha256:" + "0" * 64])
def test_a_package_without_a_version_or_hashes_is_a_fault(block: str) -> None:
    with pytest.raises(sbom.Fault, match="not a package with its hashes: click"):
        sbom.locked(block)


def test_what_is_declared_is_imported_and_what_is_imported_is_declared() -> None:
    """Each is code that the daemon's root process must trust."""
    settings = configparser.ConfigParser()
    settings.read(TREE / "setup.cfg", "utf-8")
    declared = [re.split(r"[\[ ~=<>]", line)[0] for line in settings["options"]["install_requires"].split("\n") if line]
    asked = (TREE / "requirements/runtime.in").read_text("utf-8").splitlines()
    assert [re.split(r"[\[ ~=<>]", line)[0] for line in asked if not line.startswith("#")] == declared
    assert set(re.findall(r"(?m)^([a-z0-9-]+)==", LIST)) == {*declared, *BY_OTHERS}
    used = {name.partition(".")[0] for module in MODULES for name in imports(module)}
    foreign = {name for name in used - STANDARD if not is_ours(name)}
    assert foreign == {IMPORTED_AS.get(name, name) for name in declared}
