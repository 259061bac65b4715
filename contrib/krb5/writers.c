/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kadm5_auth module of kadmind: what `jitd-kdc/<host>`, the writer of a host's grants, may do.
 *
 * On a gated service that names its host (jit_granted_by; without it, the host of the service's own name) a writer may set
 * and delete strings that are exactly grants (grant.h). It may read the entries, and the strings, of services that name
 * its host. Law: it may do nothing else, whatever kadm5.acl says. Nobody else is touched: the other modules decide.
 *
 * The interface: krb5/kadm5_auth_plugin.h, and doc/plugindev/kadm5_auth.rst of MIT krb5. kadmind does one thing at a time,
 * so what is checked here is what is then changed.
 */

#include <krb5/krb5.h>
#include <krb5/plugin.h>

#include <errno.h>
#include <kdb.h>
#include <krb5/kadm5_auth_plugin.h>
#include <string.h>
#include <time.h>

#include "grant.h"
#include "words.h"

#define EXPORTED __attribute__((visibility("default")))
#define WRITER "jitd-kdc"

/* Of these nothing is ever granted, even if somebody has gated them. By the first component of the name. */
static const char *const NEVER[] = { "krbtgt", "kadmin", "kiprop", "K", "WELLKNOWN", "jitd", WRITER, "jitd-canary" };

static bool
is_text(krb5_data data, const char *text)
{
    return data.length == strlen(text) && memcmp(data.data, text, data.length) == 0;
}

/* True of each name that begins with jitd-kdc, so that none that is oddly built falls through to kadm5.acl. */
static bool
is_writer(krb5_const_principal client)
{
    return client->length >= 1 && is_text(client->data[0], WRITER);
}

/* Copy the second and last component of `name` into `host` if it is a host's name. */
static bool
host_of(krb5_const_principal name, char host[JITD_HOST_MAX + 1])
{
    if (name->length != 2 || name->data[1].length > JITD_HOST_MAX)
        return false;
    memcpy(host, name->data[1].data, name->data[1].length);
    host[name->data[1].length] = '\0';
    return strlen(host) == name->data[1].length && jitd_is_host(host);
}

/* True if the service lets `host` grant it. `list` is its jit_granted_by, or NULL. */
static bool
is_granted_by(krb5_const_principal service, const char *list, const char *host)
{
    char own[JITD_HOST_MAX + 1];

    if (list != NULL)
        return jitd_names_host(list, host);
    return host_of(service, own) && strcmp(own, host) == 0;
}

/* What is looked at of a service. */
struct service {
    krb5_db_entry *entry;
    char *approval, *granted_by;
};

static void
let_go(krb5_context context, struct service *service)
{
    krb5_dbe_free_string(context, service->approval);
    krb5_dbe_free_string(context, service->granted_by);
    krb5_db_free_principal(context, service->entry);
    memset(service, 0, sizeof(*service));
}

/*
 * Look up `target` for the writer `client`. NULL if the writer's host may grant it; then `service` is to be let go.
 * Otherwise why not. *is_missing says that the only reason is that there is no such principal.
 */
static const char *
look_up(krb5_context context, krb5_const_principal client, krb5_const_principal target, struct service *service, bool *is_missing)
{
    char host[JITD_HOST_MAX + 1];
    krb5_error_code fault;

    memset(service, 0, sizeof(*service));
    *is_missing = false;
    if (!host_of(client, host))
        return "a writer is called " WRITER "/HOST";
    if (target == NULL || target->length < 1 || !krb5_realm_compare(context, client, target))
        return "not a service of the writer's realm";
    for (size_t i = 0; i < sizeof(NEVER) / sizeof(NEVER[0]); i++) {
        if (is_text(target->data[0], NEVER[i]))
            return "not a service that is granted";
    }
    fault = krb5_db_get_principal(context, target, 0, &service->entry);
    if (fault != 0) {
        service->entry = NULL;
        *is_missing = fault == KRB5_KDB_NOENTRY;
        return "its entry cannot be read";
    }
    /* An alias leads to an entry of another name. A grant is written under the name that the entry itself has. */
    if (!krb5_realm_compare(context, client, service->entry->princ) ||
        !krb5_principal_compare(context, target, service->entry->princ)) {
        let_go(context, service);
        return "this is another name of the service (an alias)";
    }
    if (krb5_dbe_get_string(context, service->entry, JITD_APPROVAL, &service->approval) != 0 ||
        krb5_dbe_get_string(context, service->entry, JITD_GRANTED_BY, &service->granted_by) != 0) {
        let_go(context, service);
        return "its strings cannot be read";
    }
    if (!is_granted_by(service->entry->princ, service->granted_by, host)) {
        let_go(context, service);
        return "the service does not name the writer's host in " JITD_GRANTED_BY;
    }
    return NULL;
}

static krb5_error_code
refuse(krb5_context context, krb5_const_principal client, const char *what, krb5_const_principal target, const char *why)
{
    char writer[JITD_SHOWN], service[JITD_SHOWN];

    jitd_show_name(context, client, writer);
    if (target == NULL)
        jitd_show_text("the realm", service);
    else
        jitd_show_name(context, target, service);
    jitd_say("jitd: refused %s to %s %s: %s", writer, what, service, why);
    return EPERM;
}

/* True if one grant more, under `key`, would be too many. */
static bool
is_full(krb5_context context, krb5_db_entry *entry, const char *key)
{
    krb5_string_attr *strings = NULL;
    int count = 0, grants = 0;
    bool is_there = false;

    if (krb5_dbe_get_strings(context, entry, &strings, &count) != 0)
        return true;
    for (int i = 0; i < count; i++) {
        if (strncmp(strings[i].key, JITD_GRANT, sizeof(JITD_GRANT) - 1) == 0)
            grants++;
        is_there |= strcmp(strings[i].key, key) == 0;
    }
    krb5_dbe_free_strings(context, strings, count);
    return !is_there && grants >= JITD_MOST;
}

/* True if `text` is how krb5_unparse_name writes the principal that it names. */
static bool
is_as_unparsed(krb5_context context, const char *text)
{
    krb5_principal name = NULL;
    char *again = NULL;
    bool is_same;

    if (krb5_parse_name(context, text, &name) != 0)
        return false;
    is_same = krb5_unparse_name(context, name, &again) == 0 && strcmp(again, text) == 0;
    krb5_free_unparsed_name(context, again);
    krb5_free_principal(context, name);
    return is_same;
}

/* Why the writer may not write this; NULL if it may. */
static const char *
refused_string(krb5_context context, const struct service *service, const char *key, const char *value)
{
    struct jitd_grant grant;

    if (service->approval == NULL)
        return "the service is not gated: it has no " JITD_APPROVAL;
    if (value == NULL)
        return NULL;
    if (!jitd_read_grant(value, &grant) || !is_as_unparsed(context, grant.client))
        return "the value is not `1 END CLIENT`";
    if (jitd_left(&grant, (int64_t)time(NULL)) == 0)
        return "the grant has ended, or ends more than a day ahead";
    if (is_full(context, service->entry, key))
        return "the service has 1,000 grants";
    return NULL;
}

static krb5_error_code
check_setstr(krb5_context context, kadm5_auth_moddata data, krb5_const_principal client, krb5_const_principal target,
             const char *key, const char *value)
{
    struct service service;
    const char *why;
    bool is_missing;

    (void)data;
    if (!is_writer(client))
        return KRB5_PLUGIN_NO_HANDLE;
    if (key == NULL || !jitd_is_grant_key(key))
        return refuse(context, client, "write a string of", target, "the key is not `" JITD_GRANT "ID`");
    why = look_up(context, client, target, &service, &is_missing);
    if (why != NULL && is_missing && value == NULL)
        return 0;  /* nothing to delete: kadmind says that there is no such principal */
    if (why == NULL) {
        why = refused_string(context, &service, key, value);
        let_go(context, &service);
    }
    return why == NULL ? 0 : refuse(context, client, "write a string of", target, why);
}

/* Reading an entry, and reading its strings. */
static krb5_error_code
check_reading(krb5_context context, kadm5_auth_moddata data, krb5_const_principal client, krb5_const_principal target)
{
    struct service service;
    const char *why;
    bool is_missing;

    (void)data;
    if (!is_writer(client))
        return KRB5_PLUGIN_NO_HANDLE;
    why = look_up(context, client, target, &service, &is_missing);
    if (why != NULL && !is_missing)
        return refuse(context, client, "read", target, why);
    if (why == NULL)
        let_go(context, &service);
    return 0;  /* also where nothing is: kadmind says that there is no such principal */
}

/* Everything else: one refusal for the writer, and nothing for anybody else. */

static krb5_error_code
check_other(krb5_context context, krb5_const_principal client, const char *what, krb5_const_principal target)
{
    if (!is_writer(client))
        return KRB5_PLUGIN_NO_HANDLE;
    return refuse(context, client, what, target, "a writer writes grants, and nothing else");
}

static krb5_error_code
check_addprinc(krb5_context context, kadm5_auth_moddata data, krb5_const_principal client, krb5_const_principal target,
               const struct _kadm5_principal_ent_t *entry, long mask, struct kadm5_auth_restrictions **restrictions)
{
    (void)data;
    (void)entry;
    (void)mask;
    (void)restrictions;
    return check_other(context, client, "add", target);
}

static krb5_error_code
check_modprinc(krb5_context context, kadm5_auth_moddata data, krb5_const_principal client, krb5_const_principal target,
               const struct _kadm5_principal_ent_t *entry, long mask, struct kadm5_auth_restrictions **restrictions)
{
    (void)data;
    (void)entry;
    (void)mask;
    (void)restrictions;
    return check_other(context, client, "modify", target);
}

/* Defines a check of an operation on one principal. */
#define CHECK_PRINCIPAL(NAME, WHAT)                                                                                       \
    static krb5_error_code check_##NAME(krb5_context context, kadm5_auth_moddata data, krb5_const_principal client,       \
                                        krb5_const_principal target)                                                      \
    {                                                                                                                     \
        (void)data;                                                                                                       \
        return check_other(context, client, WHAT, target);                                                                \
    }

CHECK_PRINCIPAL(cpw, "change the password of")
CHECK_PRINCIPAL(chrand, "change the keys of")
CHECK_PRINCIPAL(setkey, "set the keys of")
CHECK_PRINCIPAL(purgekeys, "purge the keys of")
CHECK_PRINCIPAL(delprinc, "delete")
CHECK_PRINCIPAL(extract, "extract the keys of")

static krb5_error_code
check_renprinc(krb5_context context, kadm5_auth_moddata data, krb5_const_principal client, krb5_const_principal from,
               krb5_const_principal to)
{
    (void)data;
    (void)to;
    return check_other(context, client, "rename", from);
}

/* Defines a check of an operation that names no principal. */
#define CHECK_REALM(NAME, WHAT)                                                                                           \
    static krb5_error_code check_##NAME(krb5_context context, kadm5_auth_moddata data, krb5_const_principal client)       \
    {                                                                                                                     \
        (void)data;                                                                                                       \
        return check_other(context, client, WHAT, NULL);                                                                  \
    }

CHECK_REALM(listprincs, "list the principals of")
CHECK_REALM(listpols, "list the policies of")
CHECK_REALM(iprop, "copy the database of")

static krb5_error_code
check_addpol(krb5_context context, kadm5_auth_moddata data, krb5_const_principal client, const char *policy,
             const struct _kadm5_policy_ent_t *entry, long mask)
{
    (void)data;
    (void)policy;
    (void)entry;
    (void)mask;
    return check_other(context, client, "add a policy to", NULL);
}

static krb5_error_code
check_modpol(krb5_context context, kadm5_auth_moddata data, krb5_const_principal client, const char *policy,
             const struct _kadm5_policy_ent_t *entry, long mask)
{
    (void)data;
    (void)policy;
    (void)entry;
    (void)mask;
    return check_other(context, client, "modify a policy of", NULL);
}

static krb5_error_code
check_delpol(krb5_context context, kadm5_auth_moddata data, krb5_const_principal client, const char *policy)
{
    (void)data;
    (void)policy;
    return check_other(context, client, "delete a policy of", NULL);
}

static krb5_error_code
check_getpol(krb5_context context, kadm5_auth_moddata data, krb5_const_principal client, const char *policy, const char *own)
{
    (void)data;
    (void)policy;
    (void)own;
    return check_other(context, client, "read a policy of", NULL);
}

static krb5_error_code
init(krb5_context context, const char *acl_file, kadm5_auth_moddata *data)
{
    (void)context;
    (void)acl_file;
    *data = NULL;
    jitd_say("jitd: what writers of grants may do is loaded");
    return 0;
}

EXPORTED krb5_error_code kadm5_auth_jitd_initvt(krb5_context, int, int, krb5_plugin_vtable);

EXPORTED krb5_error_code
kadm5_auth_jitd_initvt(krb5_context context, int major, int minor, krb5_plugin_vtable vtable)
{
    kadm5_auth_vtable auth = (kadm5_auth_vtable)(void *)vtable;

    (void)context;
    if (major != 1 || minor < 1)
        return KRB5_PLUGIN_VER_NOTSUPP;
    /* Minor version 2, which krb5 1.20 has not, asks about aliases, too. Those are left to kadm5.acl. */
    auth->name = "jitd";
    auth->init = init;
    auth->addprinc = check_addprinc;
    auth->modprinc = check_modprinc;
    auth->setstr = check_setstr;
    auth->cpw = check_cpw;
    auth->chrand = check_chrand;
    auth->setkey = check_setkey;
    auth->purgekeys = check_purgekeys;
    auth->delprinc = check_delprinc;
    auth->renprinc = check_renprinc;
    auth->getprinc = check_reading;
    auth->getstrs = check_reading;
    auth->extract = check_extract;
    auth->listprincs = check_listprincs;
    auth->addpol = check_addpol;
    auth->modpol = check_modpol;
    auth->delpol = check_delpol;
    auth->getpol = check_getpol;
    auth->listpols = check_listpols;
    auth->iprop = check_iprop;
    return 0;
}
