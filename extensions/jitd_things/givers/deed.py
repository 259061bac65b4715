# SPDX-License-Identifier: Apache-2.0
"""One deed of jitd-givers, in its own process. A deed gives a thing, takes a thing back, or looks at a thing.

Law: the process reads the settings itself, does one deed, answers, and ends. A thing is given only if all givers' settings are
without a fault. To take a thing back, only the settings of the thing's own giver must be without a fault. The process never lives
longer than jitd-givers. The process is the subreaper of all processes that it starts (prctl(2)). So no process of a deed lives
longer than the deed.
"""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

from jitd.beside import packets
from jitd.beside.deeds import MOST_ORDERS
from jitd.beside.descendants import become_subreaper, end_all_below
from jitd.core.toml_document import ConfigError
from jitd.settings.giver_words import digest_of, lets_of
from jitd_things.givers.kind import Failed, Given, Kind, Mending, Order, Refused, Seen, Strays, Taken
from jitd_things.givers.messages import ANSWERS, Answer, Give, Look, Mend, Question, Search, Take
from jitd_things.givers.settings import NoGiver
from jitd_things.settings import Givers, load_givers, load_own
from jitpam.wire.declared import sentence


def do_deed(question: Question, settings: Path, line: socket.socket) -> None:
    """In the process of a deed, do the deed of ``question`` with the settings in ``settings``. Send the answer over ``line``."""
    become_subreaper()
    answer = done(question, settings)
    end_all_below()
    _send(line, answer)


def done(question: Question, settings: Path) -> Answer:
    """Do the deed of ``question``, and return the answer. This function raises no exception."""
    try:
        return _done(question, settings)
    except (ConfigError, NoGiver) as fault:  # raised before anything was changed
        return (Refused if isinstance(question, Give | Mend) else Failed)(sentence(str(fault)))
    except OSError as fault:
        return Failed(sentence(f"{_name(question)}: {fault.strerror or fault}{f' ({fault.filename})' if fault.filename else ''}"))
    except Exception as fault:
        return Failed(sentence(f"{_name(question)}: a defect of jitd-givers: {type(fault).__name__}: {fault}"))


def _done(question: Question, settings: Path) -> Answer:
    gives = isinstance(question, Give | Mend)
    givers = load_givers(settings) if gives else load_own(settings, _name(question))
    kind = _deeds_of(givers, question.kind, _name(question))
    match question:
        case Give(order=order) | Mend(order=order):
            if order.approved != digest_of(lets_of(givers[order.name])):
                return Refused(
                    f"[givers.{order.name}] of {settings} differs from what was approved: restart jitd, and then ask again"
                )
            return kind.mend(order) if isinstance(question, Mend) and isinstance(kind, Mending) else kind.give(order)
        case Take(order=order):
            return kind.take(order)
        case Look(order=order):
            return kind.look(order)
        case Search(holdings=holdings):
            return kind.strays([Order(holding, question.name, "-", 0, 0) for holding in holdings])


def _deeds_of(givers: Givers, kind: str, name: str) -> Kind:
    """Raises NoGiver."""
    giver = givers.get(name)
    if giver is None:
        raise NoGiver(f"jitd.toml sets up no giver {name}: add the table [givers.{name}] there (if it was removed, restore it)")
    if kind != giver.KIND:
        raise NoGiver(f'jitd.toml says that {name} is of the kind "{giver.KIND}", not "{kind}"')
    return giver.deeds()


def _name(question: Question) -> str:
    return question.name if isinstance(question, Search) else question.order.name


def _plain(answer: Answer) -> Answer:
    """Shorten and clean the sentences, so that they fit into a message."""
    match answer:
        case Given():
            return replace(answer, tell=answer.tell and sentence(answer.tell))
        case Taken():
            return replace(answer, left=answer.left and sentence(answer.left))
        case Seen():
            return replace(answer, why=answer.why and sentence(answer.why))
        case Strays():
            return Strays(answer.holdings[:MOST_ORDERS])
    return replace(answer, why=sentence(answer.why))


def _send(line: socket.socket, answer: Answer) -> None:
    """Send ``answer``, with the descriptor of its secret in the same packet. If the kernel does not let this pass, the deed has
    failed. Raises OSError. Raises ValueError if the answer is not a valid message.
    """
    if not isinstance(answer, Given) or answer.secret is None:
        line.send(ANSWERS.write(_plain(answer)))
        return
    try:
        socket.send_fds(line, [ANSWERS.write(_plain(answer))], [answer.secret])
    except OSError as fault:
        line.send(ANSWERS.write(_plain(Failed(f"its secret cannot be sent: {packets.why_unsent(fault)}"))))
