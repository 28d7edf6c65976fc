/* declare: the namespaces of cove.yaml, from its rows to what namespace/ takes. */
#include <cove/app/app.h>
#include <stdlib.h>

struct list {
	struct declaration *items;
	struct attribute *attributes;
	size_t count, attribute_count;
};

static enum rc fail_at(
    const struct config *c, const struct config_row *row, enum rc rc, const char *why, struct err *err)
{
	return fail(err, rc == E_BUSY ? rc : E_CONFIG, "%s:%zu: %.300s", c->file, row->line, why);
}

static enum rc add_row(const struct config *c, const struct config_row *row, struct list *l, struct err *err)
{
	struct declaration *d = &l->items[l->count - 1];
	struct attribute *a = &l->attributes[l->attribute_count];
	struct err why;
	enum rc rc;

	if (str_eq(str_of(row->key), STR("kind")))
		return OK;
	*a = (struct attribute){str_of(row->key), str_of(row->value)};
	rc = namespace_attribute_check(d->name, d->kind, a, &why);
	if (rc)
		return fail_at(c, row, rc, why.text, err);
	l->attribute_count++;
	d->count++;
	return OK;
}

/* The rows of one namespace stand together: it begins at row i. */
static enum rc begin(const struct config *c, const struct config_rows *rows, size_t i, struct list *l, struct err *err)
{
	const struct config_row *row = &rows->items[i];
	struct declaration *d = &l->items[l->count++];

	*d = (struct declaration){.name = str_of(row->name), .attributes = &l->attributes[l->attribute_count]};
	for (size_t k = i; k < rows->count && str_eq(str_of(rows->items[k].name), d->name); k++)
		if (str_eq(str_of(rows->items[k].key), STR("kind"))) {
			if (namespace_kind_parse(str_of(rows->items[k].value), &d->kind))
				return OK;
			return fail_at(c, &rows->items[k], E_CONFIG, "kind must be hosted, proxy or group", err);
		}
	return fail_at(c, row, E_CONFIG, "the namespace has no kind: add kind: hosted, proxy or group", err);
}

static enum rc fill(const struct config *c, const struct config_rows *rows, struct list *l, struct err *err)
{
	for (size_t i = 0; i < rows->count; i++) {
		const struct config_row *row = &rows->items[i];

		if (!i || !str_eq(str_of(row->name), str_of(rows->items[i - 1].name)))
			TRY(begin(c, rows, i, l, err));
		TRY(add_row(c, row, l, err));
	}
	return OK;
}

enum rc app_declare(const struct config *config, struct namespaces *n, bool rehearse, struct err *err)
{
	struct config_rows rows;
	struct list l = {0};
	struct err why;
	enum rc rc;

	TRY(config_namespaces(config, &rows, err));
	l.items = xcalloc(rows.count + 1, sizeof(*l.items));
	l.attributes = xcalloc(rows.count + 1, sizeof(*l.attributes));
	rc = fill(config, &rows, &l, err);
	if (!rc && n) {
		rc = namespaces_declare(n, l.items, l.count, rehearse, &why);
		if (rc)
			rc = fail(err, rc == E_EXISTS || rc == E_NOT_FOUND ? E_USAGE : rc, "%s%s%.300s", config->file,
			    config->file[0] ? ": namespaces: " : "", why.text);
	}
	free(l.items);
	free(l.attributes);
	config_rows_free(&rows);
	return rc;
}
