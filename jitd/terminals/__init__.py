# SPDX-License-Identifier: Apache-2.0
"""jitd-terminals: the small process that writes to people's terminals. It is not root; its one supplementary group is ``tty``.

The daemon says whom to tell and what (``client``, ``messages``); the process finds the terminals on which these people are logged
in, and writes there (``process``, ``writing``).
Law: the kernel alone says whether a terminal takes a message (mesg(1)). Nothing is read from a terminal.
"""
