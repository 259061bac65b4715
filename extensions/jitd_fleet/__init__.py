# SPDX-License-Identifier: Apache-2.0
"""What carries the bytes of approvers who are elsewhere to the door of this host."""
