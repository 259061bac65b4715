# SPDX-License-Identifier: Apache-2.0
"""Under a rule that wants a reason, who has a lease gives it once. A denial says what comes closest."""

from __future__ import annotations

from tests.system.conftest import House

POLICY = """
[[permit]]
name = "changes"
who = ["user:alice"]
run_as = ["root"]
commands = [["/usr/bin/id", "-u"]]
reason = { pattern = "CHG-[0-9]+", hint = "the change number" }
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 5 }
"""


def test_a_lease_is_used_without_a_second_reason(own_house) -> None:
    house: House = own_house(POLICY).start()
    refused = house.sudo("alice", "-n", "--reason", "lag", "id", "-u")
    assert (refused.returncode, refused.stderr) == (
        121,
        "jitsudo: your reason does not match: rule changes wants a reason: the change number; give it with --reason=TEXT\n",
    )
    asked = house.ask("alice", "--for=10m", "--uses=3", "--reason", "lag, CHG-4711", "id", "-u")
    assert house.approve(asked.id, "bob").returncode == 0
    assert asked.end() == 0
    used = house.sudo("alice", "-n", "id", "-u")
    assert (used.returncode, used.stdout) == (0, "0\n"), used.stderr
    (row,) = [row for row in house.rows("requests", "--all") if row.get("lease") == asked.id]
    assert row["reason"] == "lag, CHG-4711"
    again = house.sudo("alice", "-n", "-k", "id", "-u")
    assert again.returncode == 121 and "rule changes wants a reason: the change number" in again.stderr
    house.verify()


def test_a_denial_says_what_comes_closest_to_it_and_to_others_where_to_look(own_house) -> None:
    """THREATS A-19."""
    house: House = own_house(POLICY).start()
    denied = house.sudo("alice", "id", "-g")
    assert (denied.returncode, denied.stderr) == (
        121,
        "jitsudo: denied: no rule permits this; the closest rule is changes (/usr/bin/id -u)\n",
    )
    denied = house.sudo("alice", "-u", "bob", "id", "-u")
    assert denied.stderr == "jitsudo: denied: no rule permits this; the closest rule is changes (as root)\n"
    for who, words in (("eve", ("id", "-u")), ("alice", ("true",))):
        denied = house.sudo(who, *words)
        assert (denied.returncode, denied.stderr) == (
            121,
            "jitsudo: denied: no rule permits this; jitsudo -l lists what you may ask for\n",
        )
    explained = house.jitd("explain", "id", "-g", who="alice").stdout.splitlines()
    assert explained == ["id -g (as root): denied: no rule permits this", "closest: rule changes: /usr/bin/id -u"]
    house.verify()
