# SPDX-License-Identifier: Apache-2.0
"""What an administrator writes as an expression, compiled: ``when`` of a rule in CEL, and the patterns of reasons in RE2.

Law: this room alone knows the package ``cel_expr_python``. An expression is compiled when the policy is loaded, or refused there
with its line and column. What is handed out is a pure function of flat values. No text of a client becomes an expression or a
pattern.
"""
