# SPDX-License-Identifier: Apache-2.0
"""The list of standing privileges, on a host with the real sudo, sshd, polkit and PAM."""
