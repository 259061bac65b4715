# SPDX-License-Identifier: Apache-2.0
"""What ``jitd check`` warns about: rules that can be read and may not say what their author meant.

Law: nothing here decides a request or changes the host. What follows from the rules is pure. What has to be looked up has a time
limit, and is a warning if it cannot be looked up.
"""
