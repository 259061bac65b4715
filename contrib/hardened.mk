# How all C of this tree is compiled. A Makefile adds what makes it a shared object or a program. SPDX-License-Identifier: Apache-2.0
WARN = -std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Werror -Wformat=2 -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
HARD = -O2 -D_FORTIFY_SOURCE=2 -fvisibility=hidden -fstack-protector-strong -fstack-clash-protection -fno-strict-overflow
BOUND = -Wl,-z,relro,-z,now,-z,noexecstack,-z,defs -Wl,--as-needed
SANITIZE = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
