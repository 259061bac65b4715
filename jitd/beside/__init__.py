# SPDX-License-Identifier: Apache-2.0
"""The connection between the daemon and a process beside it. Examples are jitd-outside and jitd-programs. Every process beside
the daemon has its own account.

The daemon opens a connection with ``doors`` and sends its questions with ``asking``. The process uses ``starting`` at its start,
and ``answering`` for its answers. Both sides use ``packets``. The package of each process defines the content of its questions
and answers. Law: a process beside the daemon does not import the daemon's modules, and the daemon does not import the modules of
the process. Many questions may be open at the same time. The daemon gets one answer to each question, or the reason why there is
no answer.
"""
