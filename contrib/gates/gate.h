/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a gate asks jitd, in C: the part of an enforcement point (PROTOCOL.md section 9) for a program of root's that is in the
 * middle of something, such as sudo with its PAM module.
 *
 * Law: it takes libc alone, starts no thread, and keeps nothing between two calls. It returns GATE_GRANTED only if jitd, running as
 * root, has just sent `granted` on our own connection. Whatever else happens, also that there is no memory, is GATE_DENIED. The
 * mask of signals is the caller's again at each return, and so are all descriptors and children.
 */
#ifndef JITD_GATE_H
#define JITD_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GATE_SOCKET "/run/jitd/jitd.sock"
#define GATE_INITIATOR "/usr/lib/jitd/prove"
#define GATE_SENTENCE 2048

/* No other number is a grant: nothing that is cleared, and no 1. */
enum gate_answer { GATE_DENIED = 0, GATE_GRANTED = 0x6a697464 };

/* Bytes of somebody's. `at` is NULL if there are none, which is not the same as an empty value. */
struct gate_bytes {
    const void *at;
    size_t length;
};

/* What sudo will run: the fields of `enforcecommand` that `enforce` has not. There may be no bytes of `chdir` and `chroot`. */
struct gate_command {
    struct gate_bytes path, chdir, chroot;
    const struct gate_bytes *environment, *options;
    size_t n_environment, n_options;
    const char *run_as;
    uint32_t run_as_uid, run_as_gid;
    bool if_owed;
};

/* The fields of `enforce`, by their names there. Of the texts, `ruser` and `reason` may be NULL. All are UTF-8. If there is a
   command, it is `enforcecommand` that is said, and `words` are those of the command. */
struct gate_question {
    const struct gate_command *command;
    const char *service, *stage, *user, *ruser, *reason;
    uint32_t uid, login_session;
    struct gate_bytes rhost, tty, authenticated, search_path, shell, cwd;
    const struct gate_bytes *words;
    size_t n_words;
    uint64_t cwd_device, cwd_inode;
    bool posix;
};

struct gate {
    const char *socket, *initiator;  /* paths */
    const char *cache;      /* the person's KRB5CCNAME, or NULL */
    const char *no_proof;   /* why there can be no proof, so that none is made; "" for root; NULL: one is made */
    unsigned int wait;      /* seconds for a decision; 0: the program cannot wait */
    const int *always;      /* signals that end the wait even if the program ignores them, and a 0 */
    void (*tell)(void *with, const char *sentence);  /* show a line to the person; or NULL */
    void *with;
    char why[GATE_SENTENCE];  /* after GATE_DENIED: the sentence for the person */
};

enum gate_answer gate_ask(struct gate *gate, const struct gate_question *question);

/* Make one line of what may be shown: a character that is not printable, or a byte that is not UTF-8, becomes a question mark. */
void gate_printable(char *text);

/*
 * Whether no account but root's may change the file at `path`, which is absolute, or turn what leads to it: each directory and each
 * link on the way. If not, `why` is the sentence.
 */
bool gate_is_roots(const char *path, char *why, size_t size);

/* Move a descriptor above the standard streams: as one of them, it could get the program's own output. -1 if it cannot be. */
int gate_beside_the_streams(int fd);

#endif
