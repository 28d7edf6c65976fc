/* cove help, version, licenses. */
#include "commands.h"
#include <cove/base/buf.h>
#include <cove/base/embed.h>
#include <stdio.h>

int cmd_version(int argc, char **argv)
{
	(void)argv;
	if (argc)
		return cli_usage("usage: cove version");
	printf("cove %s\n", COVE_VERSION);
	return CLI_OK;
}

int cmd_licenses(int argc, char **argv)
{
	(void)argv;
	if (argc)
		return cli_usage("usage: cove licenses");
	for (size_t i = 0; i < embedded_licenses_count; i++) {
		const struct embedded_file *f = &embedded_licenses[i];

		printf("==== %s ====\n\n%.*s\n\n", f->path, (int)f->size, (const char *)f->bytes);
	}
	return CLI_OK;
}

int cmd_help(int argc, char **argv)
{
	struct buf settings = BUF_INIT(65536);

	for (const struct command *c = commands; argc && c->name; c++)
		if (str_eq(str_of(argv[0]), str_of(c->name))) {
			printf("%s", c->help);
			return CLI_OK;
		}
	if (argc)
		return cli_usage("this command does not exist: `cove help` lists all commands");
	printf("cove: a container registry. Commands:\n\n");
	for (const struct command *c = commands; c->name; c++)
		printf("  %-10s %s\n", c->name, c->line);
	config_help(&settings);
	printf("\n"
	       "`cove help COMMAND` explains a command. All commands take these settings: as a flag, as an environment "
	       "variable\n"
	       "or as a line of cove.yaml. A flag overrides a variable, and a variable overrides the file:\n"
	       "\n"
	       "%.*s",
	    STR_ARG(buf_str(&settings)));
	buf_release(&settings);
	return CLI_OK;
}
