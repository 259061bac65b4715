# SPDX-License-Identifier: Apache-2.0
"""PAM stacks read as libpam reads them, and what in them, in sudoers or in sshd_config goes around jitd's gate.

Law: nothing is asked of a module, nothing is changed, and what cannot be read is a finding. A sentence of a finding is something
that happens, and not a rule of style: a stack that is closed has none.
"""
