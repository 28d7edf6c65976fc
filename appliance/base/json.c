/*
 * json: the tree. A struct json is a cJSON node under another name, so that cJSON.h stays in this file. cJSON notes its
 * last error in a global that nobody reads; that and the count of memory is all that parsing threads share.
 */
#include <cove/base/json.h>
#include "json_scan.h"
#include <cjson/cJSON.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

enum { PAIRWISE_MAX = 8 };
#define SMALL_BYTES ((size_t)256 * 1024)      /* documents up to this are not counted: threads have few of them */
#define MEMORY_MAX ((size_t)32 * 1024 * 1024) /* of all larger ones together */
_Static_assert(JSON_MEMORY_MAX <= MEMORY_MAX, "the largest document would wait for ever");

/* A document of 4 MiB of text can take seven times that, and there are many threads: large ones take turns. */
static pthread_mutex_t turns = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_ended = PTHREAD_COND_INITIALIZER;
static size_t memory_taken;

static void take_memory(size_t bytes)
{
	if (!bytes)
		return;
	pthread_mutex_lock(&turns);
	while (memory_taken + bytes > MEMORY_MAX)
		pthread_cond_wait(&turn_ended, &turns);
	memory_taken += bytes;
	pthread_mutex_unlock(&turns);
}

static void give_memory(size_t bytes)
{
	if (!bytes)
		return;
	pthread_mutex_lock(&turns);
	memory_taken -= bytes;
	pthread_cond_broadcast(&turn_ended);
	pthread_mutex_unlock(&turns);
}

static const cJSON *node(const struct json *v)
{
	return (const cJSON *)v;
}

static const struct json *value(const cJSON *n)
{
	return (const struct json *)n;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A name that occurs twice among the members, or NULL. Nearly all objects have few members: these need no memory. */
static const char *twice_pairwise(const cJSON *object)
{
	for (const cJSON *a = object->child; a; a = a->next)
		for (const cJSON *b = a->next; b; b = b->next)
			if (strcmp(a->string, b->string) == 0)
				return a->string;
	return NULL;
}

static enum rc twice_sorted(const cJSON *object, size_t count, const char **twice)
{
	const char **names = calloc(count, sizeof *names);
	size_t n = 0;

	if (!names)
		return E_BUSY;
	for (const cJSON *m = object->child; m; m = m->next)
		names[n++] = m->string;
	qsort(names, n, sizeof *names, compare_names);
	for (size_t i = 1; i < n && !*twice; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			*twice = names[i];
	free(names);
	return OK;
}

/* Names are compared as they read, after the escapes: "a" and "\u0061" are one name. */
static enum rc check_names(const cJSON *object, struct err *err)
{
	size_t count = json_count(value(object));
	const char *twice = NULL;

	if (count <= PAIRWISE_MAX)
		twice = twice_pairwise(object);
	else if (twice_sorted(object, count, &twice))
		return fail_rc(err, E_BUSY);
	if (twice)
		return fail(err, E_HTTP_BAD, "not valid JSON: the member \"%.100s\" occurs twice", twice);
	return OK;
}

/* The next number in the text of a document that has one more. Without an exponent or a fraction? */
static bool next_is_integer(struct str *rest)
{
	bool in_string = false, is_integer = true;
	size_t i = 0;

	for (; in_string || (rest->p[i] != '-' && !ascii_is_digit(rest->p[i])); i++) {
		if (in_string && rest->p[i] == '\\')
			i++;
		else if (rest->p[i] == '"')
			in_string = !in_string;
	}
	for (; i < rest->n && str_has(STR("0123456789+-.eE"), rest->p[i]); i++)
		is_integer = is_integer && !str_has(STR(".eE"), rest->p[i]);
	*rest = str_from(*rest, i);
	return is_integer;
}

/* What the grammar cannot say, and what cJSON does not keep: valueint tells how a number was written; it is not read as
 * a value. The tree has its numbers in the text's order. Recursion ends at JSON_DEPTH_MAX. */
static enum rc check_tree(cJSON *n, struct str *rest, struct err *err)
{
	if (cJSON_IsNumber(n) && !isfinite(n->valuedouble))
		return fail(err, E_HTTP_BAD, "not valid JSON: a number is too large");
	if (cJSON_IsNumber(n))
		n->valueint = next_is_integer(rest);
	if (cJSON_IsObject(n))
		TRY(check_names(n, err));
	for (cJSON *c = n->child; c; c = c->next)
		TRY(check_tree(c, rest, err));
	return OK;
}

/* What a document takes is noted in the root's valueint, which cJSON leaves 0 in arrays and objects. */
static bool can_note(const cJSON *root)
{
	return cJSON_IsArray(root) || cJSON_IsObject(root);
}

enum rc json_parse(struct str text, struct json **out, struct err *err)
{
	size_t memory;
	cJSON *root;
	enum rc rc;

	TRY(json_scan(text, &memory, err));
	if (memory <= SMALL_BYTES)
		memory = 0;
	take_memory(memory);
	root = cJSON_ParseWithLength(text.p, text.n);
	if (root && can_note(root))
		root->valueint = (int)memory;
	else
		give_memory(memory); /* a lone string is what its text is, which the caller has too */
	if (!root)
		return fail(err, E_BUSY, "no memory to read JSON of %zu bytes", text.n);
	rc = check_tree(root, &text, err);
	if (rc)
		json_free((struct json *)root);
	else
		*out = (struct json *)root;
	return rc;
}

void json_free(struct json *document)
{
	cJSON *root = (cJSON *)document;
	size_t memory = root && can_note(root) ? (size_t)root->valueint : 0;

	cJSON_Delete(root);
	give_memory(memory);
}

/* Recursion ends at JSON_DEPTH_MAX. */
static void wipe_texts(cJSON *n)
{
	if (cJSON_IsString(n))
		explicit_bzero(n->valuestring, strlen(n->valuestring));
	for (cJSON *c = n->child; c; c = c->next)
		wipe_texts(c);
}

void json_free_wiped(struct json *document)
{
	if (document)
		wipe_texts((cJSON *)document);
	json_free(document);
}

const struct json *json_member(const struct json *object, const char *name)
{
	return json_is_object(object) ? value(cJSON_GetObjectItemCaseSensitive(node(object), name)) : NULL;
}

bool json_is_object(const struct json *v)
{
	return cJSON_IsObject(node(v));
}

bool json_is_array(const struct json *v)
{
	return cJSON_IsArray(node(v));
}

bool json_is_string(const struct json *v)
{
	return cJSON_IsString(node(v));
}

bool json_is_null(const struct json *v)
{
	return cJSON_IsNull(node(v));
}

struct str json_string(const struct json *v)
{
	return json_is_string(v) ? str_of(node(v)->valuestring) : STR_NONE;
}

bool json_floor(const struct json *v, uint64_t *out)
{
	static const double max = 9007199254740991.0; /* 2^53 - 1 */
	double d;

	if (!cJSON_IsNumber(node(v)))
		return false;
	d = floor(node(v)->valuedouble);
	if (d < 0 || d > max)
		return false;
	*out = (uint64_t)d;
	return true;
}

bool json_u64(const struct json *v, uint64_t *out)
{
	uint64_t n;

	if (!json_floor(v, &n) || (double)n != node(v)->valuedouble)
		return false;
	*out = n;
	return true;
}

bool json_integer(const struct json *v, uint64_t *out)
{
	return cJSON_IsNumber(node(v)) && node(v)->valueint && json_u64(v, out);
}

bool json_bool(const struct json *v, bool *out)
{
	if (!cJSON_IsBool(node(v)))
		return false;
	*out = cJSON_IsTrue(node(v));
	return true;
}

size_t json_count(const struct json *array_or_object)
{
	size_t count = 0;

	for (const struct json *e = json_first(array_or_object); e; e = json_next(e))
		count++;
	return count;
}

const struct json *json_first(const struct json *array_or_object)
{
	return array_or_object ? value(node(array_or_object)->child) : NULL;
}

const struct json *json_next(const struct json *v)
{
	return value(node(v)->next);
}

struct str json_name(const struct json *v)
{
	return v ? str_of(node(v)->string) : STR_NONE;
}

/* Whole numbers as such; others with as many digits as bring the same double back. */
static void write_number(struct buf *b, double d)
{
	if (floor(d) == d && fabs(d) < 1e15)
		buf_addf(b, "%.0f", d);
	else
		buf_addf(b, "%.17g", d);
}

static void write_scalar(struct buf *b, const cJSON *n)
{
	if (cJSON_IsString(n))
		json_put_str(b, str_of(n->valuestring));
	else if (cJSON_IsNumber(n))
		write_number(b, n->valuedouble);
	else
		buf_addz(b, cJSON_IsTrue(n) ? "true" : cJSON_IsFalse(n) ? "false" : "null");
}

void json_write(struct buf *b, const struct json *v)
{
	bool is_object = json_is_object(v);

	if (!is_object && !json_is_array(v)) {
		write_scalar(b, node(v));
		return;
	}
	buf_addc(b, is_object ? '{' : '[');
	for (const struct json *e = json_first(v); e; e = json_next(e)) {
		if (e != json_first(v))
			buf_addc(b, ',');
		if (is_object) {
			json_put_str(b, json_name(e));
			buf_addc(b, ':');
		}
		json_write(b, e);
	}
	buf_addc(b, is_object ? '}' : ']');
}
