/* Passwords: from the terminal without echo, else one line of stdin. */
#include "commands.h"
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

/* What would end or stop the process in front of a terminal that shows nothing any more. */
static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
#define ENDING_COUNT (sizeof(ending) / sizeof(*ending))

static volatile sig_atomic_t caught;

static void note(int signal)
{
	caught = signal;
}

struct terminal {
	struct termios old;
	struct sigaction actions[ENDING_COUNT];
	bool is_one;
};

/* The signals end the read (no SA_RESTART), and do what they do once the echo is back. */
static void hide(struct terminal *t, const char *prompt)
{
	struct sigaction action = {.sa_handler = note};
	struct termios quiet;

	t->is_one = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &t->old) == 0;
	if (!t->is_one)
		return;
	caught = 0;
	for (size_t i = 0; i < ENDING_COUNT; i++)
		sigaction(ending[i], &action, &t->actions[i]);
	quiet = t->old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	fprintf(stderr, "%s: ", prompt);
}

static void show(const struct terminal *t)
{
	if (!t->is_one)
		return;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &t->old);
	fprintf(stderr, "\n");
	for (size_t i = 0; i < ENDING_COUNT; i++)
		sigaction(ending[i], &t->actions[i], NULL);
	if (caught)
		raise(caught);
}

enum line { LINE, LINE_NONE, LINE_TOO_LONG };

/* One line into line[max], without its end. */
static enum line read_line(char *line, size_t max, size_t *n)
{
	for (*n = 0; *n < max; (*n)++) {
		ssize_t got = read(STDIN_FILENO, line + *n, 1);

		if (got < 0)
			return LINE_NONE;
		if (got == 0 || line[*n] == '\n')
			return got || *n ? LINE : LINE_NONE;
	}
	return LINE_TOO_LONG;
}

static enum rc ask(const char *prompt, struct secret *out, struct err *err)
{
	char line[SECRET_MAX + 2]; /* with the two bytes of an end as Windows makes it */
	struct terminal terminal;
	enum line got;
	bool ok;
	size_t n;

	hide(&terminal, prompt);
	got = read_line(line, sizeof(line), &n);
	if (got == LINE && n && line[n - 1] == '\r')
		n--;
	ok = got == LINE && secret_set(out, (struct str){line, n});
	wipe(line, sizeof(line));
	show(&terminal);
	if (ok)
		return OK;
	if (got == LINE_NONE)
		return fail(err, E_USAGE, "the password is missing: type it, or pass it as one line on stdin");
	return fail(err, E_USAGE, "the password must be one line of at most %d bytes without a NUL", SECRET_MAX);
}

/* Of others' making it may have several lines, as the keys of Google's service accounts: all of stdin, without its last
 * line end. */
enum rc cli_read_secret(struct secret *out, struct err *err)
{
	if (isatty(STDIN_FILENO))
		return ask("Password", out, err);
	return secret_read(out, STDIN_FILENO, err);
}

enum rc cli_read_password(struct secret *out, struct err *err)
{
	struct secret again;
	bool same;

	TRY(ask("Password", out, err));
	if (out->n < PASSWORD_MIN_BYTES) {
		secret_wipe(out);
		return fail(err, E_CONFIG, "the password is too short: use at least %d characters", PASSWORD_MIN_BYTES);
	}
	if (!isatty(STDIN_FILENO))
		return OK;
	if (ask("Once more", &again, err)) {
		secret_wipe(out);
		return err->rc;
	}
	same = again.n == out->n && bytes_eq(again.p, out->p, out->n);
	secret_wipe(&again);
	if (same)
		return OK;
	secret_wipe(out);
	return fail(err, E_CONFIG, "the two passwords differ: try again");
}
