/* SPDX-License-Identifier: Apache-2.0 */
/* See host.h. */

#include "host.h"
#include "gate.h"
#include "narrow.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MOST_LOGGED 900

bool
host_is_utf8(const char *text)
{
    size_t n;

    for (; *text != '\0'; text += n) {
        if (narrow_character(text, &n) == '?' && *text != '?')
            return false;
    }
    return true;
}

void
host_cut(char *text, size_t most)
{
    if (strlen(text) <= most)
        return;
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    text[most] = '\0';
}

uint32_t
host_login_session(void)
{
    char text[32], *end;
    int fd = open("/proc/self/sessionid", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    unsigned long session;

    if (fd >= 0)
        close(fd);
    text[n < 0 ? 0 : n] = '\0';
    if (*text >= '0' && *text <= '9') {
        session = strtoul(text, &end, 10);
        if ((*end == '\0' || *end == '\n') && session > 0 && session < UINT32_MAX)
            return (uint32_t)session;
    }
    return (uint32_t)getsid(0);
}

void
host_log(const char *by, const char *what, const char *more)
{
    static const struct sockaddr_un LOG = { AF_UNIX, "/dev/log" };
    char line[GATE_SENTENCE + 256], *text;
    int fd = gate_beside_the_streams(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));

    if (fd < 0)
        return;
    /* 85: authpriv, notice. */
    text = line + snprintf(line, sizeof(line), "<85>%s[%ld]: ", by, (long)getpid());
    snprintf(text, sizeof(line) - (size_t)(text - line), "%s%s", what, more);
    host_cut(text, MOST_LOGGED);
    gate_printable(text);
    (void)!sendto(fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&LOG, sizeof(LOG));
    close(fd);
}
