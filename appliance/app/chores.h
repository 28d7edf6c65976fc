/* chores: the table of what the server does by the clock. */
#pragma once
#include "runner.h"

struct server;

/* For the server, once it is built: from runner_start() on, their thread alone changes certificates, names and
 * listeners. "reload": what SIGHUP asks for. */
struct runner *chores_new(struct server *s);
