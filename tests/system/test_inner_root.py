# SPDX-License-Identifier: Apache-2.0
"""Root of a user namespace is a person of the host: with a ticket jitd knows whom, and without one the person is told why."""

from __future__ import annotations

from tests.system.conftest import REALM, House

INSIDE = ("unshare", "--user", "--map-root-user")
OUTSIDE_CACHE = "KRB5CCNAME=FILE:/tmp/krb5cc_4001"
"""Of alice. In the namespace, krb5.conf's %{uid} is 0."""


def test_with_a_ticket_it_is_the_person_it_is_outside(house: House) -> None:
    """Part of S-04."""
    done = house.run("alice", "env", OUTSIDE_CACHE, *INSIDE, "jitsudo", "-v")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"alice@{REALM} is alice on ")
    asked = house.run("alice", "env", OUTSIDE_CACHE, *INSIDE, "jitsudo", "--no-wait", "id", "-u")
    assert asked.returncode == 0, asked.stderr
    request = house.request_of(asked.stdout.strip())
    assert (request.requester.user, request.requester.uid) == ("alice", 4001)
    assert (
        house.run("bob", "env", "KRB5CCNAME=FILE:/tmp/krb5cc_4002", *INSIDE, "jitd", "deny", request.id, "--reason=no").returncode
        == 0
    )
    assert house.request_of(request.id).state == "denied"


def test_without_a_ticket_one_sentence_says_what_it_is_not(house: House) -> None:
    for words in (("jitsudo", "id"), ("jitd", "requests")):
        done = house.run("alice", *INSIDE, *words, ticket=False)
        assert done.returncode == 119
        (line,) = done.stderr.splitlines()
        assert "root of this user namespace is not root of the host, and needs a ticket" in line
        assert "kinit" in line


def test_with_anothers_ticket_it_is_nobody(house: House) -> None:
    """Part of S-04."""
    taken = 'cp /tmp/krb5cc_4002 /tmp/taken && chown 4001 /tmp/taken && exec "$@"'
    house.run("bob", "true")
    assert house.run("root", "sh", "-c", taken, "sh", "true").returncode == 0
    done = house.run("alice", "env", "KRB5CCNAME=FILE:/tmp/taken", *INSIDE, "jitsudo", "-v")
    assert done.returncode == 119
    assert f"bob@{REALM}" in done.stderr
