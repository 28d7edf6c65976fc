/* The table of subcommands, nothing else. */
#include <cove/cli.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "help";

	for (const struct command *c = commands; c->name; c++)
		if (strcmp(name, c->name) == 0)
			return c->run(argc > 2 ? argc - 2 : 0, argv + 2);
	fprintf(stderr, "cove: there is no command '%s'; `cove help` lists them\n", name);
	return CLI_USAGE;
}
