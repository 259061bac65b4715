/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove: the initiator of a gate. It proves to jitd who is at the gate, by the person's own credential cache (PROTOCOL.md section 9).
 *
 * A gate, which is root, starts it with an empty environment and one socket, descriptor 0, and kills it after 8 s. Frames of narrow
 * JSON go over the socket: the gate's question, our token, jitd's answer, our proof, or in place of one of ours why there is none.
 * Law: it gives up all of root's rights before it opens a file of the person. It only proves who somebody is, and decides nothing.
 * Nobody of that account can trace it: who gives up root's rights is not dumpable (prctl(2)).
 */

#define _GNU_SOURCE  /* close_range, setresuid */

#include "initiator.h"
#include "narrow.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ASKED_WITHIN 30    /* seconds for the gate's question: the gate greets jitd first */
#define ENDS_WITHIN 12     /* seconds from the question on after which it ends, even if who has started it has ended */
#define TICKET_WITHIN 3    /* seconds in which a KDC has to answer */
#define TOKEN_MOST 98304   /* 96 KiB (PROTOCOL.md section 2) */
#define BODY_MOST 131099   /* the body of a token of that size */
#define BINDING_MOST 1024
#define PROOF "jitd proof 1\n"

static const char SILENT[] = "the KDC did not answer within 3 s: try again, or check the network and the KDC";
static const char SILENT_AGAIN[] = "the KDC stopped answering: try again";

/* A frame that is sent: its length in 4 bytes, and its body. */
struct frame {
    char bytes[4 + BODY_MOST];
    size_t length;
};

static struct frame told, late;  /* `late` is what is said if the time is over; it is empty if nothing is */
static unsigned char heard[BODY_MOST];
static time_t ends_at;

/* What the gate asks. */
struct question {
    uid_t uid;
    char cache[INITIATOR_NAME], host[INITIATOR_NAME];
    bool has_cache;
    char proof[sizeof(PROOF) - 1 + BINDING_MOST];  /* PROOF, and the binding */
    size_t binding_length;
};

/* --- the socket */

/* {"type":WHAT,WHAT:…} with bytes, or a refusal with the sentence `why` */
static bool
make(struct frame *frame, const char *what, const gss_buffer_desc *bytes, const char *why)
{
    struct narrow_out out = { frame->bytes + 4, frame->bytes + sizeof(frame->bytes), true };
    size_t length;

    narrow_put(&out, "{\"type\":\"");
    narrow_put(&out, what);
    narrow_put(&out, "\",\"");
    narrow_put(&out, why != NULL ? "text" : what);
    narrow_put(&out, "\":");
    if (why != NULL)
        narrow_put_text(&out, why);
    else
        narrow_put_bytes(&out, bytes->value, bytes->length);
    narrow_put(&out, "}");
    length = (size_t)(out.at - (frame->bytes + 4));
    for (int i = 0; i < 4; i++)
        frame->bytes[i] = (char)(length >> (24 - 8 * i));
    frame->length = out.is_whole ? 4 + length : 0;
    return out.is_whole;
}

static void
say(const struct frame *frame)
{
    for (size_t at = 0; at < frame->length;) {
        ssize_t n = send(0, frame->bytes + at, frame->length - at, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            _exit(0);
        at += n > 0 ? (size_t)n : 0;
    }
}

/* The time is over, wherever the library is. */
static void
be_late(int number)
{
    (void)number;
    if (late.length > 0)
        send(0, late.bytes, late.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    _exit(0);
}

static time_t
now(void)
{
    struct timespec at;

    return clock_gettime(CLOCK_BOOTTIME, &at) == 0 ? at.tv_sec : ends_at;
}

/* End after so many seconds, and before `ends_at`, and say `why`, if it is not NULL. */
static void
end_within(unsigned int seconds, const char *why)
{
    time_t left = ends_at - now();

    alarm(0);  /* `late` is not changed while it is said */
    late.length = 0;
    if (why != NULL)
        make(&late, "refused", NULL, why);
    alarm(left < 1 ? 1 : left < (time_t)seconds ? (unsigned int)left : seconds);
}

static void refuse(const char *why) __attribute__((noreturn));

static void
refuse(const char *why)
{
    end_within(ENDS_WITHIN, NULL);
    if (make(&told, "refused", NULL, why))
        say(&told);
    _exit(0);
}

static void
receive(unsigned char *into, size_t length)
{
    while (length > 0) {
        ssize_t n = recv(0, into, length, 0);

        if (n == 0 || (n < 0 && errno != EINTR))
            _exit(0);  /* the gate is gone */
        into += n > 0 ? n : 0;
        length -= n > 0 ? (size_t)n : 0;
    }
}

static struct narrow
hear(void)
{
    unsigned char head[4];
    size_t length;

    receive(head, sizeof(head));
    length = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (length == 0 || length > sizeof(heard))
        refuse("the gate's message cannot be read");
    receive(heard, length);
    return narrow_of(heard, length);
}

static void
hear_question(struct question *asked)
{
    struct narrow in = hear();
    uint64_t uid = 0;
    size_t length = 0;

    narrow_literal(&in, "{\"uid\":");
    narrow_number(&in, UINT32_MAX - 1, &uid);
    narrow_literal(&in, ",\"cache\":");
    asked->has_cache = !narrow_is(&in, "null");
    if (asked->has_cache)
        narrow_bytes(&in, (unsigned char *)asked->cache, sizeof(asked->cache) - 1, &length);
    narrow_literal(&in, ",\"host\":");
    narrow_text(&in, asked->host, sizeof(asked->host));
    narrow_literal(&in, ",\"binding\":");
    narrow_bytes(&in, (unsigned char *)asked->proof + sizeof(PROOF) - 1, BINDING_MOST, &asked->binding_length);
    narrow_literal(&in, "}");
    if (!narrow_end(&in) || memchr(asked->cache, '\0', length) != NULL)
        refuse("the gate's question cannot be read");
    memcpy(asked->proof, PROOF, sizeof(PROOF) - 1);
    asked->uid = (uid_t)uid;
}

static size_t
hear_answer(unsigned char *into, size_t size)
{
    struct narrow in = hear();
    size_t length = 0;

    narrow_literal(&in, "{\"token\":");
    narrow_bytes(&in, into, size, &length);
    narrow_literal(&in, "}");
    if (!narrow_end(&in))
        refuse("the gate's answer cannot be read");
    return length;
}

/* --- rights */

static void
limit(__rlimit_resource_t resource, rlim_t most)
{
    struct rlimit bounds;

    if (getrlimit(resource, &bounds) != 0)
        refuse("this process cannot limit itself");
    if (bounds.rlim_max > most)
        bounds.rlim_max = most;
    if (bounds.rlim_cur > bounds.rlim_max)
        bounds.rlim_cur = bounds.rlim_max;
    if (setrlimit(resource, &bounds) != 0)
        refuse("this process cannot limit itself");
}

/* No capabilities, though the change of the uid has taken those that count: also not those that an exec would bring back. */
static bool
has_no_capabilities(void)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { { 0, 0, 0 }, { 0, 0, 0 } };

    if (syscall(SYS_capset, &header, sets) != 0 || syscall(SYS_capget, &header, sets) != 0)
        return false;
    return (sets[0].effective | sets[0].permitted | sets[0].inheritable | sets[1].effective | sets[1].permitted |
            sets[1].inheritable) == 0;
}

/* Change to the rights of the account `uid`, and give up all others, for ever. */
static void
become(uid_t uid)
{
    uid_t uids[3] = { 0, 0, 0 };
    gid_t gids[3] = { 0, 0, 0 }, gid;
    struct passwd *account;

    if (uid == 0 || uid == (uid_t)-1)
        refuse("root needs no proof, and this process still has rights of root");
    errno = 0;
    account = getpwuid(uid);
    if (account == NULL)
        refuse(errno == 0 || errno == ENOENT ? "there is no such account here" : "the account cannot be looked up");
    gid = account->pw_gid;
    if (initgroups(account->pw_name, gid) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        refuse("this process cannot give up the rights of root");
    if (getresuid(&uids[0], &uids[1], &uids[2]) != 0 || getresgid(&gids[0], &gids[1], &gids[2]) != 0)
        refuse("this process still has rights of root");
    for (int i = 0; i < 3; i++) {
        if (uids[i] != uid || gids[i] != gid)
            refuse("this process still has rights of root");
    }
    if (!has_no_capabilities() || prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) != 0 || setuid(0) == 0)
        refuse("this process still has rights of root");
    if (prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L) != 0 || prctl(PR_GET_DUMPABLE, 0L, 0L, 0L, 0L) != 0)
        refuse("others of this account could trace this process");
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NPROC, 0);  /* no thread and no process comes out of it */
    limit(RLIMIT_NOFILE, 64);
    limit(RLIMIT_AS, (rlim_t)1 << 30);
    limit(RLIMIT_CPU, ENDS_WITHIN);
    umask(077);
    if (chdir("/") != 0)
        refuse("the root directory cannot be entered");
}

/* --- the whole */

int
main(void)
{
    static struct question asked;
    static struct initiator by;
    static unsigned char answer[TOKEN_MOST];
    gss_buffer_desc token = GSS_C_EMPTY_BUFFER, proof = GSS_C_EMPTY_BUFFER;
    sigset_t alarms;
    size_t length;

    /* What comes of whoever uses the program: its descriptors (sudo closes none), its environment, its signals. */
    if (close_range(3, ~0U, 0) != 0 || clearenv() != 0)
        return 0;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    if (signal(SIGALRM, be_late) == SIG_ERR || sigprocmask(SIG_UNBLOCK, &alarms, NULL) != 0)
        return 0;
    signal(SIGPIPE, SIG_IGN);  /* of a KDC that hangs up */
    signal(SIGXFSZ, SIG_IGN);  /* of a cache that may not grow: its ticket is used all the same */
    ends_at = now() + ASKED_WITHIN;
    end_within(ASKED_WITHIN, NULL);
    hear_question(&asked);
    ends_at = now() + ENDS_WITHIN;
    end_within(ENDS_WITHIN, NULL);
    become(asked.uid);

    by.host = asked.host;
    by.cache = asked.has_cache ? asked.cache : NULL;
    end_within(TICKET_WITHIN, SILENT);
    if (!initiator_obtain_ticket(&by))
        refuse(by.why);
    end_within(TICKET_WITHIN, SILENT_AGAIN);  /* if the cache did not keep the ticket, the KDC is asked again */
    if (!initiator_first_token(&by, asked.proof + sizeof(PROOF) - 1, asked.binding_length, &token))
        refuse(by.why);
    end_within(ENDS_WITHIN, NULL);
    if (!make(&told, "token", &token, NULL)) {
        snprintf(by.why, sizeof(by.why), "your Kerberos ticket for jitd has %zu KiB, and jitd takes at most 96 KiB: you are in too "
                 "many groups of the directory", token.length / 1024);
        refuse(by.why);
    }
    say(&told);
    length = hear_answer(answer, sizeof(answer));
    if (!initiator_finish(&by, answer, length) || !initiator_wrap(&by, asked.proof, sizeof(PROOF) - 1 + asked.binding_length, &proof))
        refuse(by.why);
    if (make(&told, "proof", &proof, NULL))
        say(&told);
    _exit(0);
}
