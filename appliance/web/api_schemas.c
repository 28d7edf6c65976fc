/* The members of request bodies and replies. Times are seconds since the epoch; 0 means never. */
#include "api.h"

#define GRANTS(help)                                                                                                   \
	{                                                                                                              \
		"grants", API_LIST, 0, &schema_grant, help                                                             \
	}
#define PATTERN                                                                                                        \
	{                                                                                                              \
		"pattern", API_TEXT, 0, NULL,                                                                          \
		    "matches full repository names: * matches any characters except /, ** any characters"              \
	}
#define ACTIONS                                                                                                        \
	{                                                                                                              \
		"actions", API_TEXT, 0, NULL,                                                                          \
		    "pull, push, delete, separated by commas; or * (all three), admin or none"                         \
	}

const struct api_schema schema_grant = {"Grant", {PATTERN, ACTIONS}};

#define USER_MEMBERS                                                                                                   \
	{"name", API_TEXT, 0, NULL, "[a-z0-9][a-z0-9._-]*"},                                                           \
	    {"kind", API_TEXT, 0, NULL, "person, robot or issuer rule"},                                               \
	    {"enabled", API_BOOL, 0, NULL, "false: the password, keys and tokens of this user are refused"},           \
	    {"has_password", API_BOOL, 0, NULL, ""}, {"created_at", API_NUMBER, 0, NULL, ""},                          \
	{                                                                                                              \
		"last_login_at", API_NUMBER, 0, NULL, ""                                                               \
	}
const struct api_schema schema_user = {"User", {USER_MEMBERS}};
const struct api_schema schema_user_full = {"UserWithRights",
    {USER_MEMBERS, {"keys", API_NUMBER, 0, NULL, "the number of keys that are neither expired nor revoked"},
	{"roles", API_TEXTS, 0, NULL, ""}, GRANTS("the user's own grants, in addition to those of the roles")}};
const struct api_schema schema_users = {"Users",
    {{"users", API_LIST, 0, &schema_user, "ordered by name"},
	{"next", API_TEXT, API_OPTIONAL, NULL, "the value of `last` for the next page; absent on the last page"}}};
const struct api_schema schema_user_new = {"NewUser",
    {{"name", API_TEXT, 0, NULL, ""},
	{"password", API_SECRET, API_OPTIONAL, NULL, "required for a person; a robot has no password, only keys"},
	{"robot", API_BOOL, API_OPTIONAL, NULL, ""}}};
const struct api_schema schema_user_change = {
    "UserChange", {{"enabled", API_BOOL, API_OPTIONAL, NULL, ""},
		      {"password", API_SECRET, API_OPTIONAL, NULL, "revokes all tokens of the user"}}};

#define ROLE_MEMBERS                                                                                                   \
	{"name", API_TEXT, 0, NULL, ""}, {"built_in", API_BOOL, 0, NULL, "it cannot be changed or removed"},           \
	    {"created_at", API_NUMBER, 0, NULL, ""},                                                                   \
	{                                                                                                              \
		"users", API_NUMBER, 0, NULL, "the number of users that have it"                                       \
	}
const struct api_schema schema_role = {"Role", {ROLE_MEMBERS}};
const struct api_schema schema_role_full = {"RoleWithGrants", {ROLE_MEMBERS, GRANTS("")}};
const struct api_schema schema_roles = {"Roles",
    {{"roles", API_LIST, 0, &schema_role, "ordered by name"},
	{"next", API_TEXT, API_OPTIONAL, NULL, "the value of `last` for the next page; absent on the last page"}}};
const struct api_schema schema_named = {"NewRole", {{"name", API_TEXT, 0, NULL, ""}}};

const struct api_schema schema_key = {
    "Key", {{"id", API_NUMBER, 0, NULL, ""}, {"label", API_TEXT, 0, NULL, ""}, {"created_at", API_NUMBER, 0, NULL, ""},
	       {"expires_at", API_NUMBER, 0, NULL, ""}, {"last_used_at", API_NUMBER, 0, NULL, ""},
	       {"revoked", API_BOOL, 0, NULL, ""},
	       GRANTS("limit what the key may do; empty: everything that its user may do")}};
const struct api_schema schema_keys = {"Keys",
    {{"keys", API_LIST, 0, &schema_key, "ordered by id"},
	{"next", API_TEXT, API_OPTIONAL, NULL, "the value of `last` for the next page; absent on the last page"}}};
const struct api_schema schema_key_new = {
    "NewKey", {{"label", API_TEXT, API_OPTIONAL, NULL, "a name for people to read"},
		  {"expires_at", API_NUMBER, API_OPTIONAL, NULL, ""},
		  {"grants", API_LIST, API_OPTIONAL, &schema_grant,
		      "limit what the key may do; empty: everything that its user may do"}}};
const struct api_schema schema_key_made = {
    "KeyMade", {{"id", API_NUMBER, 0, NULL, ""},
		   {"key", API_TEXT, 0, NULL, "use it as the user's password; it is never shown again"}}};

const struct api_schema schema_me = {
    "Me", {{"name", API_TEXT, 0, NULL, ""}, {"admin", API_BOOL, 0, NULL, "the user may use the rest of this API"},
	      {"key_id", API_NUMBER, 0, NULL, "the key that authenticated this request; 0: the password"},
	      {"key_grants", API_LIST, 0, &schema_grant, "limit what that key may do; empty: no limit"},
	      {"roles", API_TEXTS, 0, NULL, ""}, GRANTS("the user's own grants, in addition to those of the roles")}};
const struct api_schema schema_password_change = {
    "PasswordChange", {{"old", API_SECRET, 0, NULL, ""}, {"password", API_SECRET, 0, NULL, "the new password"}}};
const struct api_schema schema_password_changed = {"PasswordChanged",
    {{"keys", API_NUMBER, 0, NULL, "the number of keys that still work; DELETE /me/keys revokes them"}}};
const struct api_schema schema_password = {
    "Password", {{"password", API_SECRET, 0, NULL, "an empty text removes the password"}}};
const struct api_schema schema_decision = {"Decision",
    {{"may", API_BOOL, 0, NULL, ""}, {"why", API_TEXTS, 0, NULL, "the reasons, as lines for a person to read"}}};
const struct api_schema schema_audit_entry = {"AuditEntry",
    {{"id", API_NUMBER, 0, NULL, ""}, {"at", API_NUMBER, 0, NULL, ""},
	{"user", API_TEXT, 0, NULL, "the user who acted"}, {"peer", API_TEXT, 0, NULL, "the address of the client"},
	{"action", API_TEXT, 0, NULL, "a noun, a dot and a verb"},
	{"object", API_TEXT, 0, NULL, "the object of the action"}, {"detail", API_TEXT, 0, NULL, ""},
	{"refused", API_BOOL, 0, NULL, ""},
	{"count", API_NUMBER, 0, NULL, "how often it happened within a minute from `at`"}}};
const struct api_schema schema_audit = {"Audit",
    {{"entries", API_LIST, 0, &schema_audit_entry, "newest first"},
	{"next", API_NUMBER, API_OPTIONAL, NULL, "the value of `before` for the next page; absent on the last page"}}};

const struct api_schema schema_upstream = {"UpstreamStatus",
    {{"reachable", API_BOOL, 0, NULL, "the upstream answers, and requests for several repositories did not all fail"},
	{"failure", API_TEXT, 0, NULL, "the last failure"},
	{"failed_at", API_NUMBER, 0, NULL, "when the failures began"},
	{"failed_until", API_NUMBER, 0, NULL, "cove does not ask the upstream before this time"},
	{"limit_remaining", API_NUMBER, API_OPTIONAL, NULL, "the pulls that the upstream's rate limit still allows"},
	{"limit_total", API_NUMBER, API_OPTIONAL, NULL, ""},
	{"limit_at", API_NUMBER, API_OPTIONAL, NULL, "when the upstream reported its limit"}}};
const struct api_schema schema_namespace = {"Namespace",
    {{"name", API_TEXT, 0, NULL, "the root namespace is /"}, {"kind", API_TEXT, 0, NULL, "hosted, proxy or group"},
	{"declared", API_BOOL, 0, NULL, "declared in cove.yaml; it can be changed only there"},
	{"created_at", API_NUMBER, 0, NULL, ""},
	{"used_bytes", API_NUMBER, 0, NULL, "the size of its content, with each blob counted once"},
	{"attributes", API_TEXT_MAP, 0, NULL, "see NamespaceAttributes"},
	{"has_password", API_BOOL, API_OPTIONAL, NULL, "whether a password for the upstream is set"},
	{"password_expires_at", API_NUMBER, API_OPTIONAL, NULL, "when the password expires, if the password states it"},
	{"upstream", API_OBJECT, API_OPTIONAL, &schema_upstream, "the state of a proxy's upstream"},
	{"warnings", API_TEXTS, API_OPTIONAL, NULL, "after a change: reasons why the namespace does not work yet"}}};
const struct api_schema schema_namespaces = {
    "Namespaces", {{"namespaces", API_LIST, 0, &schema_namespace, "ordered by name"}}};
const struct api_schema schema_namespace_new = {
    "NewNamespace", {{"name", API_TEXT, 0, NULL, "lower-case path segments, such as team/app"},
			{"kind", API_TEXT, 0, NULL, "hosted, proxy or group"},
			{"attributes", API_TEXT_MAP, API_OPTIONAL, NULL, "see NamespaceAttributes"}}};
const struct api_schema schema_namespace_change = {
    "NamespaceChange", {{"attributes", API_TEXT_MAP, 0, NULL, "an empty text restores the default"}}};

const struct api_schema schema_rule = {"Rule",
    {{"name", API_TEXT, 0, NULL, ""}, {"user", API_TEXT, 0, NULL, "the user whose roles and grants the rule gives"},
	{"enabled", API_BOOL, 0, NULL, "whether that user is enabled"},
	{"conditions", API_TEXT_MAP, 0, NULL, "claims and their patterns; all must match"},
	{"roles", API_TEXTS, 0, NULL, "the roles of that user"}}};
const struct api_schema schema_rule_new = {
    "NewRule", {{"name", API_TEXT, 0, NULL, ""},
		   {"conditions", API_TEXT_MAP, 0, NULL, "claims and their patterns; all must match"},
		   {"roles", API_TEXTS, API_OPTIONAL, NULL, ""}}};
#define ISSUER_MEMBERS                                                                                                 \
	{"name", API_TEXT, 0, NULL, ""}, {"url", API_TEXT, 0, NULL, "the exact value of the claim iss"},               \
	    {"audience", API_TEXT, 0, NULL, "the value that the claim aud must contain"},                              \
	    {"jwks_url", API_TEXT, 0, NULL, ""},                                                                       \
	    {"keys_given", API_BOOL, 0, NULL, "true: the keys were given; false: cove fetches them"},                  \
	{                                                                                                              \
		"created_at", API_NUMBER, 0, NULL, ""                                                                  \
	}
const struct api_schema schema_issuer = {"Issuer", {ISSUER_MEMBERS}};
const struct api_schema schema_issuer_full = {"IssuerWithRules",
    {ISSUER_MEMBERS, {"rules", API_LIST, 0, &schema_rule, "cove takes the first rule that matches"}}};
const struct api_schema schema_issuers = {"Issuers", {{"issuers", API_LIST, 0, &schema_issuer, ""}}};
const struct api_schema schema_issuer_new = {"NewIssuer",
    {{"name", API_TEXT, 0, NULL, ""}, {"url", API_TEXT, 0, NULL, "the exact value of the claim iss"},
	{"audience", API_TEXT, 0, NULL, ""}, {"jwks_url", API_TEXT, API_OPTIONAL, NULL, ""},
	{"jwks", API_TEXT, API_OPTIONAL, NULL, "the keys: a JSON Web Key Set as text"},
	{"ca", API_TEXT, API_OPTIONAL, NULL, "CA certificates (PEM) to trust in addition to the public CAs"}}};
const struct api_schema schema_issuer_keys = {
    "IssuerKeys", {{"jwks", API_TEXT, 0, NULL, "a JSON Web Key Set as text"}}};

const struct api_schema schema_blob_store = {
    "BlobStore", {{"name", API_TEXT, 0, NULL, ""}, {"path", API_TEXT, 0, NULL, ""}, {"blobs", API_NUMBER, 0, NULL, ""},
		     {"bytes", API_NUMBER, 0, NULL, ""}, {"free_bytes", API_NUMBER, 0, NULL, ""},
		     {"failure", API_TEXT, 0, NULL, "why the blob store cannot be used now; empty: it can be used"}}};
const struct api_schema schema_blob_stores = {"BlobStores", {{"blob_stores", API_LIST, 0, &schema_blob_store, ""}}};
const struct api_schema schema_blob_store_new = {"NewBlobStore",
    {{"name", API_TEXT, 0, NULL, ""}, {"path", API_TEXT, 0, NULL, "an existing directory on a mounted disk"}}};
const struct api_schema schema_status = {
    "Status", {{"version", API_TEXT, 0, NULL, ""}, {"address", API_TEXT, 0, NULL, "host and port"},
		  {"started_at", API_NUMBER, 0, NULL, ""}, {"uptime_s", API_NUMBER, 0, NULL, ""},
		  {"users", API_NUMBER, 0, NULL, "the number of users, without anonymous"},
		  {"namespaces", API_NUMBER, 0, NULL, ""},
		  {"used_bytes", API_NUMBER, 0, NULL, "the size of the content of all namespaces"},
		  {"ca_fingerprint", API_TEXT, 0, NULL,
		      "the SHA-256 of the CA certificate; empty: the owner has set a certificate"}}};
