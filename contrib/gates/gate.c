/* SPDX-License-Identifier: Apache-2.0 */
/* See gate.h. */

#define _GNU_SOURCE  /* POSIX_SPAWN_SETSID, struct ucred */

#include "gate.h"
#include "narrow.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Milliseconds. */
#define ANSWER_WITHIN 5000       /* for each answer of jitd, except the decision */
#define PROOF_WITHIN 8000        /* for the whole proof; if the KDC does not answer, it takes three of these seconds */
#define FIRST_WORD_WITHIN 15000  /* until jitd's first message about the request; before it, jitd reads files and asks a KDC */
#define SLOW_WITHIN 60000        /* at most added to that, once, for a slow directory; sshd ends a login after 120 s */
#define LOOK_EVERY 200           /* between two looks for Ctrl-C */
#define END_WITHIN 5000          /* an initiator may hang in the kernel, for example on a dead file server */
#define ENDED_EVERY 5
#define ACT_WITHIN 10000         /* the age of a grant: nobody may stop this program, and use it later */

#define TOKEN_MOST 98304
#define TOKEN_BODY_MOST 131099
#define BODY_MOST 65536
#define BINDING_MOST 1024
#define BECAUSE_MOST 400
#define LINKS_MOST 40
#define QUESTION_MOST ((size_t)4 << 20)
#define AT_ONCE (MSG_NOSIGNAL | MSG_DONTWAIT)
#define MALFORMED "sent a message that cannot be read"
#define UNEXPECTED "sent an unexpected message"

static const int LEAVING[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };

/* A stream of frames (PROTOCOL.md section 2). The peer cannot block us, or end us by SIGPIPE. */
struct channel {
    const char *name;
    int fd;
    unsigned char body[TOKEN_BODY_MOST];
    size_t length;
};

/* One call of gate_ask. */
struct asking {
    struct gate *gate;
    bool has_left;  /* the person has stopped waiting */
    sigset_t watched;
    struct channel jitd, initiator;
    pid_t child;
    int child_fd;
    char text[BODY_MOST], host[BODY_MOST], because[BECAUSE_MOST + 1];
    unsigned char bytes[TOKEN_MOST], judged[64];
    char frame[4 + 2 * TOKEN_BODY_MOST];
};

/* --- sentences */

/* Controls, blanks that look like others, signs of format, which have no width or turn the direction of a line, and private ones. */
static const uint32_t UNPRINTABLE[][2] = {
    { 0, 0x1f }, { 0x7f, 0xa0 }, { 0xad, 0xad }, { 0x600, 0x605 }, { 0x61c, 0x61c }, { 0x6dd, 0x6dd }, { 0x70f, 0x70f },
    { 0x890, 0x891 }, { 0x8e2, 0x8e2 }, { 0x1680, 0x1680 }, { 0x180e, 0x180e }, { 0x2000, 0x200f }, { 0x2028, 0x202f },
    { 0x205f, 0x206f }, { 0x3000, 0x3000 }, { 0xe000, 0xf8ff }, { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0x110bd, 0x110bd },
    { 0x110cd, 0x110cd }, { 0x13430, 0x1343f }, { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a }, { 0xe0000, 0x10ffff },
};

void
gate_printable(char *text)
{
    char *to = text;

    for (size_t n; *text != '\0'; text += n) {
        uint32_t code = narrow_character(text, &n);
        bool is_printable = true;

        for (size_t i = 0; i < sizeof(UNPRINTABLE) / sizeof(UNPRINTABLE[0]); i++)
            is_printable = is_printable && (code < UNPRINTABLE[i][0] || code > UNPRINTABLE[i][1]);
        if (!is_printable || code == '?') {
            *to++ = '?';
        } else {
            memmove(to, text, n);
            to += n;
        }
    }
    *to = '\0';
}

static bool no(struct asking *asking, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool
no(struct asking *asking, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(asking->gate->why, sizeof(asking->gate->why), format, arguments);
    va_end(arguments);
    gate_printable(asking->gate->why);
    return false;
}

static bool
leaves(struct asking *asking, const char *why)
{
    asking->has_left = true;
    return no(asking, "%s", why);
}

static void
tell(const struct asking *asking, const char *sentence)
{
    if (asking->gate->tell != NULL)
        asking->gate->tell(asking->gate->with, sentence);
}

/* --- waiting */

/* CLOCK_BOOTTIME: nobody can set it, and it runs while the host sleeps or this process is stopped. */
static int64_t
now(void)
{
    struct timespec at;

    if (clock_gettime(CLOCK_BOOTTIME, &at) != 0)
        return INT64_MAX / 2;  /* every time is over */
    return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

/* Whether a signal has come, since the call began, that would end the program. */
static bool
is_left(const struct asking *asking)
{
    sigset_t pending;

    if (sigpending(&pending) != 0)
        return true;
    for (int number = 1; number < SIGRTMIN; number++) {
        if (sigismember(&asking->watched, number) == 1 && sigismember(&pending, number) == 1)
            return true;
    }
    return false;
}

enum waited { CAME, LATE, LEFT };

static enum waited
wait_for(struct asking *asking, int fd, short event, int64_t until)
{
    struct pollfd one = { .fd = fd, .events = event };
    int64_t left;
    int n = 0;

    while (n <= 0 && (left = until - now()) > 0) {
        n = poll(&one, 1, (int)(left < LOOK_EVERY ? left : LOOK_EVERY) + 1);
        if (n < 0 && errno != EINTR)
            return LATE;
        if (is_left(asking)) {  /* this also catches a signal that came just before the grant */
            leaves(asking, "withdrawn");
            return LEFT;
        }
    }
    return n > 0 ? CAME : LATE;
}

/* Block what would end the program, for as long as we wait. An ignored signal has no effect, but for those in `always`: Linux keeps
   a blocked signal pending even if it is ignored, and drops it when it is unblocked. */
static bool
block_signals(struct asking *asking, sigset_t *before)
{
    struct sigaction action;
    sigset_t pending, heeded;

    sigemptyset(&heeded);
    for (size_t i = 0; i < sizeof(LEAVING) / sizeof(LEAVING[0]); i++) {
        bool is_always = false;

        for (const int *at = asking->gate->always; at != NULL && *at != 0; at++)
            is_always = is_always || *at == LEAVING[i];
        if (sigaction(LEAVING[i], NULL, &action) != 0)
            return false;
        if (is_always || (action.sa_flags & SA_SIGINFO) != 0 || action.sa_handler != SIG_IGN)
            sigaddset(&heeded, LEAVING[i]);
    }
    if (sigaction(SIGTSTP, NULL, &action) != 0)
        return false;
    /* sudo would stop only after the grant, and run the command hours later. */
    if ((action.sa_flags & SA_SIGINFO) != 0 || (action.sa_handler != SIG_IGN && action.sa_handler != SIG_DFL))
        sigaddset(&heeded, SIGTSTP);
    if (sigpending(&pending) != 0)
        return false;
    sigemptyset(&asking->watched);
    for (int number = 1; number < SIGRTMIN; number++) {
        if (sigismember(&heeded, number) == 1 && sigismember(&pending, number) != 1)
            sigaddset(&asking->watched, number);
    }
    return pthread_sigmask(SIG_BLOCK, &asking->watched, before) == 0;
}

/* --- files */

/* Where a descriptor leads, for a sentence. */
static const char *
place_of(int fd, char place[PATH_MAX])
{
    char link[32];
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, place, PATH_MAX - 1);
    place[n > 0 ? n : 0] = '\0';
    return place;
}

/* The way is walked as the kernel walks it. realpath(3) would say where it leads now, and not who can turn it. */
bool
gate_is_roots(const char *path, char *why, size_t size)
{
    char way[PATH_MAX], more[PATH_MAX], *at = way;
    int here = -1, next = open("/", O_PATH | O_CLOEXEC), n_links = 0;
    struct stat status;
    bool is_roots = false;

    *why = '\0';
    if (*path != '/' || (size_t)snprintf(way, sizeof(way), "%s", path) >= sizeof(way)) {
        snprintf(why, size, "%s is no path that can be checked", path);
    } else {
        while (!is_roots && next >= 0 && fstat(next, &status) == 0) {
            bool is_link = S_ISLNK(status.st_mode);
            size_t length;
            char after;

            if (status.st_uid != 0 || (!is_link && (status.st_mode & 022) != 0)) {
                snprintf(why, size, "%s can be changed by others than root", place_of(next, more));
                break;
            }
            if (is_link) {
                ssize_t n = readlinkat(next, "", more, sizeof(more));

                if (n <= 0 || (size_t)n + 1 + strlen(at) >= sizeof(more) || ++n_links > LINKS_MOST) {
                    errno = ELOOP;
                    break;
                }
                close(next);
                more[n] = '/';
                strcpy(more + n + 1, at);
                at = strcpy(way, more);
                if (*at == '/') {
                    close(here);
                    here = open("/", O_PATH | O_CLOEXEC);
                }
            } else {
                if (here >= 0)
                    close(here);
                here = next;
            }
            at += strspn(at, "/");
            length = strcspn(at, "/");
            after = at[length];
            at[length] = '\0';
            is_roots = *at == '\0';
            next = is_roots ? -1 : openat(here, at, O_PATH | O_NOFOLLOW | O_CLOEXEC);
            at += length;
            *at = after;
        }
        if (!is_roots && *why == '\0' && errno == ENOENT)
            snprintf(why, size, "%s is missing: tell an administrator of this host", path);
        else if (!is_roots && *why == '\0')
            snprintf(why, size, "%s cannot be checked: %s", path, strerror(errno));
    }
    if (next >= 0)
        close(next);
    if (here >= 0)
        close(here);
    return is_roots;
}

/* --- frames */

int
gate_beside_the_streams(int fd)
{
    int moved;

    if (fd < 0 || fd > 2)
        return fd;
    moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    close(fd);
    return moved;
}

static bool hear(struct asking *asking, struct channel *from, int64_t until, bool *has_come);

/* The four bytes before a body. */
static void
put_length(char *frame, size_t length)
{
    for (int i = 0; i < 4; i++)
        frame[i] = (char)(length >> (24 - 8 * i));
}

static bool
send_frame(struct asking *asking, struct channel *to, char *frame, size_t length, const int *fds)
{
    union {
        char room[CMSG_SPACE(3 * sizeof(int))];
        struct cmsghdr aligned;
    } control = { { 0 } };
    int64_t until = now() + ANSWER_WITHIN;
    bool has_come;

    put_length(frame, length);
    length += 4;
    for (size_t at = 0; at < length;) {
        struct iovec rest = { frame + at, length - at };
        struct msghdr message = { .msg_iov = &rest, .msg_iovlen = 1 };
        enum waited waited = wait_for(asking, to->fd, POLLOUT, until);
        ssize_t n;

        if (waited == LEFT)
            return false;
        if (waited == LATE)
            return no(asking, "%s does not listen", to->name);
        if (fds != NULL && at == 0) {
            struct cmsghdr *head;

            message.msg_control = control.room;
            message.msg_controllen = sizeof(control.room);
            head = CMSG_FIRSTHDR(&message);
            head->cmsg_level = SOL_SOCKET;
            head->cmsg_type = SCM_RIGHTS;
            head->cmsg_len = CMSG_LEN(3 * sizeof(int));
            memcpy(CMSG_DATA(head), fds, 3 * sizeof(int));
        }
        n = sendmsg(to->fd, &message, AT_ONCE);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            /* It may have refused before we had spoken. */
            if (hear(asking, to, until, &has_come))
                no(asking, "%s went away: ask again", to->name);
            return false;
        }
        at += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool
say(struct asking *asking, struct channel *to, const struct narrow_out *out)
{
    if (!out->is_whole)
        return no(asking, "a message to %s is too long", to->name);
    return send_frame(asking, to, asking->frame, (size_t)(out->at - (asking->frame + 4)), NULL);
}

static struct narrow_out
begin(struct asking *asking, const char *text)
{
    struct narrow_out out = { asking->frame + 4, asking->frame + sizeof(asking->frame), true };

    narrow_put(&out, text);
    return out;
}

static bool
receive(struct asking *asking, struct channel *from, unsigned char *into, size_t length, int64_t until, bool *has_come)
{
    for (size_t at = 0; at < length;) {
        enum waited waited = wait_for(asking, from->fd, POLLIN, until);
        ssize_t n;

        if (waited == LEFT)
            return false;
        if (waited == LATE) {
            *has_come = false;
            return true;
        }
        n = recv(from->fd, into + at, length - at, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0)
            return no(asking, "%s went away: ask again", from->name);
        at += (size_t)n;
    }
    *has_come = true;
    return true;
}

/* A refusal is a no, whatever was expected. `has_come` is false if none of a message, or a part of one, came before `until`. */
static bool
hear(struct asking *asking, struct channel *from, int64_t until, bool *has_come)
{
    unsigned char head[4];
    struct narrow in;

    from->length = 0;
    if (!receive(asking, from, head, sizeof(head), until, has_come))
        return false;
    if (!*has_come)
        return true;
    from->length = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (from->length > sizeof(from->body))
        return no(asking, "%s sent too long a message", from->name);
    if (!receive(asking, from, from->body, from->length, until, has_come))
        return false;
    if (!*has_come)
        return true;
    in = narrow_of(from->body, from->length);
    if (!narrow_is(&in, "{\"type\":\"refused\","))
        return true;
    if (from == &asking->jitd) {
        narrow_literal(&in, "\"code\":");
        narrow_text(&in, asking->text, sizeof(asking->text));
        narrow_literal(&in, ",");
    }
    narrow_literal(&in, "\"text\":");
    narrow_text(&in, asking->text, sizeof(asking->text));
    narrow_literal(&in, "}");
    return narrow_end(&in) ? no(asking, "%s", asking->text) : no(asking, "%s " MALFORMED, from->name);
}

/* The next message, whose beginning has to be `beginning`, and is read. */
static bool
expect(struct asking *asking, struct channel *from, const char *beginning, int64_t until, struct narrow *in)
{
    bool has_come = false;

    if (!hear(asking, from, until, &has_come))
        return false;
    if (!has_come)
        return no(asking, "%s does not answer", from->name);
    *in = narrow_of(from->body, from->length);
    if (!narrow_is(in, beginning))
        return no(asking, "%s " UNEXPECTED, from->name);
    return true;
}

static bool
ends(struct asking *asking, const struct channel *from, const struct narrow *in)
{
    return narrow_end(in) || no(asking, "%s " MALFORMED, from->name);
}

/* Read {"type":WHAT,FIELD:bytes}. */
static bool
expect_bytes(struct asking *asking, struct channel *from, const char *beginning, int64_t until, size_t most, size_t *length)
{
    struct narrow in;

    if (!expect(asking, from, beginning, until, &in))
        return false;
    narrow_bytes(&in, asking->bytes, most, length);
    narrow_literal(&in, "}");
    return ends(asking, from, &in);
}

/* --- the initiator */

static bool
start_initiator(struct asking *asking)
{
    char *words[] = { (char *)(uintptr_t)asking->gate->initiator, NULL }, *environment[] = { NULL };
    int ends_of[2], failed;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    siginfo_t state;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_of) != 0)
        return no(asking, "jitd's Kerberos initiator cannot be started (%s)", strerror(errno));
    asking->initiator.fd = gate_beside_the_streams(ends_of[0]);
    ends_of[1] = gate_beside_the_streams(ends_of[1]);
    sigemptyset(&none);
    sigfillset(&all);
    failed = asking->initiator.fd < 0 || ends_of[1] < 0 ? EMFILE : posix_spawn_file_actions_init(&actions);
    if (failed == 0) {
        failed = posix_spawnattr_init(&attributes);
        if (failed == 0) {
            if ((failed = posix_spawn_file_actions_adddup2(&actions, ends_of[1], 0)) == 0 &&
                (failed = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)) == 0 &&
                (failed = posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)) == 0 &&
                (failed = posix_spawnattr_setsigmask(&attributes, &none)) == 0 &&
                (failed = posix_spawnattr_setsigdefault(&attributes, &all)) == 0 &&
                (failed = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                                                    POSIX_SPAWN_SETSIGDEF)) == 0)
                failed = posix_spawn(&asking->child, asking->gate->initiator, &actions, &attributes, words, environment);
            posix_spawnattr_destroy(&attributes);
        }
        posix_spawn_file_actions_destroy(&actions);
    }
    if (ends_of[1] >= 0)
        close(ends_of[1]);
    if (failed != 0)
        asking->child = 0;
    /*
     * If the caller ignores SIGCHLD, another process may get the initiator's process id as soon as it has ended. The person may
     * stop us before we have the descriptor, so it counts only if it is of a child of ours: the other would be killed (THREATS P-19).
     */
    if (failed == 0 && (asking->child_fd = (int)syscall(SYS_pidfd_open, asking->child, 0)) < 0)
        failed = errno;
    if (failed == 0 && waitid(P_PIDFD, (id_t)asking->child_fd, &state, WEXITED | WNOHANG | WNOWAIT) != 0) {
        failed = errno;
        close(asking->child_fd);
        asking->child_fd = -1;
    }
    return failed == 0 || no(asking, "jitd's Kerberos initiator cannot be started (%s)", strerror(failed));
}

static void
end_initiator(struct asking *asking)
{
    struct pollfd ended = { .fd = asking->child_fd, .events = POLLIN };
    int64_t until = now() + END_WITHIN;
    int n;

    if (asking->initiator.fd >= 0)
        close(asking->initiator.fd);
    asking->initiator.fd = -1;
    if (asking->child_fd >= 0) {
        /* It may have ended and been reaped elsewhere. It may also hang in the kernel, and then it is left. */
        if (syscall(SYS_pidfd_send_signal, asking->child_fd, SIGKILL, NULL, 0) == 0) {
            while ((n = poll(&ended, 1, END_WITHIN)) < 0 && errno == EINTR && now() < until)
                ;
            if (n > 0)
                waitpid(asking->child, NULL, WNOHANG);
        }
        close(asking->child_fd);
    } else if (asking->child > 0) {
        /* It was asked nothing, so it ends with its socket. If it hangs in the kernel, it is left, too. */
        while (((n = waitpid(asking->child, NULL, WNOHANG)) == 0 || (n < 0 && errno == EINTR)) && now() < until)
            poll(NULL, 0, ENDED_EVERY);
    }
    asking->child_fd = -1;
    asking->child = 0;
}

/*
 * The proof of the person, in `asking->bytes`. `*length` is 0 if there is none, and then `because` says why. Returns false if jitd
 * or the person ends it.
 */
static bool
prove(struct asking *asking, uint32_t uid, size_t binding_length, size_t *length)
{
    int64_t until = now() + PROOF_WITHIN;
    struct narrow_out out;
    char number[32];

    *length = 0;
    snprintf(number, sizeof(number), "{\"uid\":%u,\"cache\":", uid);
    out = begin(asking, number);
    if (asking->gate->cache != NULL && *asking->gate->cache != '\0')
        narrow_put_bytes(&out, asking->gate->cache, strlen(asking->gate->cache));
    else
        narrow_put(&out, "null");
    narrow_put(&out, ",\"host\":");
    narrow_put_text(&out, asking->host);
    narrow_put(&out, ",\"binding\":");
    narrow_put_bytes(&out, asking->bytes, binding_length);
    narrow_put(&out, "}");
    if (!say(asking, &asking->initiator, &out) ||
        !expect_bytes(asking, &asking->initiator, "{\"type\":\"token\",\"token\":", until, TOKEN_MOST, length))
        goto unproved;
    out = begin(asking, "{\"type\":\"token\",\"token\":");
    narrow_put_bytes(&out, asking->bytes, *length);
    narrow_put(&out, "}");
    *length = 0;
    if (!say(asking, &asking->jitd, &out) ||
        !expect_bytes(asking, &asking->jitd, "{\"type\":\"token\",\"token\":", now() + ANSWER_WITHIN, TOKEN_MOST, length)) {
        *length = 0;
        return false;
    }
    out = begin(asking, "{\"token\":");
    narrow_put_bytes(&out, asking->bytes, *length);
    narrow_put(&out, "}");
    if (!say(asking, &asking->initiator, &out) ||
        !expect_bytes(asking, &asking->initiator, "{\"type\":\"proof\",\"proof\":", until, TOKEN_MOST, length))
        goto unproved;
    if (*length > 0)
        return true;
    no(asking, "jitd's Kerberos initiator " UNEXPECTED);
unproved:
    *length = 0;
    if (asking->has_left)
        return false;
    snprintf(asking->because, sizeof(asking->because), "%.*s", BECAUSE_MOST, asking->gate->why);
    asking->gate->why[0] = '\0';
    return true;
}

/* --- jitd */

static bool
connect_to_jitd(struct asking *asking)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval patience = { ANSWER_WITHIN / 1000, 0 };
    struct ucred peer = { 0, (uid_t)-1, (gid_t)-1 };
    socklen_t length = sizeof(peer);
    int64_t until = now() + ANSWER_WITHIN;
    bool failed;
    int fd;

    if (strlen(asking->gate->socket) >= sizeof(address.sun_path))
        return no(asking, "jitd cannot be reached (its socket has too long a name)");
    memcpy(address.sun_path, asking->gate->socket, strlen(asking->gate->socket));
    asking->jitd.fd = fd = gate_beside_the_streams(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    failed = fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) != 0;  /* for connect(2), too */
    while (!failed && (failed = connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) && errno == EINTR && now() < until)
        failed = false;
    if (failed || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || length != sizeof(peer))
        return no(asking, "jitd cannot be reached (%s)", strerror(errno));
    if (peer.uid != 0)
        return no(asking, "the process that answers in jitd's place does not run as root");
    return true;
}

static bool
greet(struct asking *asking)
{
    struct narrow_out out;
    struct narrow in;
    unsigned char nonce[32];
    uint64_t version;
    size_t length;

    if (getrandom(nonce, sizeof(nonce), 0) != (ssize_t)sizeof(nonce))
        return no(asking, "the kernel gives no random bytes");
    out = begin(asking, "{\"type\":\"hello\",\"version\":1,\"authentication\":\"root\",\"nonce\":");
    narrow_put_bytes(&out, nonce, sizeof(nonce));
    narrow_put(&out, "}");
    if (!say(asking, &asking->jitd, &out) ||
        !expect(asking, &asking->jitd, "{\"type\":\"hello\",\"version\":", now() + ANSWER_WITHIN, &in))
        return false;
    narrow_number(&in, NARROW_MOST, &version);
    narrow_literal(&in, ",\"nonce\":");
    narrow_bytes(&in, asking->bytes, sizeof(asking->bytes), &length);
    narrow_literal(&in, "}");
    if (!ends(asking, &asking->jitd, &in) ||
        !expect(asking, &asking->jitd, "{\"type\":\"welcome\",\"principal\":", now() + ANSWER_WITHIN, &in))
        return false;
    narrow_text(&in, asking->text, sizeof(asking->text));
    narrow_literal(&in, ",\"user\":");
    narrow_text(&in, asking->text, sizeof(asking->text));
    narrow_literal(&in, ",\"host\":");
    narrow_text(&in, asking->host, sizeof(asking->host));
    narrow_literal(&in, ",\"until\":");
    if (!narrow_is(&in, "null"))
        narrow_text(&in, asking->text, sizeof(asking->text));
    narrow_literal(&in, ",\"operator\":");
    if (!narrow_is(&in, "true"))
        narrow_literal(&in, "false");
    narrow_literal(&in, "}");
    return ends(asking, &asking->jitd, &in);
}

static void
put_field(struct narrow_out *out, const char *name)
{
    narrow_put(out, ",\"");
    narrow_put(out, name);
    narrow_put(out, "\":");
}

static void
put_text(struct narrow_out *out, const char *name, const char *text)
{
    put_field(out, name);
    if (text == NULL)
        narrow_put(out, "null");
    else
        narrow_put_text(out, text);
}

static void
put_bytes(struct narrow_out *out, const char *name, const struct gate_bytes *bytes, bool is_needed)
{
    put_field(out, name);
    if (bytes->at == NULL && !is_needed)
        narrow_put(out, "null");
    else
        narrow_put_bytes(out, bytes->at == NULL ? "" : bytes->at, bytes->at == NULL ? 0 : bytes->length);
}

static void
put_number(struct narrow_out *out, const char *name, uint64_t number)
{
    char text[24];

    put_field(out, name);
    snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    narrow_put(out, text);
}

static void
put_list(struct narrow_out *out, const char *name, const struct gate_bytes *list, size_t n)
{
    put_field(out, name);
    narrow_put(out, "[");
    for (size_t i = 0; i < n; i++) {
        narrow_put(out, i > 0 ? "," : "");
        narrow_put_bytes(out, list[i].at, list[i].length);
    }
    narrow_put(out, "]");
}

static void
put_command(struct narrow_out *out, const struct gate_question *asks, bool waits)
{
    const struct gate_command *runs = asks->command;

    narrow_put(out, "{\"type\":\"enforcecommand\"");
    put_text(out, "service", asks->service);
    put_number(out, "uid", asks->uid);
    put_bytes(out, "tty", &asks->tty, false);
    put_number(out, "login_session", asks->login_session);
    put_bytes(out, "path", &runs->path, true);
    put_list(out, "argv", asks->words, asks->n_words);
    put_list(out, "environment", runs->environment, runs->n_environment);
    put_list(out, "options", runs->options, runs->n_options);
    put_text(out, "run_as", runs->run_as);
    put_number(out, "run_as_uid", runs->run_as_uid);
    put_number(out, "run_as_gid", runs->run_as_gid);
    put_bytes(out, "cwd", &asks->cwd, true);
    put_number(out, "cwd_device", asks->cwd_device);
    put_number(out, "cwd_inode", asks->cwd_inode);
    put_bytes(out, "chdir", &runs->chdir, false);
    put_bytes(out, "chroot", &runs->chroot, false);
    put_text(out, "reason", asks->reason);
    put_field(out, "waits");
    narrow_put(out, waits ? "true" : "false");
    put_field(out, "if_owed");
    narrow_put(out, runs->if_owed ? "true}" : "false}");
}

static void
put_question(struct narrow_out *out, const struct gate_question *asks, bool waits)
{
    narrow_put(out, "{\"type\":\"enforce\"");
    put_text(out, "service", asks->service);
    put_text(out, "stage", asks->stage);
    put_text(out, "user", asks->user);
    put_number(out, "uid", asks->uid);
    put_text(out, "ruser", asks->ruser);
    put_bytes(out, "rhost", &asks->rhost, false);
    put_bytes(out, "tty", &asks->tty, false);
    put_number(out, "login_session", asks->login_session);
    put_bytes(out, "authenticated", &asks->authenticated, false);
    put_list(out, "words", asks->words, asks->n_words);
    put_field(out, "posix");
    narrow_put(out, asks->posix ? "true" : "false");
    put_bytes(out, "search_path", &asks->search_path, true);
    put_bytes(out, "shell", &asks->shell, true);
    put_bytes(out, "cwd", &asks->cwd, true);
    put_number(out, "cwd_device", asks->cwd_device);
    put_number(out, "cwd_inode", asks->cwd_inode);
    put_text(out, "reason", asks->reason);
    put_field(out, "waits");
    narrow_put(out, waits ? "true}" : "false}");
}

/* The question, with descriptors of what this process sees. */
static bool
ask(struct asking *asking, const struct gate_question *asks)
{
    static const char *const SEEN[3] = { "/proc/self/root", "/proc/self/cwd", "/proc/self/ns/user" };
    char *frame = malloc(4 + QUESTION_MOST);
    struct narrow_out out = { frame + 4, frame + 4 + QUESTION_MOST, frame != NULL };
    int fds[3] = { -1, -1, -1 };
    bool is_said = false;

    if (frame == NULL)
        return no(asking, "there is no memory to ask jitd");
    if (asks->command != NULL)
        put_command(&out, asks, asking->gate->wait > 0);
    else
        put_question(&out, asks, asking->gate->wait > 0);
    for (int i = 0; i < 3; i++)
        fds[i] = open(SEEN[i], O_PATH | O_CLOEXEC);
    if (!out.is_whole)
        no(asking, "the command is too long to be shown to anybody");
    else if (fds[0] < 0 || fds[1] < 0 || fds[2] < 0)
        no(asking, "what this program sees cannot be shown to jitd");
    else
        is_said = send_frame(asking, &asking->jitd, frame, (size_t)(out.at - (frame + 4)), fds);
    for (int i = 0; i < 3; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    free(frame);
    return is_said;
}

/* A list of texts, or null if it may be. Each is shown if `is_shown`. */
static void
read_texts(struct asking *asking, struct narrow *in, bool may_be_null, bool is_shown)
{
    if (may_be_null && narrow_is(in, "null"))
        return;
    narrow_literal(in, "[");
    if (narrow_is(in, "]"))
        return;
    do {
        if (narrow_text(in, asking->text, sizeof(asking->text)) && is_shown) {
            gate_printable(asking->text);
            tell(asking, asking->text);
        }
    } while (narrow_is(in, ","));
    narrow_literal(in, "]");
}

/* The rest of `progress`. It is read once to see that it is whole, and once more to show its news. */
static bool
read_progress(struct asking *asking, struct narrow in, bool is_shown)
{
    uint64_t left;

    narrow_text(&in, asking->text, sizeof(asking->text));
    narrow_literal(&in, ",\"state\":");
    narrow_text(&in, asking->text, sizeof(asking->text));
    narrow_literal(&in, ",\"owed\":");
    if (!narrow_is(&in, "true"))
        narrow_literal(&in, "false");
    narrow_literal(&in, ",\"news\":");
    read_texts(asking, &in, false, is_shown);
    narrow_literal(&in, ",\"until\":");
    if (!narrow_is(&in, "null"))
        narrow_text(&in, asking->text, sizeof(asking->text));
    narrow_literal(&in, ",\"answered\":");
    read_texts(asking, &in, true, false);
    narrow_literal(&in, ",\"asked\":");
    read_texts(asking, &in, true, false);
    narrow_literal(&in, ",\"owes\":");
    narrow_text(&in, asking->text, sizeof(asking->text));
    narrow_literal(&in, ",\"left_ms\":");
    if (!narrow_is(&in, "null"))
        narrow_number(&in, NARROW_MOST, &left);
    narrow_literal(&in, "}");
    return narrow_end(&in);
}

/* Whether the file at `path` is the one that was judged: its device and inode, in decimal, as DEVICE:INODE. */
static bool
is_judged(const char *path, const unsigned char *judged, size_t length)
{
    struct stat status;
    char seen[64];
    int n;

    if (lstat(path, &status) != 0)
        return false;
    n = snprintf(seen, sizeof(seen), "%llu:%llu", (unsigned long long)status.st_dev, (unsigned long long)status.st_ino);
    return n > 0 && (size_t)n == length && memcmp(seen, judged, length) == 0;
}

/* The rest of `granted`. `are_judged` is true if each place is what jitd has judged (THREATS P-14). */
static bool
read_granted(struct asking *asking, struct narrow in, uint64_t *boot_ms, bool *are_judged)
{
    size_t length, judged;

    *are_judged = true;
    narrow_text(&in, asking->text, sizeof(asking->text));
    narrow_literal(&in, ",\"boot_ms\":");
    narrow_number(&in, NARROW_MOST, boot_ms);
    narrow_literal(&in, ",\"text\":");
    narrow_text(&in, asking->text, sizeof(asking->text));
    narrow_literal(&in, ",\"places\":[");
    if (!narrow_is(&in, "]")) {
        do {
            narrow_literal(&in, "[");
            if (!narrow_bytes(&in, asking->bytes, sizeof(asking->bytes) - 1, &length))
                break;
            narrow_literal(&in, ",");
            if (!narrow_bytes(&in, asking->judged, sizeof(asking->judged), &judged))
                break;
            narrow_literal(&in, "]");
            asking->bytes[length] = '\0';
            if (strlen((char *)asking->bytes) != length || !is_judged((char *)asking->bytes, asking->judged, judged))
                *are_judged = false;
        } while (narrow_is(&in, ","));
        narrow_literal(&in, "]");
    }
    narrow_literal(&in, "}");
    return narrow_end(&in);
}

/* Wait for the decision. */
static bool
await(struct asking *asking, int64_t asked_at)
{
    int64_t until = now() + FIRST_WORD_WITHIN, age;
    bool is_slow = false, is_waiting = false, has_come = false, are_judged = false;
    struct narrow in;
    uint64_t number = 0;

    for (;;) {
        if (!hear(asking, &asking->jitd, until, &has_come))
            return false;
        if (!has_come)
            return leaves(asking, is_waiting ? "nobody decided in the time that this program may wait" : "jitd does not answer");
        in = narrow_of(asking->jitd.body, asking->jitd.length);
        if (narrow_is(&in, "{\"type\":\"slow\",\"left_ms\":")) {
            narrow_number(&in, NARROW_MOST, &number);
            narrow_literal(&in, "}");
            if (!ends(asking, &asking->jitd, &in))
                return false;
            if (!is_slow && !is_waiting) {  /* jitd says it for each look-up, and the time is for all of them */
                until = now() + ((int64_t)number < SLOW_WITHIN ? (int64_t)number : SLOW_WITHIN) + FIRST_WORD_WITHIN;
                tell(asking, "the directory of accounts is slow; waiting");
            }
            is_slow = true;
        } else if (narrow_is(&in, "{\"type\":\"progress\",\"id\":")) {
            if (!read_progress(asking, in, false))
                return no(asking, "jitd " MALFORMED);
            if (!is_waiting)
                until = now() + (int64_t)asking->gate->wait * 1000;
            is_waiting = true;
            read_progress(asking, in, true);
        } else if (narrow_is(&in, "{\"type\":\"granted\",\"id\":")) {
            if (!read_granted(asking, in, &number, &are_judged))
                return no(asking, "jitd " MALFORMED);
            age = now() - (int64_t)number;
            if ((int64_t)number < asked_at)
                return no(asking, "jitd " UNEXPECTED);
            if (age < 0 || age > ACT_WITHIN)
                return no(asking, "jitd granted this too long ago, while this program was stopped: ask again");
            if (!are_judged)
                return no(asking, "the file that would run is not the one that jitd has checked: ask again");
            return true;
        } else {
            return no(asking, "jitd " UNEXPECTED);
        }
    }
}

/* The person's working directory has the path that was said. `../x` is another file once it was moved (THREATS P-14). */
static bool
is_where_said(const struct gate_question *question)
{
    char *cwd = question->cwd_inode == 0 ? NULL : getcwd(NULL, 0);
    bool is_same = question->cwd_inode == 0 || (cwd != NULL && strlen(cwd) == question->cwd.length &&
                                                memcmp(cwd, question->cwd.at, question->cwd.length) == 0);

    free(cwd);
    return is_same;
}

/* All of it. True only by the one `return` of `await` that follows `granted`. */
static bool
is_granted(struct asking *asking, const struct gate_question *question)
{
    size_t length = 0;
    struct narrow_out out;
    int64_t asked_at;
    bool has_come;

    /* It loads its libraries while jitd is asked. */
    if (asking->gate->no_proof == NULL && !start_initiator(asking))
        return false;
    if (!connect_to_jitd(asking) || !greet(asking) || !ask(asking, question) ||
        !expect_bytes(asking, &asking->jitd, "{\"type\":\"challenge\",\"binding\":", now() + ANSWER_WITHIN, BINDING_MOST, &length))
        return false;
    if (asking->gate->no_proof != NULL) {
        snprintf(asking->because, sizeof(asking->because), "%s", asking->gate->no_proof);
        length = 0;
    } else {
        bool is_going_on = prove(asking, question->uid, length, &length);

        end_initiator(asking);
        if (!is_going_on)
            return false;
    }
    /* What lies ready before the proof was said for no proof. */
    if (recv(asking->jitd.fd, asking->frame, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
        return hear(asking, &asking->jitd, now() + ANSWER_WITHIN, &has_come) && no(asking, "jitd " UNEXPECTED);
    asked_at = now();
    out = begin(asking, "{\"type\":\"proof\",\"proof\":");
    if (length > 0)
        narrow_put_bytes(&out, asking->bytes, length);
    else
        narrow_put(&out, "null");
    put_text(&out, "because", asking->because);
    narrow_put(&out, "}");
    if (!say(asking, &asking->jitd, &out))
        return false;
    if (await(asking, asked_at))
        return is_where_said(question) || no(asking, "the working directory was moved since this was asked for: ask again");
    if (asking->has_left) {  /* closing the connection would withdraw the request, too, but so the record has the reason */
        out = begin(asking, "{\"type\":\"withdraw\",\"id\":\"\"}");
        put_length(asking->frame, (size_t)(out.at - (asking->frame + 4)));
        (void)!send(asking->jitd.fd, asking->frame, (size_t)(out.at - asking->frame), AT_ONCE);
    }
    return false;
}

enum gate_answer
gate_ask(struct gate *gate, const struct gate_question *question)
{
    struct asking *asking = calloc(1, sizeof(*asking));
    bool is_permitted = false;
    sigset_t before;

    gate->why[0] = '\0';
    if (asking == NULL) {
        snprintf(gate->why, sizeof(gate->why), "there is no memory to ask jitd");
        return GATE_DENIED;
    }
    asking->gate = gate;
    asking->jitd.name = "jitd";
    asking->initiator.name = "jitd's Kerberos initiator";
    asking->jitd.fd = asking->initiator.fd = asking->child_fd = -1;
    if (!block_signals(asking, &before)) {
        no(asking, "signals cannot be blocked");
    } else {
        is_permitted = is_granted(asking, question);
        end_initiator(asking);
        if (pthread_sigmask(SIG_SETMASK, &before, NULL) != 0)
            is_permitted = no(asking, "signals cannot be unblocked");
    }
    if (asking->jitd.fd >= 0)
        close(asking->jitd.fd);
    free(asking);
    return is_permitted ? GATE_GRANTED : GATE_DENIED;
}
