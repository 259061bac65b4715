# SPDX-License-Identifier: Apache-2.0
"""Reads PAM stacks in the same way as libpam, and finds the lines that let people bypass jitd's gate. Also finds lines in
sudoers and in sshd_config that bypass the gate.
Law: no PAM module is called, and no file is changed. A file that cannot be read is reported as a finding. The sentence of a
finding describes an effect on the gate. Rules of style are not checked. A stack whose gate is effective and has no weakness gets
no finding.
"""
