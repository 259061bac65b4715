# SPDX-License-Identifier: Apache-2.0
"""Compiles the expressions that administrators write. Administrators write ``when`` of a rule in CEL, and the patterns for
reasons in RE2.

Law: only this package imports ``cel_expr_python``. An expression is compiled when the policy is loaded. If the expression is
faulty, the policy is refused, and the message contains the line and the column of the fault. The result of an expression depends
only on the values that the expression uses. Each value is a simple value, such as a number or a text, or a list of texts. A text
from a client never becomes an expression or a pattern.
"""
