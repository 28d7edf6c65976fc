/* cove serve, check, config: the settings, and the server that runs with them. */
#include "commands.h"
#include <cove/base/buf.h>
#include <cove/base/log.h>
#include <cove/net/net.h>
#include <cove/trust/trust.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static void set_log_level(const struct config *config)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};

	for (size_t i = 0; i < 4; i++)
		if (str_eq(str_of(config->log_level), str_of(names[i])))
			log_set_level((enum log_level)i);
}

int cmd_serve(int argc, char **argv)
{
	struct config *config;
	struct err err;
	enum rc rc;

	rc = config_load(argc, argv, &config, &err);
	if (rc)
		return cli_fail(&err);
	set_log_level(config);
	rc = app_serve(config, &err);
	config_free(config);
	return rc ? cli_fail(&err) : CLI_OK;
}

/* The namespaces of the file beside those that are there, as far as a server has run here. */
static enum rc check_namespaces(const struct config *config, struct err *err)
{
	char database[PATH_MAX];
	struct app_data data;
	enum rc rc;

	TRY(app_declare(config, NULL, true, err));
	if ((size_t)snprintf(database, sizeof(database), "%s/cove.db", config->data) >= sizeof(database) ||
	    access(database, F_OK))
		return OK;
	TRY(app_data_open(config, &data, err));
	rc = app_declare(config, data.namespaces, true, err);
	app_data_close(&data);
	if (rc == E_USAGE) /* of the file, not of the command line */
		rc = err->rc = E_CONFIG;
	return rc;
}

/* What a start would trip over, as far as it can be known without starting. */
static enum rc check(const struct config *config, struct err *err)
{
	struct trust_names names;
	char host[256];
	uint16_t port;

	TRY(config_listen(config, host, &port, err));
	if (trust_machine_names(str_of(config->names), &names, err))
		return config_blame(config, "names", err);
	if (access(config->data, F_OK) == 0 && access(config->data, R_OK | W_OK | X_OK))
		return fail_errno(err, E_CONFIG, "the data directory %s cannot be used", config->data);
	if (config->certificate[0]) {
		struct trust_certificate own;
		struct tls_identity *identity;
		enum rc rc;

		crypto_start();
		TRY(app_own_certificate(config, &names, &own, err));
		rc = tls_identity_new(buf_str(&own.chain_pem), buf_str(&own.key_pem), &identity, err);
		trust_certificate_release(&own);
		TRY(rc);
		tls_identity_unref(identity);
	}
	return check_namespaces(config, err);
}

/* --blobs is taken out of the arguments, which are settings else. */
static bool take_blobs_option(int *argc, char **argv)
{
	for (int i = 0; i < *argc; i++)
		if (str_eq(str_of(argv[i]), STR("--blobs"))) {
			for (int k = i; k < *argc - 1; k++)
				argv[k] = argv[k + 1];
			--*argc;
			return true;
		}
	return false;
}

int cmd_check(int argc, char **argv)
{
	bool blobs = take_blobs_option(&argc, argv);
	struct config *config;
	struct err err;
	enum rc rc;

	rc = config_load(argc, argv, &config, &err);
	if (rc)
		return cli_fail(&err);
	rc = blobs ? check_blobs(config, &err) : check(config, &err);
	config_free(config);
	if (rc)
		return cli_fail(&err);
	if (!blobs)
		printf("The settings are valid.\n");
	return CLI_OK;
}

int cmd_config(int argc, char **argv)
{
	struct buf out = BUF_INIT(65536);
	struct config *config;
	struct err err;

	if (argc == 1 && str_eq(str_of(argv[0]), STR("--defaults"))) {
		config_defaults(&out);
	} else {
		if (config_load(argc, argv, &config, &err))
			return cli_fail(&err);
		config_print(config, &out);
		config_free(config);
	}
	printf("%.*s", STR_ARG(buf_str(&out)));
	buf_release(&out);
	return CLI_OK;
}
