/* SPDX-License-Identifier: Apache-2.0
 * An authenticator that waits for a finger: the library that OpenSSH tests itself with (DUMMY), which says "touched" only while
 * the file FINGER is there. Whoever asks for no touch gets a signature that says so, as from a real one.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#define TOUCH 0x01
#define FAILED -1

static void *
of_dummy(const char *name)
{
	void *dummy = dlopen(DUMMY, RTLD_NOW);
	return dummy == NULL ? NULL : dlsym(dummy, name);
}

uint32_t
sk_api_version(void)
{
	uint32_t (*ask)(void) = (uint32_t (*)(void))of_dummy("sk_api_version");
	return ask == NULL ? 0 : ask();
}

int
sk_enroll(uint32_t alg, const uint8_t *challenge, size_t n_challenge, const char *application, uint8_t flags, const char *pin,
    void *options, void *response)
{
	int (*ask)(uint32_t, const uint8_t *, size_t, const char *, uint8_t, const char *, void *, void *) = of_dummy("sk_enroll");
	return ask == NULL ? FAILED : ask(alg, challenge, n_challenge, application, flags, pin, options, response);
}

int
sk_sign(uint32_t alg, const uint8_t *data, size_t n_data, const char *application, const uint8_t *handle, size_t n_handle,
    uint8_t flags, const char *pin, void *options, void *response)
{
	int (*ask)(uint32_t, const uint8_t *, size_t, const char *, const uint8_t *, size_t, uint8_t, const char *, void *, void *)
	    = of_dummy("sk_sign");
	if (ask == NULL || ((flags & TOUCH) && access(FINGER, F_OK) != 0))
		return FAILED;
	return ask(alg, data, n_data, application, handle, n_handle, flags, pin, options, response);
}

int
sk_load_resident_keys(const char *pin, void *options, void *keys, size_t *n_keys)
{
	(void)pin, (void)options, (void)keys, (void)n_keys;
	return FAILED;
}
