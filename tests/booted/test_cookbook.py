# SPDX-License-Identifier: Apache-2.0
"""docs/cookbook.md, typed line by line on a booted host. Law: the page's rules are the only ones there, beside root's own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.booted.conftest import Service
from tests.typed_page import TREE, Page, sections

PAGE = sections((TREE / "docs/cookbook.md").read_text("utf-8"))
SETTINGS, RULES = Path("/etc/jitd/jitd.toml"), Path("/etc/jitd/policy.d")
PROGRAMS = {
    "/opt/app/bin/deploy": "#!/bin/sh\necho \"release $RELEASE: $1 is in place, by $(id -un)\"\n",
    "/opt/app/bin/rollback": "#!/bin/sh\necho 'the release before is in place'\n",
    "/opt/app/bin/check-config": """#!/bin/sh
awk '!/^(#|listen |root )/ { print FILENAME ":" NR ": no such word"; wrong = 1 } END { exit wrong }' "$1"
""",
    "/usr/local/sbin/nightly": "#!/bin/sh\necho '41 files are in the backup'\n",
    "/usr/local/sbin/restore-test": "#!/bin/sh\necho '12 tables restored, 12 as expected'\n",
}  # fmt: skip
PLAYBOOK = """\
- hosts: localhost
  gather_facts: false
  tasks:
    - copy:
        content: "7\\n"
        dest: /etc/site-version
        mode: "0644"
"""
HBA = "local all postgres peer\nhost shop all 127.0.0.1/32 scram-sha-256\n"
SHOP = """\
CREATE DATABASE shop;
\\connect shop
CREATE TABLE orders (number integer PRIMARY KEY, customer text NOT NULL, paid boolean NOT NULL);
INSERT INTO orders VALUES (1, 'Ada', true), (2, 'Grace', false);
CREATE ROLE reporting_ro NOLOGIN;
GRANT SELECT ON orders TO reporting_ro;
"""


def do(*line: str, **more: object) -> None:
    done = subprocess.run(line, capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload]
    assert done.returncode == 0, (line, done.stdout, done.stderr)


def make_people() -> None:
    """Groups, accounts and programs that the page speaks of."""
    for group, member in (("deploy", "alice"), ("oncall", "eve")):
        do("groupadd", group)
        do("usermod", "-aG", group, member)
    for account in ("app", "restore"):
        do("useradd", "--create-home", "--shell", "/bin/bash", account)
    for path, text in PROGRAMS.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
        Path(path).chmod(0o755)
    Path("/etc/app/jobs").mkdir(parents=True)
    Path("/etc/app/site.conf").write_text("# where the application listens\nlisten 80;\nroot /srv/app;\n")
    Path("/run/sshd").mkdir(exist_ok=True)
    do("ssh-keygen", "-A")
    Path("/opt/site").mkdir()
    Path("/opt/site/site.yml").write_text(PLAYBOOK)


def forget_people() -> None:
    for group in ("deploy", "oncall"):
        do("groupdel", group)
    for account in ("app", "restore"):
        do("userdel", "--force", "--remove", account)  # a shell that was just hung up may live for a moment
    for path in PROGRAMS:
        Path(path).unlink()
    shutil.rmtree("/opt/app")
    shutil.rmtree("/etc/app")
    shutil.rmtree("/opt/site")
    of_robots = "/etc/sudoers.d/backup", "/etc/cron.d/nightly", "/etc/backup.keytab"
    for made in ("/etc/site-version", "/home/alice/night.job", *of_robots):
        Path(made).unlink(missing_ok=True)


@pytest.fixture(scope="module")
def database() -> Iterator[None]:
    """A PostgreSQL with the orders of a shop."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: int(place.parts[4]))
    data, sockets = Path(tempfile.mkdtemp(dir="/var/lib")), Path("/run/postgresql")
    sockets.mkdir(exist_ok=True)
    for place in (data, sockets):
        shutil.chown(place, "postgres", "postgres")
    postgres = {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": "/"}
    do(
        f"{programs}/initdb",
        "-D",
        str(data),
        "-U",
        "postgres",
        "-A",
        "reject",
        "--no-sync",
        "--no-locale",
        "-E",
        "UTF8",
        **postgres,
    )
    (data / "pg_hba.conf").write_text(HBA)
    settings = "-c unix_socket_directories=/run/postgresql -c listen_addresses=127.0.0.1 -c fsync=off"
    do(f"{programs}/pg_ctl", "-D", str(data), "-o", settings, "-l", f"{data}/log", "-w", "start", **postgres)
    do("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-h", str(sockets), "-U", "postgres", input=SHOP, **postgres)
    yield
    do(f"{programs}/pg_ctl", "-D", str(data), "-m", "immediate", "stop", **postgres)
    shutil.rmtree(data)


@pytest.fixture(scope="module")
def page(database: None) -> Iterator[Page]:
    settings = SETTINGS.read_text()
    make_people()
    service = Service("# The rules of the page are the only ones.\n")
    service.start()
    played = Page()
    yield played
    played.leave()
    for rules in RULES.glob("*.toml"):
        rules.unlink()
    shutil.rmtree(RULES.with_name("policy.test"), ignore_errors=True)  # made by one of the situations
    SETTINGS.write_text(settings)
    service.restart()
    service.close()
    forget_people()


def test_the_page_has_twelve_situations() -> None:
    assert len(PAGE) == 12


@pytest.mark.parametrize("situation", PAGE)
def test_what_the_page_shows_is_what_comes(page: Page, situation: str) -> None:
    page.play(PAGE[situation])
