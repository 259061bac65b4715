# SPDX-License-Identifier: Apache-2.0
"""``jitd doctor``: is this host set up right? What is looked at (``looks``), what is thought of it (``checks``), which of it
root is told (``house``) and which everybody (``person``), and the round that has each done by a process of its own (``round``).

Law: nothing is changed, but that a PAM session of root is opened and closed again; no look takes longer than its seconds.
"""
