/* conditions: If-Match and If-None-Match (RFC 9110 §13.1). Pure. */
#pragma once
#include <cove/http/head.h>

/* Is it that entity tag (etag: without quotes, never weak)? */
bool etag_is(struct str tag, struct str etag);
/* Does If-None-Match (a list of entity tags, or an asterisk) match this tag? */
bool etag_list_has(struct str list, struct str etag);
enum precondition { PRECONDITION_HOLDS, PRECONDITION_FAILED, PRECONDITION_NONE_MATCH /* 304 to who reads */ };
/* exists: the target has content now; etag: its tag, empty when it has none. */
enum precondition precondition_judge(const struct head *head, bool exists, struct str etag);
