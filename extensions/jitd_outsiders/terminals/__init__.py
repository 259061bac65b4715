# SPDX-License-Identifier: Apache-2.0
"""jitd-terminals: the small process that writes to people's terminals. The process jitd-terminals does not run as root. Besides
its own group, this process is only in the group ``tty``.

The daemon sends a text and the names of its addressees to this process (``client``, ``messages``). The process finds the
terminals on which these people are logged in, and writes the text there (``process``, ``writing``).

Law: only the kernel decides whether a terminal accepts a message (mesg(1)). The process never reads from a terminal.
"""
