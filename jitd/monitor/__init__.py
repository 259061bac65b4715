# SPDX-License-Identifier: Apache-2.0
"""The process that runs beside each command (the monitor), and the process that forks it (the launcher).

Law: modules here import the standard library, pamela, and of this project only the rooms ``files``, ``recording`` and ``wire``.
"""
