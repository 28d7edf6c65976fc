/* Finds the subcommand; what else people type for help and version. */
#include <cove/cli/cli.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "help";
	int count = argc > 2 ? argc - 2 : 0;
	char **words = argv + 2;

	signal(SIGXFSZ, SIG_IGN); /* a file over `ulimit -f` is answered as a full disk */
	if (is_help(name)) {
		name = "help";
		count = 0;
	} else if (strcmp(name, "--version") == 0) {
		name = "version";
	}
	for (int i = 2; i < argc && strcmp(name, "help") != 0; i++)
		if (is_help(argv[i])) {
			name = "help";
			count = 1;
			words = argv + 1;
		}
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(name, c->name) == 0)
			return c->run(count, words);
	fprintf(stderr, "cove: the command '%s' does not exist: `cove help` lists all commands\n", name);
	return CLI_USAGE;
}
