/* What bodies and replies have. Times are seconds since the epoch, 0: never. */
#include "api.h"

#define GRANTS(help)                                                                                                   \
	{                                                                                                              \
		"grants", API_LIST, 0, &schema_grant, help                                                             \
	}
#define PATTERN                                                                                                        \
	{                                                                                                              \
		"pattern", API_TEXT, 0, NULL, "of full repository names: * within a segment, ** any run"               \
	}
#define ACTIONS                                                                                                        \
	{                                                                                                              \
		"actions", API_TEXT, 0, NULL, "pull, push, delete, separated by commas; * (all three), admin, none"    \
	}

const struct api_schema schema_grant = {"Grant", {PATTERN, ACTIONS}};

#define USER_MEMBERS                                                                                                   \
	{"name", API_TEXT, 0, NULL, "[a-z0-9][a-z0-9._-]*"},                                                           \
	    {"kind", API_TEXT, 0, NULL, "person, robot, issuer rule"},                                                 \
	    {"enabled", API_BOOL, 0, NULL, "disabled: nothing counts that proves to be this user"},                    \
	    {"has_password", API_BOOL, 0, NULL, ""}, {"created_at", API_NUMBER, 0, NULL, ""},                          \
	{                                                                                                              \
		"last_login_at", API_NUMBER, 0, NULL, ""                                                               \
	}
const struct api_schema schema_user = {"User", {USER_MEMBERS}};
const struct api_schema schema_user_full = {
    "UserWithRights", {USER_MEMBERS, {"keys", API_NUMBER, 0, NULL, "that work"}, {"roles", API_TEXTS, 0, NULL, ""},
			  GRANTS("beside those of the roles")}};
const struct api_schema schema_users = {
    "Users", {{"users", API_LIST, 0, &schema_user, "ordered by name"},
		 {"next", API_TEXT, API_OPTIONAL, NULL, "there are more: value of `last` for the next page"}}};
const struct api_schema schema_user_new = {
    "NewUser", {{"name", API_TEXT, 0, NULL, ""},
		   {"password", API_SECRET, API_OPTIONAL, NULL, "of a person; a robot has none, only keys"},
		   {"robot", API_BOOL, API_OPTIONAL, NULL, ""}}};
const struct api_schema schema_user_change = {
    "UserChange", {{"enabled", API_BOOL, API_OPTIONAL, NULL, ""},
		      {"password", API_SECRET, API_OPTIONAL, NULL, "ends tokens of the user"}}};

#define ROLE_MEMBERS                                                                                                   \
	{"name", API_TEXT, 0, NULL, ""}, {"built_in", API_BOOL, 0, NULL, "stays as it is"},                            \
	    {"created_at", API_NUMBER, 0, NULL, ""},                                                                   \
	{                                                                                                              \
		"users", API_NUMBER, 0, NULL, "how many have it"                                                       \
	}
const struct api_schema schema_role = {"Role", {ROLE_MEMBERS}};
const struct api_schema schema_role_full = {"RoleWithGrants", {ROLE_MEMBERS, GRANTS("")}};
const struct api_schema schema_roles = {
    "Roles", {{"roles", API_LIST, 0, &schema_role, "ordered by name"},
		 {"next", API_TEXT, API_OPTIONAL, NULL, "there are more: value of `last` for the next page"}}};
const struct api_schema schema_named = {"NewRole", {{"name", API_TEXT, 0, NULL, ""}}};

const struct api_schema schema_key = {
    "Key", {{"id", API_NUMBER, 0, NULL, ""}, {"label", API_TEXT, 0, NULL, ""}, {"created_at", API_NUMBER, 0, NULL, ""},
	       {"expires_at", API_NUMBER, 0, NULL, ""}, {"last_used_at", API_NUMBER, 0, NULL, ""},
	       {"revoked", API_BOOL, 0, NULL, ""}, GRANTS("what it may do at most; none: all that its user may")}};
const struct api_schema schema_keys = {
    "Keys", {{"keys", API_LIST, 0, &schema_key, "ordered by id"},
		{"next", API_TEXT, API_OPTIONAL, NULL, "there are more: value of `last` for the next page"}}};
const struct api_schema schema_key_new = {"NewKey",
    {{"label", API_TEXT, API_OPTIONAL, NULL, "for people"}, {"expires_at", API_NUMBER, API_OPTIONAL, NULL, ""},
	{"grants", API_LIST, API_OPTIONAL, &schema_grant,
	    "what it may do at most, of what its user may; none: all that"}}};
const struct api_schema schema_key_made = {
    "KeyMade", {{"id", API_NUMBER, 0, NULL, ""},
		   {"key", API_TEXT, 0, NULL, "is used as the user's password; it is never shown again"}}};

const struct api_schema schema_me = {
    "Me", {{"name", API_TEXT, 0, NULL, ""}, {"admin", API_BOOL, 0, NULL, "may use the rest of this API"},
	      {"key_id", API_NUMBER, 0, NULL, "the key that was shown; 0: the password"},
	      {"key_grants", API_LIST, 0, &schema_grant, "what that key may do at most; none: all"},
	      {"roles", API_TEXTS, 0, NULL, ""}, GRANTS("beside those of the roles")}};
const struct api_schema schema_password_change = {
    "PasswordChange", {{"old", API_SECRET, 0, NULL, ""}, {"password", API_SECRET, 0, NULL, "the new one"}}};
const struct api_schema schema_password_changed = {
    "PasswordChanged", {{"keys", API_NUMBER, 0, NULL, "keys that still work: DELETE /me/keys ends them"}}};
const struct api_schema schema_password = {"Password", {{"password", API_SECRET, 0, NULL, "empty: none"}}};
const struct api_schema schema_decision = {
    "Decision", {{"may", API_BOOL, 0, NULL, ""}, {"why", API_TEXTS, 0, NULL, "lines for a person"}}};
const struct api_schema schema_audit_entry = {"AuditEntry",
    {{"id", API_NUMBER, 0, NULL, ""}, {"at", API_NUMBER, 0, NULL, ""}, {"user", API_TEXT, 0, NULL, "who acts"},
	{"peer", API_TEXT, 0, NULL, "the client's address"}, {"action", API_TEXT, 0, NULL, "noun.verb"},
	{"object", API_TEXT, 0, NULL, "what it is done to"}, {"detail", API_TEXT, 0, NULL, ""},
	{"refused", API_BOOL, 0, NULL, ""}, {"count", API_NUMBER, 0, NULL, "times within a minute from `at` on"}}};
const struct api_schema schema_audit = {
    "Audit", {{"entries", API_LIST, 0, &schema_audit_entry, "newest first"},
		 {"next", API_NUMBER, API_OPTIONAL, NULL, "there are more: value of `before` for the next page"}}};

const struct api_schema schema_upstream = {"UpstreamStatus",
    {{"reachable", API_BOOL, 0, NULL, "nothing keeps it from being asked; single contents may fail all the same"},
	{"failure", API_TEXT, 0, NULL, "the last one"}, {"failed_at", API_NUMBER, 0, NULL, "since when it fails"},
	{"failed_until", API_NUMBER, 0, NULL, "it is not asked before"},
	{"limit_remaining", API_NUMBER, API_OPTIONAL, NULL, "pulls that its rate limit leaves"},
	{"limit_total", API_NUMBER, API_OPTIONAL, NULL, ""},
	{"limit_at", API_NUMBER, API_OPTIONAL, NULL, "when that was told"}}};
const struct api_schema schema_namespace = {"Namespace",
    {{"name", API_TEXT, 0, NULL, "/ is the root"}, {"kind", API_TEXT, 0, NULL, "hosted, proxy, group"},
	{"declared", API_BOOL, 0, NULL, "by cove.yaml: changed there only"}, {"created_at", API_NUMBER, 0, NULL, ""},
	{"used_bytes", API_NUMBER, 0, NULL, "what it holds, each blob once"},
	{"attributes", API_TEXT_MAP, 0, NULL, "see NamespaceAttributes"},
	{"has_password", API_BOOL, API_OPTIONAL, NULL, "for the upstream of a proxy"},
	{"password_expires_at", API_NUMBER, API_OPTIONAL, NULL, "where the password itself tells it"},
	{"upstream", API_OBJECT, API_OPTIONAL, &schema_upstream, "of a proxy"},
	{"warnings", API_TEXTS, API_OPTIONAL, NULL, "after a change: what cannot work as it is"}}};
const struct api_schema schema_namespaces = {
    "Namespaces", {{"namespaces", API_LIST, 0, &schema_namespace, "ordered by name"}}};
const struct api_schema schema_namespace_new = {
    "NewNamespace", {{"name", API_TEXT, 0, NULL, "path segments"}, {"kind", API_TEXT, 0, NULL, "hosted, proxy, group"},
			{"attributes", API_TEXT_MAP, API_OPTIONAL, NULL, "see NamespaceAttributes"}}};
const struct api_schema schema_namespace_change = {
    "NamespaceChange", {{"attributes", API_TEXT_MAP, 0, NULL, "an empty text sets the default"}}};

const struct api_schema schema_rule = {"Rule",
    {{"name", API_TEXT, 0, NULL, ""}, {"user", API_TEXT, 0, NULL, "with the roles and grants that the rule gives"},
	{"enabled", API_BOOL, 0, NULL, "is that user"},
	{"conditions", API_TEXT_MAP, 0, NULL, "patterns of claims; all must fit"},
	{"roles", API_TEXTS, 0, NULL, "of that user"}}};
const struct api_schema schema_rule_new = {"NewRule",
    {{"name", API_TEXT, 0, NULL, ""}, {"conditions", API_TEXT_MAP, 0, NULL, "patterns of claims; all must fit"},
	{"roles", API_TEXTS, API_OPTIONAL, NULL, ""}}};
#define ISSUER_MEMBERS                                                                                                 \
	{"name", API_TEXT, 0, NULL, ""}, {"url", API_TEXT, 0, NULL, "the claim iss, exactly"},                         \
	    {"audience", API_TEXT, 0, NULL, "that the claim aud must have"}, {"jwks_url", API_TEXT, 0, NULL, ""},      \
	    {"keys_given", API_BOOL, 0, NULL, "they are not asked for"},                                               \
	{                                                                                                              \
		"created_at", API_NUMBER, 0, NULL, ""                                                                  \
	}
const struct api_schema schema_issuer = {"Issuer", {ISSUER_MEMBERS}};
const struct api_schema schema_issuer_full = {
    "IssuerWithRules", {ISSUER_MEMBERS, {"rules", API_LIST, 0, &schema_rule, "the first that fits counts"}}};
const struct api_schema schema_issuers = {"Issuers", {{"issuers", API_LIST, 0, &schema_issuer, ""}}};
const struct api_schema schema_issuer_new = {
    "NewIssuer", {{"name", API_TEXT, 0, NULL, ""}, {"url", API_TEXT, 0, NULL, "the claim iss, exactly"},
		     {"audience", API_TEXT, 0, NULL, ""}, {"jwks_url", API_TEXT, API_OPTIONAL, NULL, ""},
		     {"jwks", API_TEXT, API_OPTIONAL, NULL, "the keys themselves, a JSON document as text"},
		     {"ca", API_TEXT, API_OPTIONAL, NULL, "PEM: trusted beside the public CAs"}}};
const struct api_schema schema_issuer_keys = {"IssuerKeys", {{"jwks", API_TEXT, 0, NULL, "a JSON document as text"}}};

const struct api_schema schema_blob_store = {
    "BlobStore", {{"name", API_TEXT, 0, NULL, ""}, {"path", API_TEXT, 0, NULL, ""}, {"blobs", API_NUMBER, 0, NULL, ""},
		     {"bytes", API_NUMBER, 0, NULL, ""}, {"free_bytes", API_NUMBER, 0, NULL, ""},
		     {"failure", API_TEXT, 0, NULL, "why it cannot be used now; empty: it can"}}};
const struct api_schema schema_blob_stores = {"BlobStores", {{"blob_stores", API_LIST, 0, &schema_blob_store, ""}}};
const struct api_schema schema_blob_store_new = {"NewBlobStore",
    {{"name", API_TEXT, 0, NULL, ""}, {"path", API_TEXT, 0, NULL, "a directory that is there, on a mounted disk"}}};
const struct api_schema schema_status = {
    "Status", {{"version", API_TEXT, 0, NULL, ""}, {"address", API_TEXT, 0, NULL, "host and port"},
		  {"started_at", API_NUMBER, 0, NULL, ""}, {"uptime_s", API_NUMBER, 0, NULL, ""},
		  {"users", API_NUMBER, 0, NULL, "without anonymous"}, {"namespaces", API_NUMBER, 0, NULL, ""},
		  {"used_bytes", API_NUMBER, 0, NULL, "of all namespaces"},
		  {"ca_fingerprint", API_TEXT, 0, NULL, "SHA-256; empty: the certificate is the owner's"}}};
