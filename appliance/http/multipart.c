/* multipart: see multipart.h. */
#include "multipart.h"
#include <stdio.h>

/* What stands before the range, or, behind the last one, ends the body. */
static struct str delimiter(const struct multipart *m, size_t part, char out[static MULTIPART_TEXT_MAX])
{
	const struct range *r = &m->ranges[part];
	int n;

	if (part == m->count)
		n = snprintf(out, MULTIPART_TEXT_MAX, "\r\n--%s--\r\n", m->boundary);
	else
		n = snprintf(out, MULTIPART_TEXT_MAX,
		    "\r\n--%s\r\nContent-Type: %.*s\r\nContent-Range: bytes %llu-%llu/%llu\r\n\r\n", m->boundary,
		    STR_ARG(m->type), (unsigned long long)r->first, (unsigned long long)r->last,
		    (unsigned long long)m->size);
	return (struct str){out, (size_t)n};
}

static uint64_t range_bytes(const struct multipart *m, size_t part)
{
	return part < m->count ? m->ranges[part].last - m->ranges[part].first + 1 : 0;
}

uint64_t multipart_size(const struct multipart *m)
{
	char text[MULTIPART_TEXT_MAX];
	uint64_t size = 0;

	for (size_t part = 0; part <= m->count; part++)
		size += delimiter(m, part, text).n + range_bytes(m, part);
	return size;
}

void multipart_seek(struct multipart *m, uint64_t at)
{
	char text[MULTIPART_TEXT_MAX];

	while (m->part <= m->count) {
		uint64_t next = m->part_at + delimiter(m, m->part, text).n + range_bytes(m, m->part);

		if (at < next)
			return;
		m->part_at = next;
		m->part++;
	}
}

void multipart_run(const struct multipart *m, uint64_t at, char out[static MULTIPART_TEXT_MAX], struct run *run)
{
	struct str text = delimiter(m, m->part, out);
	uint64_t into = at - m->part_at;

	if (into < text.n) {
		*run = (struct run){.text = str_from(text, (size_t)into), .n = text.n - into};
		return;
	}
	into -= text.n;
	*run = (struct run){.file_from = m->ranges[m->part].first + into, .n = range_bytes(m, m->part) - into};
}
