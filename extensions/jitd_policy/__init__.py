# SPDX-License-Identifier: Apache-2.0
"""Tries rules before they are in force: tables say what should be decided, and ``core.policy.decide`` says what is.

Law: nothing here is in the daemon, and nothing here decides. What a table does not say is unknown, and an unknown denies as it
does on a host.
"""
