/* end-1: GET /v2/: "this is a registry, and your credential is good". */
#include "handlers.h"

enum rc base_check(struct exchange *x)
{
	return reply_bytes(x, 200, "application/json", STR("{}"));
}
