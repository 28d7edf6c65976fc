-- 0004_access: roles, robots, the audit log, and issuers whose tokens are credentials.
-- All times are seconds since the epoch, UTC. All actions are bit sets: 1 pull, 2 push, 4 delete, 8 admin.

-- 0 person, 1 robot: never has a password, 2 robot of a row of issuer_rules.
ALTER TABLE users ADD COLUMN kind INTEGER NOT NULL DEFAULT 0 CHECK (kind IN (0, 1, 2));

-- Sets of grants under a name, for any number of users.
CREATE TABLE roles (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	-- as the names of users
	name TEXT NOT NULL UNIQUE,
	-- 1: always there and always the same
	built_in INTEGER NOT NULL DEFAULT 0 CHECK (built_in IN (0, 1)),
	created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE role_grants (
	role_id INTEGER NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
	-- as in grants
	pattern TEXT NOT NULL,
	-- as in grants
	actions INTEGER NOT NULL CHECK (actions BETWEEN 1 AND 15),
	PRIMARY KEY (role_id, pattern)
) STRICT, WITHOUT ROWID;

-- Who has which role. A role that somebody has is not removed.
CREATE TABLE user_roles (
	user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	role_id INTEGER NOT NULL REFERENCES roles (id),
	PRIMARY KEY (user_id, role_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_roles_of_role ON user_roles (role_id);

INSERT INTO roles (id, name, built_in, created_at) VALUES
	(1, 'admin', 1, unixepoch()), (2, 'developer', 1, unixepoch()), (3, 'reader', 1, unixepoch());
INSERT INTO role_grants (role_id, pattern, actions) VALUES (1, '**', 15), (2, '**', 3), (3, '**', 1);

-- What was changed and what was refused, the newest last. The oldest rows go beyond the setting audit_rows.
CREATE TABLE audit (
	-- grows by one with each row
	id INTEGER PRIMARY KEY,
	at INTEGER NOT NULL,
	-- the name of who acted or tried to; console: a command on this machine
	user TEXT NOT NULL,
	-- the client's address; empty: none
	peer TEXT NOT NULL,
	-- noun.verb, e.g. user.add
	action TEXT NOT NULL,
	-- what it was done to, e.g. a user, a repository
	object TEXT NOT NULL,
	-- 0: done, 1: refused
	refused INTEGER NOT NULL CHECK (refused IN (0, 1)),
	-- for people
	detail TEXT NOT NULL,
	-- how often within a minute
	count INTEGER NOT NULL CHECK (count >= 1)
) STRICT;

-- Who signs tokens that count here: OpenID Connect providers.
CREATE TABLE issuers (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	-- as the names of users
	name TEXT NOT NULL UNIQUE,
	-- the claim iss, exactly
	url TEXT NOT NULL UNIQUE,
	-- what the claim aud must have
	audience TEXT NOT NULL,
	-- where the keys are; empty: as the issuer's discovery document says
	jwks_url TEXT NOT NULL DEFAULT '',
	-- the keys themselves, for who cannot be asked; empty: asked for
	jwks TEXT NOT NULL DEFAULT '',
	-- PEM, trusted for these requests beside the public CAs; empty: none
	ca_pem TEXT NOT NULL DEFAULT '',
	created_at INTEGER NOT NULL
) STRICT;

-- Which tokens of an issuer count, each with a robot of its own.
CREATE TABLE issuer_rules (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	issuer_id INTEGER NOT NULL REFERENCES issuers (id) ON DELETE CASCADE,
	-- as the names of users; its robot is oidc.<name>
	name TEXT NOT NULL UNIQUE,
	user_id INTEGER NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX issuer_rules_of_issuer ON issuer_rules (issuer_id);

-- What a token must claim for the rule: all of these.
CREATE TABLE issuer_conditions (
	rule_id INTEGER NOT NULL REFERENCES issuer_rules (id) ON DELETE CASCADE,
	claim TEXT NOT NULL,
	-- a glob as in grants
	pattern TEXT NOT NULL,
	PRIMARY KEY (rule_id, claim)
) STRICT, WITHOUT ROWID;
