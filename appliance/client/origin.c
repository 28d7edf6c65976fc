/* origin: who an address belongs to, as libcurl reads it and no other way: what is sent there must not go elsewhere. */
#include "transfer.h"
#include <stdio.h>

static bool has_part(CURLU *url, CURLUPart part)
{
	char *value = NULL;
	bool has = curl_url_get(url, part, &value, 0) == CURLUE_OK;

	curl_free(value);
	return has;
}

bool client_origin(struct str address, char out[static ORIGIN_MAX])
{
	char *text = xstrdup(address), *scheme = NULL, *host = NULL, *port = NULL;
	CURLU *url = curl_url();
	bool ok;
	int n = 0;

	out[0] = '\0';
	ok = url && !curl_url_set(url, CURLUPART_URL, text, 0) && !has_part(url, CURLUPART_USER) &&
	     !has_part(url, CURLUPART_PASSWORD) && !curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) &&
	     !curl_url_get(url, CURLUPART_HOST, &host, 0) &&
	     !curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) &&
	     (str_eq(str_of(scheme), STR("https")) || str_eq(str_of(scheme), STR("http")));
	if (ok)
		n = snprintf(out, ORIGIN_MAX, "%s://%s:%s", scheme, host, port);
	ok = ok && n < ORIGIN_MAX;
	if (!ok)
		out[0] = '\0';
	for (char *p = out; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 'a' - 'A');
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(url);
	free(text);
	return ok;
}
