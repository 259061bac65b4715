# SPDX-License-Identifier: Apache-2.0
"""The process that runs beside each command (the monitor), and the process that forks monitors (the launcher).

Law: modules in this package import only the standard library, pamela, pam, and three packages of this project: ``files``,
``recording`` and ``wire``.
"""
