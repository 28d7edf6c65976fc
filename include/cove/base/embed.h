/*
 * embed: files inside the binary. scripts/embed.c creates the tables at build time. They are sorted by path (in byte
 * order) and end with a row whose path is NULL, which the count does not include. They are constant, so any thread may
 * read them.
 */
#pragma once
#include <stddef.h>

struct embedded_file {
	const char *path;           /* relative, '/' between parts, e.g. "0001_init.sql", "style.css", "musl/LICENSE" */
	const unsigned char *bytes; /* size bytes, followed by a NUL that size does not count */
	size_t size;
};

/* appliance/db/migrations/ without subfolders; linked into cove_db. */
extern const struct embedded_file embedded_migrations[];
extern const size_t embedded_migrations_count;

/* mozilla.pem: the public CAs of Mozilla's list; linked into cove_client. */
extern const struct embedded_file embedded_cas[];
extern const size_t embedded_cas_count;

/* appliance/web/assets/; linked into cove_web. */
extern const struct embedded_file embedded_assets[];
extern const size_t embedded_assets_count;

/* The licence texts of cove and of every library in the binary, as LIBRARY/LICENSE; linked into cove_cli. */
extern const struct embedded_file embedded_licenses[];
extern const size_t embedded_licenses_count;
