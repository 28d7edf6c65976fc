-- 0002_auth: users, what they may do, and the credentials they carry.
-- All times are seconds since the epoch, UTC. All actions are bit sets: 1 pull, 2 push, 4 delete, 8 admin.

-- Who may be known to the registry. Ids are never used again, so that a token of a removed user fits nobody.
CREATE TABLE users (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	-- what the user types: [a-z0-9][a-z0-9._-]{0,63}
	name TEXT NOT NULL UNIQUE,
	-- Argon2id in PHC string form; NULL: no password fits
	password TEXT,
	-- 0: no credential of this user is accepted
	enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
	-- grows when what was proven or granted before must not count any more; access tokens carry the number they were made with
	generation INTEGER NOT NULL DEFAULT 1,
	created_at INTEGER NOT NULL,
	-- the last proof by password, rounded to ten minutes; 0: never
	last_login_at INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Who shows no credentials is this user. Without a grant it may do nothing.
INSERT INTO users (name, created_at) VALUES ('anonymous', unixepoch());

-- What a user may do: the union of all rows whose pattern matches the repository's name.
CREATE TABLE grants (
	user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	-- a glob over the whole name: * stays within a path segment, ** does not, ? is one byte
	pattern TEXT NOT NULL,
	-- admin counts on the pattern ** only
	actions INTEGER NOT NULL CHECK (actions BETWEEN 1 AND 15),
	PRIMARY KEY (user_id, pattern)
) STRICT, WITHOUT ROWID;

-- Keys: what robots log in with in place of a password. Revoked ones stay, to be listed.
CREATE TABLE keys (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	-- the owner's words for what it is for
	label TEXT NOT NULL,
	-- SHA-256 of the key's text: 256 random bits need no slow hash
	hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
	-- 1: the key may do only what key_grants allow of what its user may
	narrowed INTEGER NOT NULL CHECK (narrowed IN (0, 1)),
	created_at INTEGER NOT NULL,
	-- not accepted from then on; 0: never ends
	expires_at INTEGER NOT NULL DEFAULT 0,
	-- rounded to ten minutes; 0: never
	last_used_at INTEGER NOT NULL DEFAULT 0,
	-- 1: not accepted any more
	revoked INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1))
) STRICT;
CREATE INDEX keys_of_user ON keys (user_id);

-- What a narrowed key may do at most.
CREATE TABLE key_grants (
	key_id INTEGER NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
	-- as in grants
	pattern TEXT NOT NULL,
	-- as in grants
	actions INTEGER NOT NULL CHECK (actions BETWEEN 1 AND 15),
	PRIMARY KEY (key_id, pattern)
) STRICT, WITHOUT ROWID;

-- Logins: refresh tokens, which clients keep in place of a password ("docker login").
CREATE TABLE logins (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	-- the key that was shown for it, whose limits and end it shares; NULL: a password was shown
	key_id INTEGER REFERENCES keys (id) ON DELETE CASCADE,
	-- SHA-256 of the login's text
	hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
	-- what the client calls itself: client_id of the token request
	client TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	-- rounded to ten minutes; at first when it was made
	last_used_at INTEGER NOT NULL
) STRICT;
CREATE INDEX logins_of_user ON logins (user_id, last_used_at);
CREATE INDEX logins_of_key ON logins (key_id) WHERE key_id IS NOT NULL;
