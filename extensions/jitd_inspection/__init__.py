# SPDX-License-Identifier: Apache-2.0
"""Judges a host: whether it is set up right, what goes around its gates, who is root without jitd, and what its rules open.

Law: the inspection only reads. What it says to type, a person types; the verbs ``setup`` and ``pam-install`` ask before each
change.
"""
