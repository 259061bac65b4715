# SPDX-License-Identifier: Apache-2.0
"""Facts that rules may name (jitd-policy(5)), each looked up on this host when a rule needs it.

Law: what cannot be established is Unknown, with a reason. Nothing is guessed, and no default takes the place of a fact. Nobody
outside this host is asked, and no program is started. Calls may block on this host's own files: they are made in a worker.
"""
