/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kdcpolicy module of krb5kdc: a gated service gets a ticket only for a client with a live grant, and not beyond its end.
 *
 * Which services are gated, and who is granted, stands in the string attributes of the service's own entry (grant.h).
 * Law: a service without jit_approval is not touched. With it, everything that this module does not know to be granted is
 * refused; an error is a refusal. Of a lifetime, 0 means "no limit" to the KDC, so a permit always sets one of 1 s or more.
 *
 * The interface: krb5/kdcpolicy_plugin.h, and doc/plugindev/kdcpolicy.rst of MIT krb5.
 */

#include <krb5/krb5.h>
#include <krb5/plugin.h>

#include <kdb.h>
#include <krb5/kdcpolicy_plugin.h>
#include <string.h>

#include "grant.h"
#include "words.h"

#define EXPORTED __attribute__((visibility("default")))

/* What the client gets as e-text (RFC 4120, section 5.9.1). Always the same: why, is for the log of the KDC alone. */
static const char STATUS[] = "JIT_APPROVAL";

/* A request for a ticket. */
struct asked {
    const krb5_kdc_req *request;
    krb5_db_entry *server;
    krb5_const_principal client;  /* whose name the ticket would bear */
    krb5_const_principal entry;   /* AS: whose key was proved; it may be under another name (alias). TGS: NULL */
};

static bool
has_padata(const krb5_kdc_req *request, krb5_preauthtype type)
{
    for (krb5_pa_data **at = request->padata; at != NULL && *at != NULL; at++) {
        if ((*at)->pa_type == type)
            return true;
    }
    return false;
}

static bool
is_anonymous(krb5_const_principal name)
{
    krb5_const_principal anonymous = krb5_anonymous_principal();

    return name->length == anonymous->length &&
        name->data[0].length == anonymous->data[0].length && name->data[1].length == anonymous->data[1].length &&
        memcmp(name->data[0].data, anonymous->data[0].data, name->data[0].length) == 0 &&
        memcmp(name->data[1].data, anonymous->data[1].data, name->data[1].length) == 0;
}

/* What is not granted in a gated service, whoever asks. NULL if it is nothing of that. */
static const char *
refused_kind(const struct asked *asked)
{
    krb5_flags options = asked->request->kdc_options;

    /* The ticket would bear another client's name than the one that is checked here. */
    if (options & KDC_OPT_CNAME_IN_ADDL_TKT)
        return "a service asks in somebody else's name (S4U2Proxy)";
    if (has_padata(asked->request, KRB5_PADATA_FOR_USER) || has_padata(asked->request, KRB5_PADATA_S4U_X509_USER))
        return "a service asks in somebody else's name (S4U2Self)";
    if (options & (KDC_OPT_POSTDATED | KDC_OPT_VALIDATE))
        return "a postdated ticket";
    if (options & KDC_OPT_RENEW)  /* it would keep the flags that it got before the service was gated */
        return "a ticket is renewed; a new one has to be asked for";
    if ((options & KDC_OPT_REQUEST_ANONYMOUS) || is_anonymous(asked->client))
        return "an anonymous client";
    return NULL;
}

/* What the service's entry lacks, without which its tickets could be used for more than was granted. NULL if nothing. */
static const char *
lacking(const krb5_db_entry *server)
{
    if (!(server->attributes & KRB5_KDB_DISALLOW_FORWARDABLE))
        return "the service's entry lacks -allow_forwardable";
    if (!(server->attributes & KRB5_KDB_DISALLOW_PROXIABLE))
        return "the service's entry lacks -allow_proxiable";
    if (!(server->attributes & KRB5_KDB_DISALLOW_POSTDATED))
        return "the service's entry lacks -allow_postdated";
    if (!(server->attributes & KRB5_KDB_DISALLOW_DUP_SKEY))
        return "the service's entry lacks -allow_dup_skey";
    if (server->max_renewable_life != 0)
        return "the service's entry has a maxrenewlife";
    if (server->max_life <= 0)
        return "the service's entry has no maxlife";
    return NULL;
}

/*
 * For how many seconds the strings of the entry grant `client`: of several grants the one that lasts longest. 0: not at all.
 *
 * `at` to `end` is how MIT krb5 keeps them: key, NUL, value, NUL, and the next one. krb5_dbe_get_strings would copy each,
 * which takes longer than all else that a KDC does for a ticket where there are a thousand. Were they kept in another way one
 * day, no grant would be found, and the ticket refused: whether the service is gated is asked of krb5_dbe_get_string.
 */
static int64_t
granted_for(const char *at, const char *end, const char *client, int64_t now)
{
    struct jitd_grant grant;
    const char *value, *next;
    ptrdiff_t length = (ptrdiff_t)strlen(client);
    int64_t longest = 0;

    while (at < end) {
        value = memchr(at, '\0', (size_t)(end - at));
        next = value == NULL ? NULL : memchr(value + 1, '\0', (size_t)(end - value - 1));
        if (next == NULL)
            break;
        /* A grant ends in its client's name. Most of many are other people's, and need not be read. */
        if (next - value > length && memcmp(next - length, client, (size_t)length) == 0 && jitd_is_grant_key(at) &&
            jitd_read_grant(value + 1, &grant) && strcmp(grant.client, client) == 0 && jitd_left(&grant, now) > longest)
            longest = jitd_left(&grant, now);
        at = next + 1;
    }
    return longest;
}

/* Why the ticket is refused; NULL if it is granted, and then `*left` is for how many seconds. */
static const char *
refusal(krb5_context context, const struct asked *asked, int64_t *left)
{
    krb5_tl_data strings = { .tl_data_type = KRB5_TL_STRING_ATTRS };
    const char *why, *at;
    char *client = NULL;
    krb5_timestamp now;

    if (asked->client == NULL)
        return "the request names no client";
    why = refused_kind(asked);
    if (why == NULL)
        why = lacking(asked->server);
    if (why != NULL)
        return why;
    if (asked->entry != NULL && !krb5_principal_compare(context, asked->client, asked->entry))
        return "the client asks under another name than that of its entry";
    if (krb5_unparse_name(context, asked->client, &client) != 0)
        return "the client's name cannot be read";
    if (krb5_dbe_lookup_tl_data(context, asked->server, &strings) != 0) {  /* it points into the entry, or is empty */
        krb5_free_unparsed_name(context, client);
        return "the service's strings cannot be read";
    }
    at = (const char *)strings.tl_data_contents;
    /* The clock that the KDC reckons by, which it has read before: what is left now, added to that, is never beyond the end. */
    if (at != NULL && krb5_timeofday(context, &now) == 0)
        *left = granted_for(at, at + strings.tl_data_length, client, (int64_t)(uint32_t)now);
    krb5_free_unparsed_name(context, client);
    return *left > 0 ? NULL : "no live grant for this client";
}

static krb5_error_code
check(krb5_context context, const struct asked *asked, const char **status, krb5_deltat *lifetime, krb5_deltat *renewable)
{
    char client[JITD_SHOWN], service[JITD_SHOWN];
    enum jitd_mode mode;
    const char *why;
    char *approval = NULL;
    int64_t left = 0;

    if (krb5_dbe_get_string(context, asked->server, JITD_APPROVAL, &approval) != 0) {
        mode = JITD_REQUIRED;  /* whether it is gated cannot be known */
        why = "the service's strings cannot be read";
    } else {
        mode = jitd_mode_of(approval);
        krb5_dbe_free_string(context, approval);
        if (mode == JITD_UNGATED)
            return 0;
        why = refusal(context, asked, &left);
    }
    if (why == NULL && left <= 0)
        why = "no live grant for this client";
    if (why == NULL && mode != JITD_LOG) {
        *lifetime = (krb5_deltat)left;
        *renewable = (krb5_deltat)left;
    }
    if (why == NULL && mode != JITD_UNKNOWN)
        return 0;

    jitd_show_name(context, asked->client, client);
    jitd_show_name(context, asked->server->princ, service);
    if (mode == JITD_UNKNOWN)
        jitd_say("jitd: %s has a " JITD_APPROVAL " that is neither required nor log: treated as required", service);
    if (why == NULL)
        return 0;
    if (mode == JITD_LOG) {
        jitd_say("jitd: would refuse %s a ticket for %s: %s", client, service, why);
        return 0;
    }
    jitd_say("jitd: refused %s a ticket for %s: %s", client, service, why);
    *status = STATUS;
    return KRB5KDC_ERR_POLICY;
}

static krb5_error_code
check_as(krb5_context context, krb5_kdcpolicy_moddata data, const krb5_kdc_req *request,
         const struct _krb5_db_entry_new *client, const struct _krb5_db_entry_new *server,
         const char *const *indicators, const char **status, krb5_deltat *lifetime, krb5_deltat *renewable)
{
    /* The functions of libkdb5 that read strings take the entry without const; they do not change it. */
    struct asked asked = { request, (krb5_db_entry *)(uintptr_t)server, request->client, client->princ };

    (void)data;
    (void)indicators;
    return check(context, &asked, status, lifetime, renewable);
}

static krb5_error_code
check_tgs(krb5_context context, krb5_kdcpolicy_moddata data, const krb5_kdc_req *request,
          const struct _krb5_db_entry_new *server, const krb5_ticket *ticket, const char *const *indicators,
          const char **status, krb5_deltat *lifetime, krb5_deltat *renewable)
{
    struct asked asked = { request, (krb5_db_entry *)(uintptr_t)server, NULL, NULL };

    (void)data;
    (void)indicators;
    if (ticket->enc_part2 != NULL)
        asked.client = ticket->enc_part2->client;
    return check(context, &asked, status, lifetime, renewable);
}

/* The only sign of life: a KDC that has not loaded the module says nothing, and its gate is open. */
static krb5_error_code
init(krb5_context context, krb5_kdcpolicy_moddata *data)
{
    (void)context;
    *data = NULL;
    jitd_say("jitd: the gate is loaded");
    return 0;
}

EXPORTED krb5_error_code kdcpolicy_jitd_initvt(krb5_context, int, int, krb5_plugin_vtable);

EXPORTED krb5_error_code
kdcpolicy_jitd_initvt(krb5_context context, int major, int minor, krb5_plugin_vtable vtable)
{
    krb5_kdcpolicy_vtable gate = (krb5_kdcpolicy_vtable)(void *)vtable;

    (void)context;
    (void)minor;
    if (major != 1)
        return KRB5_PLUGIN_VER_NOTSUPP;
    gate->name = "jitd";
    gate->init = init;
    gate->check_as = check_as;
    gate->check_tgs = check_tgs;
    return 0;
}
