/*
 * cli: the subcommands. They turn arguments into a call and print results on stdout, everything else on stderr. Exit
 * status 0: done; 1: failed (for `cove can`: no); 2: wrong usage.
 */
#pragma once

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* the words after the name */
	const char *line;                  /* for `cove help` */
	const char *help;                  /* for `cove help NAME` */
};

/* In the order of the help; ends with a row without name. */
extern const struct command commands[];
