# SPDX-License-Identifier: Apache-2.0
"""Whole conversations, and the state that each leaves behind: what was refused leaves the connection where it may go on."""

import pytest

from jitpam.wire.conversation import CLIENT, DAEMON, LAW, Conversation
from jitpam.wire.faults import LocalProtocolError, RemoteProtocolError
from jitpam.wire.messages import FROM_CLIENT, FROM_DAEMON
from tests.table import each_row

GREETED = "C hello, D hello"
READY = f"{GREETED}, C token, D token, C token, D welcome"
STATES = [
    ("", "greeting"),
    ("C hello", "greeted"),
    ("C hello, D refused", "closed"),
    (GREETED, "authenticating"),
    (f"{GREETED}, D refused", "closed"),
    (READY, "ready"),
    (f"{GREETED}, D welcome", "ready"),
    (f"{GREETED}, D prove", "authenticating"),
    (f"{GREETED}, D slow", "authenticating"),
    (f"{GREETED}, D slow, D welcome", "ready"),
    (f"{READY}, C submit, D slow", "waiting"),
    (f"{GREETED}, D prove, D welcome", "ready"),
    (f"{GREETED}, D prove, D refused", "closed"),
    (f"{READY}, C bye", "closed"),
    (f"{READY}, C show", "asked"),
    (f"{READY}, C show, D item, D item", "asked"),
    (f"{READY}, C show, D item, D done", "ready"),
    (f"{READY}, C show, D refused", "ready"),
    (f"{READY}, C watch", "watching"),
    (f"{READY}, C watch, D item, D done, D item", "watching"),
    (f"{READY}, C watch, D refused", "ready"),
    (f"{READY}, C watch, C bye", "closed"),
    (f"{READY}, C observe", "observing"),
    (f"{READY}, C observe, D item, C seen", "observing"),
    (f"{READY}, C observe, D done, C seen", "ready"),
    (f"{READY}, C observe, D refused", "ready"),
    (f"{READY}, C observe, C bye", "closed"),
    (f"{READY}, C observe, C stop, D item", "stopping"),
    (f"{READY}, C observe, C stop, C bye", "closed"),
    (f"{READY}, C observe, C stop, D done", "asked"),
    (f"{READY}, C observe, C stop, D refused", "asked"),
    (f"{READY}, C observe, C stop, D item, D done, D done", "ready"),
    (f"{READY}, C submit", "waiting"),
    (f"{READY}, C anew", "waiting"),
    (f"{READY}, C breakglass", "waiting"),
    (f"{READY}, C edit", "waiting"),
    (f"{READY}, C edits", "waiting"),
    (f"{READY}, C undo", "waiting"),
    (f"{READY}, C resume", "waiting"),
    (f"{READY}, C submit, D progress, C withdraw", "waiting"),
    (f"{READY}, C submit, C bye", "closed"),
    (f"{READY}, C submit, D done", "ready"),
    (f"{READY}, C submit, D refused", "ready"),
    (f"{READY}, C submit, D granted", "ready"),
    (f"{READY}, C submit, D start", "started"),
    (f"{READY}, C submit, D start, C withdraw", "started"),
    (f"{READY}, C submit, D start, C bye", "closed"),
    (f"{READY}, C get", "waiting"),
    (f"{READY}, C keep", "asked"),
    (f"{READY}, C get, D given", "holding"),
    (f"{READY}, C get, D given, D given", "holding"),
    (f"{READY}, C get, D given, C withdraw", "holding"),
    (f"{READY}, C get, D given, C bye", "closed"),
    (f"{READY}, C get, D given, D taken", "ready"),
    (f"{READY}, C get, D given, C keep", "kept"),
    (f"{READY}, C get, D given, C keep, C bye", "closed"),
    (f"{READY}, C get, D given, C keep, D done", "ready"),
    (f"{READY}, C get, D given, C keep, D refused", "ready"),
    (f"{READY}, C get, D given, C keep, D taken", "asked"),
    (f"{READY}, C enforce", "proving"),
    (f"{READY}, C enforce, D challenge, C token, D token", "proving"),
    (f"{READY}, C enforce, C bye", "closed"),
    (f"{READY}, C enforcecommand", "proving"),
    (f"{READY}, C enforce, D refused", "ready"),
    (f"{READY}, C enforce, D challenge, C proof", "waiting"),
    (f"{READY}, C enforce, C proof, D refused", "ready"),
    (f"{READY}, C enforce, C proof, D granted", "ready"),
]


class Said:
    """A message as far as the conversation looks at it."""

    def __init__(self, type):
        self.type = type


def tell(conversation, spoken):
    """One of ``C hello``."""
    speaker, name = spoken.split()
    is_ours = conversation.role == (CLIENT if speaker == "C" else DAEMON)
    (conversation.say if is_ours else conversation.hear)(Said(name))


def after(role, spoken):
    conversation = Conversation(role)
    for word in filter(None, spoken.split(", ")):
        tell(conversation, word)
    return conversation


@each_row("role", [CLIENT, DAEMON])
@each_row(("spoken", "state"), STATES)
def test_where_a_conversation_leads(role, spoken, state):
    assert after(role, spoken).state == state


@pytest.mark.parametrize("asked", sorted(name for name in FROM_CLIENT if (CLIENT, name) in LAW["ready"]))
def test_whatever_is_asked_can_be_asked_again_after_a_refusal(asked):
    conversation = after(DAEMON, f"{READY}, C {asked}")
    if asked == "seen":  # that is no question
        assert conversation.state == "ready"
    elif conversation.state != "closed":
        tell(conversation, "D refused")
        tell(conversation, f"C {asked}")


def test_every_state_is_reached_and_every_step_of_the_table_is_one_that_some_row_above_takes():
    """Or is an asking: all of them are one row."""
    taken = set()
    for spoken, _ in STATES:
        words = list(filter(None, spoken.split(", ")))
        for at, word in enumerate(words):
            taken.add((after(DAEMON, ", ".join(words[:at])).state, word))
    steps = {(state, f"{speaker[0].upper()} {name}") for state, row in LAW.items() for speaker, name in row}
    askings = {("ready", f"C {name}") for (_, name), state in LAW["ready"].items() if state == "asked"}
    assert steps - taken <= askings and ("ready", "C show") in taken
    assert {state for state, _ in taken} | {"closed"} == set(LAW)


@pytest.mark.parametrize("role", [CLIENT, DAEMON])
def test_who_says_what_may_not_be_said_is_named(role):
    with pytest.raises(LocalProtocolError, match=f"^the {role} may not say welcome when greeting$"):
        Conversation(role).say(Said("welcome"))
    peer = DAEMON if role == CLIENT else CLIENT
    with pytest.raises(RemoteProtocolError, match=f"^the {peer} may not say welcome when greeting$"):
        Conversation(role).hear(Said("welcome"))


def test_the_two_ends_are_called_client_and_daemon():
    assert (CLIENT, DAEMON) == ("client", "daemon")
    assert FROM_CLIENT.keys() & FROM_DAEMON.keys() == {"hello", "token"}
