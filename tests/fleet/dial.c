/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dial SOCKET: copies bytes between standard input and output and a Unix socket, and ends when either side has ended. It is in C,
 * because two hundred starts of Python take longer than all else that a desk does with two hundred hosts.
 */

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Whether bytes were copied. */
static int
copy(int from, int to)
{
    static char data[65536];
    ssize_t size = read(from, data, sizeof(data));

    for (ssize_t done = 0, n; done < size; done += n) {
        n = write(to, data + done, size - done);
        if (n < 0)
            return 0;
    }
    return size > 0;
}

int
main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int door = socket(AF_UNIX, SOCK_STREAM, 0);
    struct pollfd sides[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = door, .events = POLLIN}};

    if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path))
        return 2;
    strcpy(address.sun_path, argv[1]);
    if (connect(door, (struct sockaddr *)&address, sizeof(address)) != 0) {
        perror(argv[1]);
        return 1;
    }
    while (poll(sides, 2, -1) > 0) {
        if (sides[0].revents != 0 && !copy(STDIN_FILENO, door))
            break;
        if (sides[1].revents != 0 && !copy(door, STDOUT_FILENO))
            break;
    }
    return 0;
}
