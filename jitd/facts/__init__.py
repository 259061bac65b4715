# SPDX-License-Identifier: Apache-2.0
"""Facts that rules may name (jitd-policy(5)). Each fact is looked up on this host when a rule needs it.

Law: if a fact cannot be established, the fact is Unknown, with a reason. A fact is never guessed or replaced by a default. No
system outside this host is queried, and no program is started. A look-up may block on this host's own files, so facts are looked
up in a worker.
"""
