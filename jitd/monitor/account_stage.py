# SPDX-License-Identifier: Apache-2.0
"""The process that asks the account stage of a PAM service whether an account may be used on this host. The launcher forks it for
one question, and it ends after its answer: no code of a PAM module runs in the daemon.
"""

from __future__ import annotations

import os
import socket
import sys

from jitd.monitor.pam_session import Refused, Session
from jitd.monitor.pam_stack import why_unset
from jitd.monitor.proof_orders import POLICY_WITHIN, UNSET, MayUse
from jitd.monitor.proving import be_private

PAM_SYSTEM_ERR = 4


def begin(order: MayUse, daemon: int) -> None:
    """Fork the process that asks PAM, and that sends its answer to ``daemon``. Raises OSError."""
    if os.fork() == 0:
        try:
            be_private(daemon, within=POLICY_WITHIN)
            with socket.socket(fileno=daemon) as answer:
                answer.send(_answer(order))
        except BaseException as fault:
            print(f"jitd: PAM could not be asked about an account: {fault}", file=sys.stderr, flush=True)
        finally:
            os._exit(0)


def _answer(order: MayUse) -> bytes:
    try:
        if because := why_unset(order.service, "account"):
            raise Refused(f"the PAM service {order.service} is not set up: {because}")
        return b"%d" % AccountStage().code(order)
    except Refused as fault:
        print(f"jitd: {fault}", file=sys.stderr, flush=True)
        return UNSET


class AccountStage(Session):
    """One question to PAM. A question of a module is not answered, and what modules tell is dropped."""

    def code(self, order: MayUse) -> int:
        """Return the code of pam_acct_mgmt(3): PAM_SUCCESS (0) if the account may be used. PAM_RHOST and PAM_TTY are not set:
        jitd has no verified values for them. If a module has replaced the account, the answer is not success.
        """
        handle = self._pam.pam_start(order.service, order.may_use, self._conversation)
        handle.set_item(self._pam.PAM_RUSER, order.may_use)
        code = int(self._pam.PAM_ACCT_MGMT(handle, 0))
        is_theirs = handle.get_item(self._pam.PAM_USER) == order.may_use
        self._pam.PAM_END(handle, code)
        return code if is_theirs or code != self._pam.PAM_SUCCESS else PAM_SYSTEM_ERR
