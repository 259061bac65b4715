# SPDX-License-Identifier: Apache-2.0
"""What the engine lets each key do, as a part of its configuration (nats.conf), made of the hosts that stand in files.

Law: a host hears what is for itself, and speaks under its own name alone. An approver hears what is for the own key alone, and
says nothing in the name of another one. It is the engine that keeps this, and no right at a host depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jitd_fleet import subjects

HEAD = "# Who may connect, and what they may say and hear. `jitd-door permissions` writes this file: change hosts.toml instead.\n"
MOST_SUBSCRIPTIONS = 1024
"""Maximum number of subscriptions of one connection. A desk makes another connection before it has so many. It is the same for
each fleet, because a server that runs takes no other number.
"""
LEAST_CONNECTIONS, OF_A_HOST, OF_AN_APPROVER = 1024, 2, 32
"""Each number is that of connections. A host has another one while the server has not noticed that the last one is gone. An
approver has one for each command, and another one for each 900 hosts.
"""
LIMITS = """\
max_payload: 65536 # ours have half of it, and an agent lets go of a server that sends it more than 1 MiB
max_subscriptions: {subscriptions} # of one connection; a server has no limit for one key
max_connections: {connections} # of all keys together
"""


def configuration(hosts: Mapping[str, Iterable[str]], approvers: Mapping[str, Iterable[str]]) -> str:
    """Return the text for the public keys of ``hosts`` and ``approvers``, by their names."""
    lines = [_user(name, key, *_of_host(name)) for name, keys in sorted(hosts.items()) for key in keys]
    lines += [_user(name, key, *_of_approver(key)) for name, keys in sorted(approvers.items()) for key in keys]
    n_hosts, n_approvers = (sum(len(list(keys)) for keys in named.values()) for named in (hosts, approvers))
    n = max(LEAST_CONNECTIONS, OF_A_HOST * n_hosts + OF_AN_APPROVER * n_approvers)
    limits = LIMITS.format(subscriptions=MOST_SUBSCRIPTIONS, connections=n)
    return f"{HEAD}{limits}authorization {{\n  users = [\n{''.join(lines)}  ]\n}}\n"


def _of_host(host: str) -> tuple[list[str], list[str]]:
    token = subjects.token(host)
    return [f"jit.c.*.{token}.*"], [subjects.dial(host, "*", "*"), subjects.up(host, "*", "*"), subjects.roll("*", "*")]


def _of_approver(key: str) -> tuple[list[str], list[str]]:
    return [subjects.dial("*", key, "*"), subjects.up("*", key, "*"), subjects.roll(key, "*")], [f"jit.c.{key}.>"]


def _user(name: str, key: str, publish: list[str], subscribe: list[str]) -> str:
    may = f"publish: [{', '.join(map(_quoted, publish))}], subscribe: [{', '.join(map(_quoted, subscribe))}]"
    return f"    # {name}\n    {{ nkey: {key}, permissions: {{ {may} }} }}\n"


def _quoted(subject: str) -> str:
    return f'"{subject}"'
