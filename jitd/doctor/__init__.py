# SPDX-License-Identifier: Apache-2.0
"""``jitd doctor``: tells whether this host is set up correctly, and how to correct what is not. There is one module for each
subject: it looks at the host, and makes findings of what it sees. ``root`` and ``person`` list what each of the two is told;
``round`` runs the examinations.

Law: a function that makes a finding is pure. Nothing is changed on the host, except that a PAM session of root is opened and
closed again. No examination takes longer than its time limit.
"""
