# SPDX-License-Identifier: Apache-2.0
"""Checks PAM stacks as libpam reads them, and finds what in the stacks, in sudoers or in sshd_config bypasses jitd's gate.

Law: no module is called, and nothing is changed. What cannot be read is a finding. The sentence of a finding says what happens;
it is not a rule of style. A stack in which the gate holds has no finding.
"""
