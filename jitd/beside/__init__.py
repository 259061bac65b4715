# SPDX-License-Identifier: Apache-2.0
"""How the daemon speaks with a process beside it: jitd-outside and jitd-programs, which have accounts of their own.

The daemon asks by ``asking``, through one of the ``doors``. The process begins by ``starting`` and answers by ``answering``. Both
sides share ``packets``. What questions and answers mean, the rooms of the two processes say.
Law: neither process imports the daemon, nor the daemon them. Many questions may be open at once; each gets one answer or a reason
why there is none.
"""
