# SPDX-License-Identifier: Apache-2.0
"""Checks PAM stacks in the same way as libpam reads them. Also checks sudoers and sshd_config. Finds lines that let people bypass
jitd's gate.
Law: no PAM module is called, and no file is changed. A file that cannot be read is reported as a finding. The sentence of a
finding describes an effect on the gate. Rules of style are not checked. A stack with an effective gate has no findings.
"""
