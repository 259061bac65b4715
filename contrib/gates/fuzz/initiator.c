/* SPDX-License-Identifier: Apache-2.0 */
/*
 * initiator COUNT SEED: let initiator.c make COUNT proofs from odd credential caches, and abort where it breaks a promise of
 * initiator.h. What stands for libkrb5 and libgssapi is below: it fails as it likes, with names and texts of any bytes and length.
 *
 * There is a token, or a sentence that is whole and not empty. Nothing is sealed unless the daemon has proved itself, with all flags.
 */

#include "../initiator.c"

#include "odd.h"

#define LONGEST (INITIATOR_NAME + 600)
#define ONE_OF(list) (list)[draw(sizeof(list) / sizeof((list)[0]))]
#define FAILS (draw(8) == 0)

static const int CODES[] = {
    0, 1, -1, OVER_QUOTA, NOT_OUR_UID, -1765328352, -1765328228, -1765328377, -1765328372, -1765328189, -1765328190, -1765328244,
    -1765328185, -1750600181,
};
static char cache_name[LONGEST], host[LONGEST];
static krb5_principal_data server;
static OM_uint32 last_major, last_flags;
static size_t n_sealed;

/* A text of any length, of which the caller has the memory. */
static char *
draw_text(void)
{
    static const char *const PARTS[] = { "{where}", "{", "}", "%s", "%n", "@", ":", "FILE:", "MEMORY", "\xff", "\xc3\xbc", "a", "/", "EXAMPLE.TEST" };
    char *text = malloc(LONGEST + 16);
    uint32_t kind = draw(64);
    const char *same = kind == 0 ? ONE_OF(PARTS) : NULL;
    size_t length = 0;

    CHECK(text != NULL);
    for (uint32_t parts = kind < 2 ? draw(LONGEST) : draw(6); parts > 0 && length < LONGEST - 16; parts--) {
        const char *part = same != NULL ? same : ONE_OF(PARTS);

        memcpy(text + length, part, strlen(part));
        length += strlen(part);
    }
    text[change(text, length, draw(3))] = '\0';
    return text;
}

/* The same without its NUL, in memory of exactly its length, as GSSAPI gives it. */
static void
draw_buffer(gss_buffer_t into)
{
    char *text = draw_text();
    char *exact;

    into->length = strlen(text);
    exact = malloc(into->length > 0 ? into->length : 1);
    CHECK(exact != NULL);
    memcpy(exact, text, into->length);
    into->value = exact;
    free(text);
}

static OM_uint32
draw_major(OM_uint32 *minor, OM_uint32 right)
{
    static const OM_uint32 MAJORS[] = { GSS_S_COMPLETE, GSS_S_CONTINUE_NEEDED, GSS_S_NO_CRED, GSS_S_FAILURE, GSS_S_BAD_MECH };

    *minor = (OM_uint32)ONE_OF(CODES);
    return FAILS ? ONE_OF(MAJORS) : right;
}

static gss_OID_desc mechanism_of = { 0, NULL };
const gss_OID gss_mech_krb5 = &mechanism_of, GSS_KRB5_NT_PRINCIPAL_NAME = &mechanism_of;

krb5_error_code
krb5_init_context(krb5_context *context)
{
    *context = NULL;
    return FAILS ? 1 : 0;
}

krb5_error_code
krb5_cc_default(krb5_context context, krb5_ccache *cache)
{
    (void)context;
    *cache = NULL;
    return ONE_OF(CODES);
}

krb5_error_code
krb5_cc_resolve(krb5_context context, const char *name, krb5_ccache *cache)
{
    CHECK(name != NULL);
    return krb5_cc_default(context, cache);
}

krb5_error_code
krb5_cc_get_principal(krb5_context context, krb5_ccache cache, krb5_principal *owner)
{
    (void)context, (void)cache, (void)owner;
    return ONE_OF(CODES);
}

krb5_error_code
krb5_get_host_realm(krb5_context context, const char *name, char ***realms)
{
    (void)context, (void)name;
    if (FAILS)
        return 1;
    *realms = calloc(2, sizeof(**realms));
    CHECK(*realms != NULL);
    (*realms)[0] = FAILS ? NULL : draw_text();
    return 0;
}

krb5_error_code
krb5_free_host_realm(krb5_context context, char *const *realms)
{
    (void)context;
    free(realms[0]);
    free((void *)(uintptr_t)realms);
    return 0;
}

krb5_error_code
krb5_cc_set_default_name(krb5_context context, const char *name)
{
    (void)context;
    CHECK(name != NULL);
    return FAILS ? 1 : 0;
}

krb5_error_code
krb5_parse_name(krb5_context context, const char *name, krb5_principal *principal)
{
    (void)context, (void)name;
    *principal = FAILS ? NULL : &server;
    return *principal == NULL;
}

/* A name that the program does not free: its process ends. */
static krb5_error_code
give_name(char **name)
{
    static char *last;

    if (FAILS)
        return 1;
    free(last);
    *name = last = draw_text();
    return 0;
}

krb5_error_code
krb5_cc_select(krb5_context context, krb5_principal of, krb5_ccache *cache, krb5_principal *owner)
{
    (void)context;
    CHECK(of == &server);
    *cache = draw(3) == 0 ? (krb5_ccache)(void *)cache_name : NULL;
    *owner = draw(6) == 0 ? &server : NULL;
    return FAILS ? 1 : 0;
}

krb5_error_code
krb5_cc_get_full_name(krb5_context context, krb5_ccache cache, char **name)
{
    (void)context, (void)cache;
    return give_name(name);
}

krb5_error_code
krb5_unparse_name(krb5_context context, krb5_const_principal principal, char **name)
{
    (void)context, (void)principal;
    return give_name(name);
}

OM_uint32
gss_import_name(OM_uint32 *minor, gss_buffer_t named, gss_OID kind, gss_name_t *name)
{
    (void)kind;
    CHECK(named->length < 3 * INITIATOR_NAME && strlen(named->value) == named->length);
    *name = GSS_C_NO_NAME;
    return draw_major(minor, GSS_S_COMPLETE);
}

OM_uint32
gss_krb5_ccache_name(OM_uint32 *minor, const char *name, const char **before)
{
    (void)before;
    CHECK(name != NULL);
    return draw_major(minor, GSS_S_COMPLETE);
}

OM_uint32
gss_acquire_cred(OM_uint32 *minor, gss_name_t name, OM_uint32 time, gss_OID_set mechanisms, gss_cred_usage_t usage,
                 gss_cred_id_t *credentials, gss_OID_set *actual, OM_uint32 *lasts)
{
    (void)name, (void)time, (void)actual, (void)lasts;
    CHECK(mechanisms->count == 1 && usage == GSS_C_INITIATE);
    *credentials = GSS_C_NO_CREDENTIAL;
    return draw_major(minor, GSS_S_COMPLETE);
}

OM_uint32
gss_init_sec_context(OM_uint32 *minor, gss_cred_id_t credentials, gss_ctx_id_t *context, gss_name_t name, gss_OID mechanism,
                     OM_uint32 flags, OM_uint32 time, gss_channel_bindings_t bindings, gss_buffer_t had, gss_OID *actual,
                     gss_buffer_t token, OM_uint32 *granted, OM_uint32 *lasts)
{
    (void)credentials, (void)context, (void)name, (void)mechanism, (void)time, (void)bindings, (void)actual, (void)lasts;
    CHECK(flags == WANTED);
    token->length = had == GSS_C_NO_BUFFER || draw(8) == 0 ? 1 + draw(3) : 0;
    token->value = NULL;
    last_major = draw_major(minor, had == GSS_C_NO_BUFFER ? GSS_S_CONTINUE_NEEDED : GSS_S_COMPLETE);
    last_flags = FAILS ? WANTED ^ 1U << draw(12) : WANTED | (draw(4) == 0 ? GSS_C_TRANS_FLAG : 0);
    if (granted != NULL)
        *granted = last_flags;
    return last_major;
}

OM_uint32
gss_inquire_cred(OM_uint32 *minor, gss_cred_id_t credentials, gss_name_t *owner, OM_uint32 *lasts, gss_cred_usage_t *usage,
                 gss_OID_set *mechanisms)
{
    (void)credentials, (void)lasts, (void)usage, (void)mechanisms;
    *owner = FAILS ? GSS_C_NO_NAME : (gss_name_t)(void *)host;
    return draw_major(minor, GSS_S_COMPLETE);
}

OM_uint32
gss_display_name(OM_uint32 *minor, gss_name_t name, gss_buffer_t shown, gss_OID *kind)
{
    OM_uint32 major = draw_major(minor, GSS_S_COMPLETE);

    (void)name, (void)kind;
    if (major == GSS_S_COMPLETE)
        draw_buffer(shown);
    return major;
}

OM_uint32
gss_display_status(OM_uint32 *minor, OM_uint32 code, int kind, gss_OID mechanism, OM_uint32 *more, gss_buffer_t said)
{
    (void)code, (void)kind;
    return gss_display_name(minor, GSS_C_NO_NAME, said, (gss_OID *)(void *)(more + (mechanism == NULL)));
}

OM_uint32
gss_release_buffer(OM_uint32 *minor, gss_buffer_t buffer)
{
    *minor = 0;
    free(buffer->value);
    buffer->value = NULL;
    buffer->length = 0;
    return GSS_S_COMPLETE;
}

OM_uint32
gss_release_name(OM_uint32 *minor, gss_name_t *name)
{
    *minor = 0;
    *name = GSS_C_NO_NAME;
    return GSS_S_COMPLETE;
}

OM_uint32
gss_delete_sec_context(OM_uint32 *minor, gss_ctx_id_t *context, gss_buffer_t token)
{
    (void)token;
    *minor = 0;
    *context = GSS_C_NO_CONTEXT;
    return GSS_S_COMPLETE;
}

OM_uint32
gss_wrap(OM_uint32 *minor, gss_ctx_id_t context, int is_secret, gss_qop_t quality, gss_buffer_t message, int *was_secret, gss_buffer_t sealed)
{
    (void)context, (void)quality, (void)message, (void)sealed;
    CHECK(is_secret == 1 && last_major == GSS_S_COMPLETE && (last_flags & WANTED) == WANTED && (last_flags & NEVER) == 0);
    *was_secret = !FAILS;
    n_sealed++;
    return draw_major(minor, GSS_S_COMPLETE);
}

static void
try_one(void)
{
    static struct initiator by;
    char *names[2] = { draw_text(), draw_text() }, message[] = "m";
    gss_buffer_desc token = GSS_C_EMPTY_BUFFER, sealed = GSS_C_EMPTY_BUFFER;
    size_t n_before = n_sealed;
    bool is_right;

    memset(&by, 0, sizeof(by));
    names[0][INITIATOR_NAME - 1] = names[1][INITIATOR_NAME - 1] = '\0';  /* as prove.c hears them */
    by.host = names[0];
    by.cache = draw(2) == 0 ? NULL : names[1];
    is_right = initiator_obtain_ticket(&by) && initiator_first_token(&by, message, 1, &token) &&
               (draw(16) == 0 || initiator_finish(&by, message, 1)) && initiator_wrap(&by, message, 1, &sealed);
    CHECK(is_right ? n_sealed == n_before + 1 && by.is_finished : *by.why != '\0');
    CHECK(memchr(by.why, '\0', sizeof(by.why)) != NULL && memchr(by.principal, '\0', sizeof(by.principal)) != NULL);
    CHECK(memchr(by.realm, '\0', sizeof(by.realm)) != NULL && memchr(by.target, '\0', sizeof(by.target)) != NULL);
    free(names[0]);
    free(names[1]);
}

static void
sum_up(uint64_t count)
{
    printf("inputs=%" PRIu64 " sealed=%zu\n", count, n_sealed);
}
