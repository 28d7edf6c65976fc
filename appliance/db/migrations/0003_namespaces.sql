-- 0003_namespaces: parts of the name space with one rule each, and what each of them holds.
-- All times are seconds since the epoch, UTC.

CREATE TABLE namespaces (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	-- the prefix of its repositories' names, e.g. docker.io; empty: the root, which has what no other one has
	name TEXT NOT NULL UNIQUE,
	-- 0 hosted, 1 proxy, 2 group
	kind INTEGER NOT NULL CHECK (kind IN (0, 1, 2)),
	-- 1: by cove.yaml, which alone changes it
	declared INTEGER NOT NULL DEFAULT 0 CHECK (declared IN (0, 1)),
	created_at INTEGER NOT NULL,
	-- what its blobs (each once) and manifests take, kept by the triggers below
	used_bytes INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO namespaces (id, name, kind, created_at) VALUES (1, '', 0, unixepoch());

-- What is set of a namespace and is not the default. The names, types and defaults are the table of namespace/.
CREATE TABLE namespace_attributes (
	namespace INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
	name TEXT NOT NULL,
	-- as a person writes it; a secret is sealed, in base64
	value TEXT NOT NULL,
	PRIMARY KEY (namespace, name)
) STRICT, WITHOUT ROWID;

-- Grows with every change of the two tables above: readers keep a snapshot as long as it stays.
CREATE TABLE namespace_generation (
	only INTEGER PRIMARY KEY CHECK (only = 1),
	number INTEGER NOT NULL
) STRICT;
INSERT INTO namespace_generation VALUES (1, 1);

-- Where blobs may lie: directories, on disks of their own. 0 is the data directory.
CREATE TABLE blob_stores (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	-- absolute path
	path TEXT NOT NULL UNIQUE,
	created_at INTEGER NOT NULL
) STRICT;
ALTER TABLE blobs ADD COLUMN blob_store INTEGER NOT NULL DEFAULT 0;

-- The namespace whose prefix the name has; kept when a namespace comes or goes.
ALTER TABLE repositories ADD COLUMN namespace INTEGER NOT NULL DEFAULT 1;
CREATE INDEX repositories_of_namespace ON repositories (namespace, name);

-- Of a proxy's tags: when the upstream last said that it points there; 0: never.
ALTER TABLE tags ADD COLUMN checked_at INTEGER NOT NULL DEFAULT 0;

-- Which blobs a namespace holds, and by how many repositories.
CREATE TABLE namespace_blobs (
	namespace INTEGER NOT NULL,
	blob INTEGER NOT NULL REFERENCES blobs (id),
	links INTEGER NOT NULL,
	-- of a proxy's: the last pull, rounded to ten minutes
	last_used_at INTEGER NOT NULL,
	PRIMARY KEY (namespace, blob)
) STRICT, WITHOUT ROWID;
CREATE INDEX namespace_blobs_by_use ON namespace_blobs (namespace, last_used_at);
CREATE INDEX namespace_blobs_of_blob ON namespace_blobs (blob);

INSERT INTO namespace_blobs (namespace, blob, links, last_used_at)
	SELECT 1, blob, count(*), unixepoch() FROM blob_links GROUP BY blob;
UPDATE namespaces SET used_bytes =
	(SELECT coalesce(sum(b.size), 0) FROM namespace_blobs n JOIN blobs b ON b.id = n.blob)
	+ (SELECT coalesce(sum(size), 0) FROM manifests);

CREATE TRIGGER blob_linked AFTER INSERT ON blob_links BEGIN
	INSERT INTO namespace_blobs (namespace, blob, links, last_used_at)
		SELECT r.namespace, new.blob, 1, unixepoch() FROM repositories r WHERE r.id = new.repository
		ON CONFLICT (namespace, blob) DO UPDATE SET links = links + 1;
END;
CREATE TRIGGER blob_unlinked AFTER DELETE ON blob_links BEGIN
	UPDATE namespace_blobs SET links = links - 1
		WHERE blob = old.blob AND namespace = (SELECT namespace FROM repositories WHERE id = old.repository);
	DELETE FROM namespace_blobs
		WHERE blob = old.blob AND namespace = (SELECT namespace FROM repositories WHERE id = old.repository)
			AND links = 0;
END;
CREATE TRIGGER blob_held AFTER INSERT ON namespace_blobs BEGIN
	UPDATE namespaces SET used_bytes = used_bytes + (SELECT size FROM blobs WHERE id = new.blob) WHERE id = new.namespace;
END;
CREATE TRIGGER blob_let_go AFTER DELETE ON namespace_blobs BEGIN
	UPDATE namespaces SET used_bytes = used_bytes - (SELECT size FROM blobs WHERE id = old.blob) WHERE id = old.namespace;
END;
CREATE TRIGGER manifest_stored AFTER INSERT ON manifests BEGIN
	UPDATE namespaces SET used_bytes = used_bytes + new.size
		WHERE id = (SELECT namespace FROM repositories WHERE id = new.repository);
END;
CREATE TRIGGER manifest_removed AFTER DELETE ON manifests BEGIN
	UPDATE namespaces SET used_bytes = used_bytes - old.size
		WHERE id = (SELECT namespace FROM repositories WHERE id = old.repository);
END;
