# SPDX-License-Identifier: Apache-2.0
"""``jitd doctor``: is this host set up right, and how is it mended? One module a subject: what is looked at on the host, and the
checks that make findings of it. ``root`` and ``person`` list what each of them is told, ``round`` has it done.

Law: a function that makes a finding is pure; nothing is changed, but that a PAM session of root is opened and closed again; no
look takes longer than its seconds.
"""
