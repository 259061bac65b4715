/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls the functions of contrib/krb5 with what a test says, and says what they return. Built with ASan and UBSan, and linked
 * with the very sources (tests/krb5/driver.py). A line of words is one call; each string is written in hex (`-` is NULL), and is
 * kept in memory of exactly its length, so that reading beyond its end is seen. A database is an entry made of the line's words.
 */

#include <krb5/krb5.h>
#include <krb5/plugin.h>

#include <com_err.h>
#include <kdb.h>
#include <krb5/kadm5_auth_plugin.h>
#include <krb5/kdcpolicy_plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grant.h"

#define MOST 6000  /* words of a line */

krb5_error_code kdcpolicy_jitd_initvt(krb5_context, int, int, krb5_plugin_vtable);
krb5_error_code kadm5_auth_jitd_initvt(krb5_context, int, int, krb5_plugin_vtable);

static krb5_context context;
static krb5_db_entry *database;     /* the one principal there is, or NULL */
static krb5_error_code fault_of_database;

static void
die(const char *why)
{
    fprintf(stderr, "drive: %s\n", why);
    exit(2);
}

/* In place of libkdb5's: the entry that the line describes. */
krb5_error_code
krb5_db_get_principal(krb5_context with, krb5_const_principal name, unsigned int flags, krb5_db_entry **entry)
{
    (void)with;
    (void)name;
    (void)flags;
    *entry = fault_of_database == 0 ? database : NULL;
    return fault_of_database;
}

void
krb5_db_free_principal(krb5_context with, krb5_db_entry *entry)
{
    (void)with;
    (void)entry;
}

static void
hear(const char *whoami, errcode_t code, const char *format, va_list arguments)
{
    (void)whoami;
    (void)code;
    printf("log ");
    vprintf(format, arguments);
    printf("\n");
}

static char *
unhex(const char *word)
{
    size_t length = strlen(word);
    char *text, pair[3] = "";

    if (strcmp(word, "-") == 0)
        return NULL;
    if (word[0] != 'x' || length % 2 == 0)
        die("a string is x and hex");
    text = malloc(length / 2 + 1);
    if (text == NULL)
        die("memory");
    for (size_t at = 0; at < length / 2; at++) {
        memcpy(pair, word + 1 + 2 * at, 2);
        text[at] = (char)strtoul(pair, NULL, 16);
    }
    text[length / 2] = '\0';
    return text;
}

static krb5_principal
principal(const char *word)
{
    krb5_principal name = NULL;
    char *text = unhex(word);

    if (text != NULL && krb5_parse_name(context, text, &name) != 0)
        die("not a principal");
    free(text);
    return name;
}

/* Give `entry` the strings of the words, in pairs. */
static void
set_strings(krb5_db_entry *entry, char **words, int count)
{
    for (int i = 0; i + 1 < count; i += 2) {
        char *key = unhex(words[i]), *value = unhex(words[i + 1]);

        if (krb5_dbe_set_string(context, entry, key, value) != 0)
            die("a string could not be set");
        free(key);
        free(value);
    }
}

static void
empty(krb5_db_entry *entry)
{
    krb5_tl_data *next;

    for (krb5_tl_data *one = entry->tl_data; one != NULL; one = next) {
        next = one->tl_data_next;
        free(one->tl_data_contents);
        free(one);
    }
    krb5_free_principal(context, entry->princ);
    memset(entry, 0, sizeof(*entry));
}

/* gate as|tgs OPTIONS PADATA CLIENT ENTRY SERVER ATTRIBUTES MAXLIFE MAXRENEWLIFE [KEY VALUE] ...: CODE STATUS LIFE RENEWABLE */
static void
gate(char **words, int count)
{
    struct krb5_kdcpolicy_vtable_st vtable = { 0 };
    krb5_pa_data padata = { .pa_type = (krb5_preauthtype)strtol(words[2], NULL, 10) }, *list[] = { &padata, NULL };
    krb5_kdc_req request = { .kdc_options = (krb5_flags)strtoul(words[1], NULL, 16), .padata = list };
    krb5_db_entry server = { 0 }, entry = { 0 };
    krb5_enc_tkt_part part = { 0 };
    krb5_ticket ticket = { .enc_part2 = &part };
    krb5_principal client = principal(words[3]);
    krb5_deltat life = 0, renewable = 0;
    const char *status = "none", *none[] = { NULL };
    krb5_error_code code;

    if (kdcpolicy_jitd_initvt(context, 1, 1, (krb5_plugin_vtable)(void *)&vtable) != 0)
        die("no kdcpolicy");
    server.princ = principal(words[5]);
    server.attributes = (krb5_flags)strtoul(words[6], NULL, 16);
    server.max_life = (krb5_deltat)strtol(words[7], NULL, 10);
    server.max_renewable_life = (krb5_deltat)strtol(words[8], NULL, 10);
    set_strings(&server, words + 9, count - 9);
    if (strcmp(words[0], "as") == 0) {
        request.client = client;
        entry.princ = principal(words[4]);
        code = vtable.check_as(context, NULL, &request, &entry, &server, none, &status, &life, &renewable);
    } else {
        part.client = client;
        if (client == NULL)
            ticket.enc_part2 = NULL;
        code = vtable.check_tgs(context, NULL, &request, &server, &ticket, none, &status, &life, &renewable);
    }
    printf("said %ld %s %d %d\n", (long)code, status, life, renewable);
    krb5_free_principal(context, client);
    empty(&entry);
    empty(&server);
}

/* auth OPERATION FAULT CLIENT TARGET ENTRY KEY VALUE [KEY VALUE] ...: CODE */
static void
auth(char **words, int count)
{
    struct kadm5_auth_vtable_st vtable = { 0 };
    krb5_principal client = principal(words[2]), target = principal(words[3]);
    krb5_db_entry entry = { 0 };
    struct kadm5_auth_restrictions *restrictions = NULL;
    const char *operation = words[0];
    char *key = unhex(words[5]), *value = unhex(words[6]);
    krb5_error_code code = -1;

    if (kadm5_auth_jitd_initvt(context, 1, 1, (krb5_plugin_vtable)(void *)&vtable) != 0)
        die("no kadm5_auth");
    fault_of_database = strtol(words[1], NULL, 10);
    entry.princ = principal(words[4]);
    database = &entry;
    set_strings(&entry, words + 7, count - 7);
    if (strcmp(operation, "setstr") == 0)
        code = vtable.setstr(context, NULL, client, target, key, value);
    else if (strcmp(operation, "addprinc") == 0)
        code = vtable.addprinc(context, NULL, client, target, NULL, 0, &restrictions);
    else if (strcmp(operation, "modprinc") == 0)
        code = vtable.modprinc(context, NULL, client, target, NULL, 0, &restrictions);
    else if (strcmp(operation, "renprinc") == 0)
        code = vtable.renprinc(context, NULL, client, target, target);
    else if (strcmp(operation, "addpol") == 0)
        code = vtable.addpol(context, NULL, client, "policy", NULL, 0);
    else if (strcmp(operation, "modpol") == 0)
        code = vtable.modpol(context, NULL, client, "policy", NULL, 0);
    else if (strcmp(operation, "delpol") == 0)
        code = vtable.delpol(context, NULL, client, "policy");
    else if (strcmp(operation, "getpol") == 0)
        code = vtable.getpol(context, NULL, client, "policy", "policy");
    else {
        const struct {
            const char *name;
            krb5_error_code (*check)(krb5_context, kadm5_auth_moddata, krb5_const_principal, krb5_const_principal);
        } of_principals[] = {
            { "cpw", vtable.cpw }, { "chrand", vtable.chrand }, { "setkey", vtable.setkey }, { "purgekeys", vtable.purgekeys },
            { "delprinc", vtable.delprinc }, { "getprinc", vtable.getprinc }, { "getstrs", vtable.getstrs },
            { "extract", vtable.extract },
        };
        const struct {
            const char *name;
            krb5_error_code (*check)(krb5_context, kadm5_auth_moddata, krb5_const_principal);
        } of_realms[] = { { "listprincs", vtable.listprincs }, { "listpols", vtable.listpols }, { "iprop", vtable.iprop } };

        for (size_t i = 0; i < sizeof(of_principals) / sizeof(of_principals[0]); i++)
            if (strcmp(operation, of_principals[i].name) == 0)
                code = of_principals[i].check(context, NULL, client, target);
        for (size_t i = 0; i < sizeof(of_realms) / sizeof(of_realms[0]); i++)
            if (strcmp(operation, of_realms[i].name) == 0)
                code = of_realms[i].check(context, NULL, client);
    }
    printf("said %ld\n", (long)code);
    free(key);
    free(value);
    krb5_free_principal(context, client);
    krb5_free_principal(context, target);
    empty(&entry);
}

/* versions -: what both modules say to a major version that is not theirs */
static void
versions(void)
{
    struct krb5_kdcpolicy_vtable_st gate_of = { 0 };
    struct kadm5_auth_vtable_st auth_of = { 0 };
    krb5_error_code first = kdcpolicy_jitd_initvt(context, 2, 1, (krb5_plugin_vtable)(void *)&gate_of);
    krb5_error_code second = kadm5_auth_jitd_initvt(context, 2, 1, (krb5_plugin_vtable)(void *)&auth_of);

    printf("said %s %s\n", first == KRB5_PLUGIN_VER_NOTSUPP && gate_of.check_as == NULL ? "refused" : "taken",
           second == KRB5_PLUGIN_VER_NOTSUPP && auth_of.setstr == NULL ? "refused" : "taken");
}

static void
read_strings(const char *what, char **words)
{
    char *first = unhex(words[0]), *second = NULL;
    struct jitd_grant grant = { -1, NULL };

    if (strcmp(what, "mode") == 0) {
        static const char *const names[] = { "ungated", "required", "log", "unknown" };

        printf("said %s\n", names[jitd_mode_of(first)]);
    } else if (strcmp(what, "key") == 0) {
        printf("said %d\n", jitd_is_grant_key(first));
    } else if (strcmp(what, "host") == 0) {
        printf("said %d\n", jitd_is_host(first));
    } else if (strcmp(what, "names") == 0) {
        second = unhex(words[1]);
        printf("said %d\n", jitd_names_host(first, second));
    } else if (strcmp(what, "grant") == 0) {
        if (!jitd_read_grant(first, &grant)) {
            printf("said %s\n", grant.end == -1 && grant.client == NULL ? "no" : "no, and something was written");
        } else {
            printf("said %lld ", (long long)grant.end);
            for (const char *at = grant.client; *at != '\0'; at++)
                printf("%02x", (unsigned char)*at);
            printf("\n");
        }
    } else {
        die("no such call");
    }
    free(first);
    free(second);
}

int
main(void)
{
    char *line = NULL, *words[MOST];
    size_t size = 0;

    if (krb5_init_context(&context) != 0)
        die("no context");
    set_com_err_hook(hear);
    while (getline(&line, &size, stdin) > 0) {
        int count = 0;

        for (char *word = strtok(line, " \n"); word != NULL && count < MOST; word = strtok(NULL, " \n"))
            words[count++] = word;
        if (count < 2)
            die("an empty line");
        if (strcmp(words[0], "gate") == 0 && count >= 10)
            gate(words + 1, count - 1);
        else if (strcmp(words[0], "auth") == 0 && count >= 8)
            auth(words + 1, count - 1);
        else if (strcmp(words[0], "left") == 0 && count == 3) {
            struct jitd_grant grant = { strtoll(words[1], NULL, 10), "" };

            printf("said %lld\n", (long long)jitd_left(&grant, strtoll(words[2], NULL, 10)));
        } else if (strcmp(words[0], "versions") == 0)
            versions();
        else
            read_strings(words[0], words + 1);
        fflush(stdout);
    }
    free(line);
    krb5_free_context(context);
    return 0;
}
