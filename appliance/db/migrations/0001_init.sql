-- 0001_init: repositories and what they hold.
-- All times are seconds since the epoch, UTC. A digest is its bytes: 32 are SHA-256, 64 are SHA-512.

PRAGMA application_id = 0x636f7665; -- "cove"

-- The spec's <name>. Made by the first blob or manifest.
CREATE TABLE repositories (
	id INTEGER PRIMARY KEY,
	-- e.g. team/app; compared and listed bytewise
	name TEXT NOT NULL UNIQUE,
	created_at INTEGER NOT NULL
) STRICT;

-- The files under blobs/. A row has its file, durable before the row; a file without a row is a push that did not end.
CREATE TABLE blobs (
	id INTEGER PRIMARY KEY,
	digest BLOB NOT NULL UNIQUE CHECK (length(digest) IN (32, 64)),
	-- bytes, equal to the file's size
	size INTEGER NOT NULL CHECK (size >= 0),
	created_at INTEGER NOT NULL
) STRICT;

-- Which repository sees which blob: it has no other way to one. A blob without a link is garbage.
CREATE TABLE blob_links (
	repository INTEGER NOT NULL REFERENCES repositories (id),
	blob INTEGER NOT NULL REFERENCES blobs (id),
	PRIMARY KEY (repository, blob)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_links_of_blob ON blob_links (blob);

-- Manifests and indexes, exactly as they were pushed. The large columns come last: reading the others skips them.
CREATE TABLE manifests (
	id INTEGER PRIMARY KEY,
	repository INTEGER NOT NULL REFERENCES repositories (id),
	digest BLOB NOT NULL CHECK (length(digest) IN (32, 64)),
	-- the Content-Type it is served with
	media_type TEXT NOT NULL,
	-- bytes, equal to length(bytes)
	size INTEGER NOT NULL,
	pushed_at INTEGER NOT NULL,
	-- the digest of the manifest that this one refers to (the spec's subject, which need not exist); NULL: none
	subject BLOB CHECK (length(subject) IN (32, 64)),
	-- for the referrers list; empty: none
	artifact_type TEXT NOT NULL DEFAULT '',
	-- for the referrers list: a JSON object as text, kept only with a subject; empty: none
	annotations TEXT NOT NULL DEFAULT '',
	bytes BLOB NOT NULL,
	UNIQUE (repository, digest)
) STRICT;
-- The referrers of a subject, all or of one type; an index ends in the id, the order of the list.
CREATE INDEX manifests_of_subject ON manifests (repository, subject) WHERE subject IS NOT NULL;
CREATE INDEX manifests_of_subject_and_type ON manifests (repository, subject, artifact_type) WHERE subject IS NOT NULL;

-- What a manifest names: it keeps a blob of its repository from being deleted.
CREATE TABLE manifest_references (
	manifest INTEGER NOT NULL REFERENCES manifests (id) ON DELETE CASCADE,
	-- a blob, a manifest, or something that this registry need not have
	digest BLOB NOT NULL CHECK (length(digest) IN (32, 64)),
	-- 0: blob that must be here, 1: manifest, 2: blob that need not be here
	kind INTEGER NOT NULL CHECK (kind IN (0, 1, 2)),
	-- that of the manifest, for the question who in this repository needs a blob
	repository INTEGER NOT NULL,
	PRIMARY KEY (manifest, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_references_of_digest ON manifest_references (repository, digest, kind);

-- Names for manifests.
CREATE TABLE tags (
	repository INTEGER NOT NULL REFERENCES repositories (id),
	-- e.g. latest; compared and listed bytewise
	name TEXT NOT NULL,
	manifest INTEGER NOT NULL REFERENCES manifests (id) ON DELETE CASCADE,
	-- when it was last pointed at another manifest
	updated_at INTEGER NOT NULL,
	PRIMARY KEY (repository, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_of_manifest ON tags (manifest);
