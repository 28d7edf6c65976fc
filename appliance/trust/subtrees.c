/*
 * subtrees: the name constraints of our CA (RFC 5280 §4.2.1.10). Only dNSName and iPAddress subtrees: another form in a
 * critical extension makes Go refuse the chain. Both address families always: GnuTLS and NSS take a list with one
 * family as refusing the other (docs/clients.md, Name constraints).
 */
#include "trust_internal.h"
#include <mbedtls/asn1.h>
#include <mbedtls/asn1write.h>

static const char *const local_suffixes[] = {"localhost", "local", "lan", "home.arpa", "internal", "home"};

static const struct {
	const char *address;
	unsigned bits;
} local_networks[] = {
    {"10.0.0.0", 8},
    {"172.16.0.0", 12},
    {"192.168.0.0", 16},
    {"100.64.0.0", 10},
    {"169.254.0.0", 16},
    {"127.0.0.0", 8},
    {"fc00::", 7},
    {"fe80::", 10},
    {"::1", 128},
};

enum {
	TAG_SEQUENCE = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE,
	TAG_PERMITTED = MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED | 0, /* permittedSubtrees [0] */
	TAG_DNS = MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_X509_SAN_DNS_NAME,
	TAG_ADDRESS = MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_X509_SAN_IP_ADDRESS,
};

static bool add_dns(struct subtrees *s, struct str suffix)
{
	struct subtree *one;

	if (s->count == SUBTREES_MAX || suffix.n == 0 || suffix.n >= sizeof one->dns)
		return false;
	one = &s->items[s->count++];
	*one = (struct subtree){0};
	memcpy(one->dns, suffix.p, suffix.n);
	return true;
}

static bool add_network(struct subtrees *s, const char *address, unsigned bits)
{
	struct subtree *one;

	if (s->count == SUBTREES_MAX)
		return false;
	one = &s->items[s->count++];
	*one = (struct subtree){0};
	one->bytes = address_bytes(address, one->address);
	for (unsigned i = 0; i < bits; i++)
		one->mask[i / 8] = (uint8_t)(one->mask[i / 8] | 0x80u >> i % 8);
	return true;
}

/* SUBTREES_MAX leaves room for all local ones beside a full list of names. */
void subtrees_for(struct subtrees *s, const struct trust_names *names)
{
	*s = (struct subtrees){.present = true};
	for (size_t i = 0; i < sizeof local_suffixes / sizeof *local_suffixes; i++)
		if (!add_dns(s, str_of(local_suffixes[i])))
			bug("too many local suffixes");
	for (size_t i = 0; i < sizeof local_networks / sizeof *local_networks; i++)
		if (!add_network(s, local_networks[i].address, local_networks[i].bits))
			bug("too many local networks");
	for (size_t i = 0; i < names->count; i++) {
		const char *text = names->items[i].text;
		bool is_address = names->items[i].is_address;

		if (subtrees_permit(s, text, is_address))
			continue;
		if (!(is_address ? add_network(s, text, strchr(text, ':') ? 128 : 32) : add_dns(s, str_of(text))))
			bug("more names than TRUST_NAMES_MAX");
	}
}

static bool network_has(const struct subtree *network, const uint8_t *address, size_t bytes)
{
	if (network->dns[0] || network->bytes != bytes)
		return false;
	for (size_t i = 0; i < bytes; i++)
		if ((address[i] ^ network->address[i]) & network->mask[i])
			return false;
	return true;
}

/* "lan" permits lan itself and every name below it. */
static bool suffix_has(const struct subtree *suffix, struct str name)
{
	size_t n = strlen(suffix->dns);

	return n && name.n >= n && str_eqi(str_from(name, name.n - n), str_of(suffix->dns)) &&
	       (name.n == n || name.p[name.n - n - 1] == '.');
}

bool subtrees_permit(const struct subtrees *s, const char *name, bool is_address)
{
	uint8_t address[16];
	size_t bytes = is_address ? address_bytes(name, address) : 0;

	if (!s->present)
		return true;
	for (size_t i = 0; i < s->count; i++)
		if (is_address ? network_has(&s->items[i], address, bytes) : suffix_has(&s->items[i], str_of(name)))
			return true;
	return false;
}

/* Content that has just been written before *p gets its header; total grows. False when there is no room. */
static bool put_header(uint8_t **p, uint8_t *start, int tag, size_t content, size_t *total)
{
	int length = mbedtls_asn1_write_len(p, start, content);
	int tag_bytes = length < 0 ? length : mbedtls_asn1_write_tag(p, start, (unsigned char)tag);

	if (length < 0 || tag_bytes < 0)
		return false;
	*total = content + (size_t)length + (size_t)tag_bytes;
	return true;
}

static bool put_bytes(uint8_t **p, uint8_t *start, const void *bytes, size_t n)
{
	return mbedtls_asn1_write_raw_buffer(p, start, bytes, n) >= 0;
}

/* GeneralSubtree with its default minimum left out (DER). */
static bool put_subtree(uint8_t **p, uint8_t *start, const struct subtree *one, size_t *total)
{
	size_t n = strlen(one->dns), base;

	if (n) {
		if (!put_bytes(p, start, one->dns, n) || !put_header(p, start, TAG_DNS, n, &base))
			return false;
	} else if (!put_bytes(p, start, one->mask, one->bytes) || !put_bytes(p, start, one->address, one->bytes) ||
		   !put_header(p, start, TAG_ADDRESS, 2 * one->bytes, &base)) {
		return false;
	}
	return put_header(p, start, TAG_SEQUENCE, base, total);
}

size_t subtrees_encode(const struct subtrees *s, uint8_t *out, size_t size)
{
	uint8_t *p = out + size;
	size_t content = 0, one, total;

	for (size_t i = s->count; i-- > 0;) {
		if (!put_subtree(&p, out, &s->items[i], &one))
			return 0;
		content += one;
	}
	if (!put_header(&p, out, TAG_PERMITTED, content, &total) || !put_header(&p, out, TAG_SEQUENCE, total, &total))
		return 0;
	return total;
}

static bool take_base(struct subtrees *s, uint8_t tag, const uint8_t *p, size_t n)
{
	struct subtree *one;

	if (tag == TAG_DNS)
		return memchr(p, 0, n) == NULL && add_dns(s, (struct str){(const char *)p, n});
	if (tag != TAG_ADDRESS || (n != 8 && n != 32) || s->count == SUBTREES_MAX)
		return false;
	one = &s->items[s->count++];
	*one = (struct subtree){.bytes = n / 2};
	memcpy(one->address, p, n / 2);
	memcpy(one->mask, p + n / 2, n / 2);
	return true;
}

/* A header of the wanted tag that fills [*p, end) whole. */
static bool enter(uint8_t **p, const uint8_t *end, int tag)
{
	size_t n;

	return mbedtls_asn1_get_tag(p, end, &n, tag) == 0 && *p + n == end;
}

bool subtrees_decode(struct subtrees *s, const uint8_t *bytes, size_t n)
{
	/* mbedTLS's readers take a pointer to non-const and do not write through it */
	uint8_t *p = (uint8_t *)(uintptr_t)bytes;
	const uint8_t *end = bytes + n;
	size_t length;

	*s = (struct subtrees){.present = true};
	if (!enter(&p, end, TAG_SEQUENCE) || !enter(&p, end, TAG_PERMITTED))
		return false;
	while (p < end) {
		const uint8_t *next;
		uint8_t tag;

		if (mbedtls_asn1_get_tag(&p, end, &length, TAG_SEQUENCE))
			return false;
		next = p + length;
		if (p == next)
			return false;
		tag = *p++;
		if (mbedtls_asn1_get_len(&p, next, &length) || p + length != next || !take_base(s, tag, p, length))
			return false;
		p += length;
	}
	return true;
}
