# SPDX-License-Identifier: Apache-2.0
"""Monitor, launcher and executor, driven as daemon and client drive them. Law: real processes, as root."""
