/* SPDX-License-Identifier: Apache-2.0 */
/* See initiator.h, and jitpam/initiator.py for what each step is for. */

#include "initiator.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SERVICE "jitd"
#define WANTED ((OM_uint32)(GSS_C_MUTUAL_FLAG | GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG | GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG))
#define NEVER ((OM_uint32)(GSS_C_DELEG_FLAG | GSS_C_ANON_FLAG))

#define OVER_QUOTA 122           /* EDQUOT (keyrings(7)) */
#define NOT_OUR_UID -1750600185  /* KRB5_KCC_INVALID_UID */
#define SKEW "the clocks of this host and of the KDC differ too much: have them set right, then kinit again"

/* A status, and the sentence for it. What is in braces is filled in. */
struct cause {
    int code;
    const char *text;
};

/* Of the krb5 mechanism: the same as _CAUSES of jitpam/initiator.py. */
static const struct cause CAUSES[] = {
    { -1765328352, "your Kerberos ticket has expired: kinit" },
    { -1765328347, SKEW },
    { -1765328351, "your Kerberos ticket is not valid yet, or the clock of this host is behind: kinit again" },
    { -1765328236, SKEW },
    { -1765328228, "no KDC of realm {realm} can be reached: try again, or check the network and the KDC" },
    { -1765328230, "no KDC is known for realm {realm}: krb5.conf does not name one" },
    { -1765328164, "the KDC of realm {realm} cannot be found by its name: look at krb5.conf" },
    { -1765328377, "the KDC knows no {target}: this host is not enrolled for jitd; ask its administrator to add that principal" },
    { -1765328366, "the KDC says that {principal} is locked or has expired: ask its administrator" },
    { -1765328378, "the KDC does not know {principal} any more: ask its administrator" },
    { -1765328364, "the KDC has revoked the ticket of {principal}: kinit again" },
    { -1765328372, "the KDC gives no ticket for {target}: {said}" },
    { OVER_QUOTA, "{full}" },
};

/* Of libkrb5, if it cannot open the cache: the same as _CACHE_CAUSES. */
static const struct cause CACHE_CAUSES[] = {
    { -1765328189, "you have no Kerberos ticket{where}: kinit" },
    { -1765328243, "you have no Kerberos ticket{where}: kinit" },
    { -1765328190, "the credential cache may not be read by you{where}: kinit into one of your own" },
    { -1765328244, "KRB5CCNAME is of a type that is not known here ({kind}): use FILE:, DIR:, KCM: or KEYRING:" },
    { -1765328185, "the credential cache is damaged{where}: kinit again" },
    { -1765328172, "the credential cache is of another format{where}: kinit again" },
    { NOT_OUR_UID, "KRB5CCNAME names a persistent keyring that is not yours{where}: unset it, and kinit" },
    { OVER_QUOTA, "{full}" },
    { -1750600181, "no KCM daemon runs on this host, which the credential cache needs{where}" },
};

#define FIND(table, code) find(table, sizeof(table) / sizeof((table)[0]), code)

static const char *
find(const struct cause *table, size_t n, int code)
{
    for (size_t i = 0; i < n; i++) {
        if (table[i].code == code)
            return table[i].text;
    }
    return NULL;
}

/* --- sentences */

static bool refuse(struct initiator *by, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool
refuse(struct initiator *by, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(by->why, sizeof(by->why), format, arguments);
    va_end(arguments);
    return false;
}

/* The library's text for the status of the mechanism, or for `major` if the mechanism has set none. */
static const char *
status(const struct initiator *by, OM_uint32 major, char text[INITIATOR_NAME])
{
    OM_uint32 minor = by->minor, own, more = 0;
    gss_buffer_desc said = GSS_C_EMPTY_BUFFER;
    int kind = minor != 0 ? GSS_C_MECH_CODE : GSS_C_GSS_CODE;

    if (gss_display_status(&own, minor != 0 ? minor : major, kind, (gss_OID)(uintptr_t)gss_mech_krb5, &more, &said) != GSS_S_COMPLETE)
        snprintf(text, INITIATOR_NAME, "status %#x, %#x", major, minor);
    else
        snprintf(text, INITIATOR_NAME, "%.*s", (int)said.length, (const char *)said.value);
    gss_release_buffer(&own, &said);
    return text;
}

/* What is filled into a sentence. */
struct field {
    const char *name, *value;
};

static bool
refuse_with(struct initiator *by, const char *text, const struct field *fields)
{
    size_t at = 0;

    while (*text != '\0' && at + 1 < sizeof(by->why)) {
        const struct field *field = fields;

        while (*text == '{' && field->name != NULL && strncmp(text, field->name, strlen(field->name)) != 0)
            field++;
        if (*text == '{' && field->name != NULL) {
            at += (size_t)snprintf(by->why + at, sizeof(by->why) - at, "%s", field->value);
            text += strlen(field->name);
        } else {
            by->why[at++] = *text++;
        }
    }
    by->why[at < sizeof(by->why) ? at : sizeof(by->why) - 1] = '\0';
    return false;
}

static const char *
full_keyring(char text[INITIATOR_NAME])
{
    snprintf(text, INITIATOR_NAME, "the kernel keeps no more keys for your account (/proc/key-users): kinit into a file instead"
             " (export KRB5CCNAME=FILE:/tmp/krb5cc_%u; kinit)", geteuid());
    return text;
}

/* Why the cache gives no credentials. GSSAPI does not say it, so libkrb5 is asked. */
static bool
why_no_credentials(struct initiator *by, const char *said)
{
    const char *name = by->cache != NULL ? by->cache : "", *colon = strchr(name, ':'), *text;
    char kind[INITIATOR_NAME], where[INITIATOR_NAME] = "", own_uid[16], full[INITIATOR_NAME];
    const char *rest = strrchr(name, ':');
    krb5_principal owner = NULL;
    krb5_ccache cache = NULL;
    krb5_error_code code;

    snprintf(kind, sizeof(kind), "%.*s", colon == NULL ? 4 : (int)(colon - name), colon == NULL ? "FILE" : name);
    if (*name != '\0')
        snprintf(where, sizeof(where), " (KRB5CCNAME is %s)", name);
    if (strcmp(kind, "MEMORY") == 0)
        return refuse(by, "KRB5CCNAME names a MEMORY cache, which no other program can read: use FILE:, DIR:, KCM: or KEYRING:");
    code = by->cache == NULL ? krb5_cc_default(by->library, &cache) : krb5_cc_resolve(by->library, by->cache, &cache);
    if (code == 0)
        code = krb5_cc_get_principal(by->library, cache, &owner);
    snprintf(own_uid, sizeof(own_uid), "%u", geteuid());
    if (code == NOT_OUR_UID && (rest == NULL || strcmp(rest + 1, own_uid) == 0))
        code = OVER_QUOTA;  /* libkrb5 takes each refusal of the kernel for a wrong uid */
    text = FIND(CACHE_CAUSES, code);
    if (text == NULL)
        return refuse(by, "%s%s: kinit, or mend KRB5CCNAME", said, where);
    return refuse_with(by, text, (const struct field[]){
        { "{where}", where }, { "{kind}", kind }, { "{full}", full_keyring(full) }, { NULL, NULL },
    });
}

static const char *
realm_of(const char *principal)
{
    const char *at = strrchr(principal, '@');

    return at == NULL ? principal : at + 1;
}

static bool
why_no_ticket(struct initiator *by, OM_uint32 major)
{
    char said[INITIATOR_NAME], full[INITIATOR_NAME];
    const char *own_realm = realm_of(by->principal), *text;
    int code = (int)by->minor;

    status(by, major, said);
    if (major == GSS_S_NO_CRED)
        return why_no_credentials(by, said);
    if (code == KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN && *by->realm != '\0' && strcmp(by->realm, own_realm) != 0)
        return refuse(by, "this host is of realm %s, your ticket is of realm %s, and these realms do not trust each other: "
                      "kinit with a principal of %s", by->realm, own_realm, by->realm);
    text = FIND(CAUSES, code);
    if (text == NULL)
        return refuse(by, "no ticket for %s: %s", by->target, said);
    return refuse_with(by, text, (const struct field[]){
        { "{target}", by->target }, { "{principal}", *by->principal != '\0' ? by->principal : "you" }, { "{realm}", own_realm },
        { "{said}", said }, { "{full}", full_keyring(full) }, { NULL, NULL },
    });
}

/* --- steps */

/* The principal of the credentials, for sentences. The library must have chosen the cache by then. */
static void
note_owner(struct initiator *by)
{
    gss_buffer_desc shown = GSS_C_EMPTY_BUFFER;
    gss_name_t owner = GSS_C_NO_NAME;
    OM_uint32 own;

    if (gss_inquire_cred(&own, by->credentials, &owner, NULL, NULL, NULL) == GSS_S_COMPLETE && owner != GSS_C_NO_NAME &&
        gss_display_name(&own, owner, &shown, NULL) == GSS_S_COMPLETE)
        snprintf(by->principal, sizeof(by->principal), "%.*s", (int)shown.length, (const char *)shown.value);
    gss_release_buffer(&own, &shown);
    gss_release_name(&own, &owner);
}

/* Begin a context. */
static bool
start(struct initiator *by, gss_channel_bindings_t bindings, gss_buffer_t token)
{
    OM_uint32 major = gss_init_sec_context(&by->minor, by->credentials, &by->context, by->name,
                                           (gss_OID)(uintptr_t)gss_mech_krb5, WANTED, 0, bindings, GSS_C_NO_BUFFER, NULL, token,
                                           NULL, NULL);

    if (*by->principal == '\0')
        note_owner(by);
    return major == GSS_S_CONTINUE_NEEDED || why_no_ticket(by, major);
}

/* The realm that krb5.conf names for the host, or none, so that the KDC of the person's realm is asked. */
static bool
note_realm(struct initiator *by)
{
    char **realms = NULL;
    bool fits = true;

    if (krb5_get_host_realm(by->library, by->host, &realms) == 0) {
        fits = realms[0] == NULL || (size_t)snprintf(by->realm, sizeof(by->realm), "%s", realms[0]) < sizeof(by->realm);
        krb5_free_host_realm(by->library, realms);
    }
    return fits;
}

/*
 * The cache that the library chooses for the target from the collection, by ~/.k5identity or by the realm (k5identity(5)); the one
 * that was named if it chooses none. GSSAPI makes the same choice only for a name of a host-based service, which ours is not.
 */
static bool
choose(struct initiator *by, const char *wanted, const char **chosen)
{
    krb5_principal server = NULL, owner = NULL;
    krb5_ccache cache = NULL;
    char *name = NULL;

    *chosen = by->cache;
    if (by->cache != NULL)
        krb5_cc_set_default_name(by->library, by->cache);
    if (krb5_parse_name(by->library, wanted, &server) != 0)
        return true;
    server->type = KRB5_NT_SRV_HST;
    krb5_cc_select(by->library, server, &cache, &owner);
    if (cache != NULL && krb5_cc_get_full_name(by->library, cache, &name) == 0)
        *chosen = name;
    else if (owner != NULL && krb5_unparse_name(by->library, owner, &name) == 0)
        return refuse(by, "~/.k5identity chooses %s for this host, but you have no ticket of %s: kinit %s", name, name, name);
    return true;
}

bool
initiator_obtain_ticket(struct initiator *by)
{
    char wanted[3 * INITIATOR_NAME], said[INITIATOR_NAME];
    gss_OID_set_desc krb5 = { 1, (gss_OID)(uintptr_t)gss_mech_krb5 };
    gss_buffer_desc named = { 0, wanted }, token = GSS_C_EMPTY_BUFFER;
    const char *cache;
    OM_uint32 major, own;
    krb5_error_code code = krb5_init_context(&by->library);

    if (code != 0)
        return refuse(by, "the Kerberos configuration (krb5.conf) cannot be read (error %d)", code);
    if ((size_t)snprintf(by->target, sizeof(by->target), SERVICE "/%s", by->host) >= sizeof(by->target) || !note_realm(by))
        return refuse(by, "the name of this host is too long for Kerberos");
    named.length = (size_t)snprintf(wanted, sizeof(wanted), "%s@%s", by->target, by->realm);
    /* The name is given as a principal. For a host-based service, DNS could rename the host (rdns, THREATS K-18). */
    major = gss_import_name(&by->minor, &named, (gss_OID)(uintptr_t)GSS_KRB5_NT_PRINCIPAL_NAME, &by->name);
    if (major != GSS_S_COMPLETE)
        return refuse(by, "gss_import_name failed: %s", status(by, major, said));
    if (!choose(by, wanted, &cache))
        return false;
    if (cache != NULL) {
        major = gss_krb5_ccache_name(&by->minor, cache, NULL);
        if (major != GSS_S_COMPLETE)
            return refuse(by, "gss_krb5_ccache_name failed: %s", status(by, major, said));
    }
    major = gss_acquire_cred(&by->minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &krb5, GSS_C_INITIATE, &by->credentials, NULL, NULL);
    if (major != GSS_S_COMPLETE)
        return why_no_ticket(by, major);
    /* A token that is not sent. For this, the library fetches the service ticket and keeps it in the cache. */
    if (!start(by, GSS_C_NO_CHANNEL_BINDINGS, &token))
        return false;
    gss_release_buffer(&own, &token);
    gss_delete_sec_context(&own, &by->context, GSS_C_NO_BUFFER);
    return true;
}

bool
initiator_first_token(struct initiator *by, void *channel, size_t length, gss_buffer_t token)
{
    struct gss_channel_bindings_struct bindings = { .application_data = { length, channel } };

    return start(by, &bindings, token);
}

bool
initiator_finish(struct initiator *by, void *answer, size_t length)
{
    gss_buffer_desc given = { length, answer }, more = GSS_C_EMPTY_BUFFER;
    char said[INITIATOR_NAME];
    OM_uint32 granted = 0, major;

    major = gss_init_sec_context(&by->minor, by->credentials, &by->context, by->name, (gss_OID)(uintptr_t)gss_mech_krb5, WANTED, 0,
                                 GSS_C_NO_CHANNEL_BINDINGS, &given, NULL, &more, &granted, NULL);
    if (major != GSS_S_COMPLETE)
        return refuse(by, "the server cannot prove that it is %s: %s", by->target, status(by, major, said));
    if (more.length != 0)
        return refuse(by, "the server wants more authentication messages than the protocol has");
    if ((granted & WANTED) != WANTED || (granted & NEVER) != 0)
        return refuse(by, "the security context is not what was asked for (flags %#x)", granted);
    by->is_finished = true;
    return true;
}

bool
initiator_wrap(struct initiator *by, void *message, size_t length, gss_buffer_t sealed)
{
    gss_buffer_desc given = { length, message };
    char said[INITIATOR_NAME];
    OM_uint32 major;
    int is_secret = 0;

    if (!by->is_finished)
        return refuse(by, "nothing is sealed before the daemon has proved itself");
    major = gss_wrap(&by->minor, by->context, 1, GSS_C_QOP_DEFAULT, &given, &is_secret, sealed);
    if (major != GSS_S_COMPLETE || !is_secret)
        return refuse(by, "a message could not be sealed: %s", status(by, major, said));
    return true;
}
