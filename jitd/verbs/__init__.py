# SPDX-License-Identifier: Apache-2.0
"""What may be asked of the daemon. Law: who may see or do it is checked here, before anything is done."""
