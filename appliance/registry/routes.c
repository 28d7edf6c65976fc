/*
 * The endpoint table of the distribution spec ("Endpoints"), in its order, with its ids. Rows without an id of the spec
 * are the Docker API's.
 */
#include "handlers.h"

#define NAME "/v2/<name>"

const struct route registry_routes[] = {
    {"end-1", METHOD_GET, "/v2/", ACCESS_TOKEN, BODY_NONE, 0, 0, NULL, base_check},
    {"end-1", METHOD_GET, "/v2", ACCESS_TOKEN, BODY_NONE, 0, 0, NULL, base_check},
    {"end-2", METHOD_GET, NAME "/blobs/<digest>", ACCESS_PULL, BODY_NONE, 0, ROUTE_BEFORE_PUSH, NULL, blob_get},
    {"end-3", METHOD_GET, NAME "/manifests/<reference>", ACCESS_PULL, BODY_NONE, 0, ROUTE_LARGE, NULL, manifest_get},
    {"end-4", METHOD_POST, NAME "/blobs/uploads/", ACCESS_PUSH, BODY_STREAMED, 0, 0, upload_post_before, upload_post},
    {"end-4", METHOD_POST, NAME "/blobs/uploads", ACCESS_PUSH, BODY_STREAMED, 0, 0, upload_post_before, upload_post},
    {"end-5", METHOD_PATCH, NAME "/blobs/uploads/<id>", ACCESS_PUSH, BODY_STREAMED, 0, 0, upload_bytes_before,
	upload_patch},
    {"end-6", METHOD_PUT, NAME "/blobs/uploads/<id>", ACCESS_PUSH, BODY_STREAMED, 0, 0, upload_put_before, upload_put},
    {"end-7", METHOD_PUT, NAME "/manifests/<reference>", ACCESS_PUSH, BODY_BUFFERED, MANIFEST_MAX, ROUTE_LARGE, NULL,
	manifest_upload},
    {"end-8", METHOD_GET, NAME "/tags/list", ACCESS_PULL, BODY_NONE, 0, ROUTE_LARGE, NULL, tags_get},
    {"end-9", METHOD_DELETE, NAME "/manifests/<reference>", ACCESS_DELETE, BODY_NONE, 0, 0, NULL, manifest_remove},
    {"end-10", METHOD_DELETE, NAME "/blobs/<digest>", ACCESS_DELETE, BODY_NONE, 0, 0, NULL, blob_remove},
    {"end-12", METHOD_GET, NAME "/referrers/<digest>", ACCESS_PULL, BODY_NONE, 0, ROUTE_LARGE, NULL, referrers_get},
    {"end-13", METHOD_GET, NAME "/blobs/uploads/<id>", ACCESS_PUSH, BODY_NONE, 0, 0, NULL, upload_status},
    {"end-14", METHOD_DELETE, NAME "/blobs/uploads/<id>", ACCESS_PUSH, BODY_NONE, 0, 0, NULL, upload_abandon},
    {"catalog", METHOD_GET, "/v2/_catalog", ACCESS_CATALOG, BODY_NONE, 0, ROUTE_LARGE, NULL, catalog_get},
    ROUTES_END,
};
