-- 0005_store: blob stores can be told by a marker, and blobs that nobody has are queued for removal.
-- All times are seconds since the epoch, UTC.

-- What the file cove-blob-store in its directory says: without it the disk is not mounted.
ALTER TABLE blob_stores ADD COLUMN marker TEXT NOT NULL DEFAULT '';

-- What lies in a blob store; most lies in the data directory.
CREATE INDEX blobs_of_blob_store ON blobs (blob_store) WHERE blob_store <> 0;
-- Who is to use a blob store.
CREATE INDEX namespaces_of_blob_store ON namespace_attributes (value) WHERE name = 'blob_store';

-- Blobs without a link, kept by the triggers below, so that nothing is ever scanned for them.
CREATE TABLE unlinked_blobs (
	blob INTEGER PRIMARY KEY REFERENCES blobs (id) ON DELETE CASCADE,
	-- when the last link went
	since INTEGER NOT NULL,
	-- 1: by a cache that must make room, and can fetch it again
	evicted INTEGER NOT NULL DEFAULT 0 CHECK (evicted IN (0, 1))
) STRICT;
CREATE INDEX unlinked_blobs_by_age ON unlinked_blobs (evicted, since);

INSERT INTO unlinked_blobs (blob, since)
	SELECT id, unixepoch() FROM blobs b WHERE NOT EXISTS (SELECT 1 FROM blob_links WHERE blob = b.id);

CREATE TRIGGER blob_unlinked_last AFTER DELETE ON blob_links
	WHEN NOT EXISTS (SELECT 1 FROM blob_links WHERE blob = old.blob)
BEGIN
	INSERT INTO unlinked_blobs (blob, since) VALUES (old.blob, unixepoch()) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER blob_linked_again AFTER INSERT ON blob_links BEGIN
	DELETE FROM unlinked_blobs WHERE blob = new.blob;
END;

-- A row that was wrong is mended by the next push.
CREATE TRIGGER blob_resized AFTER UPDATE OF size ON blobs BEGIN
	UPDATE namespaces SET used_bytes = used_bytes + new.size - old.size
		WHERE id IN (SELECT namespace FROM namespace_blobs WHERE blob = new.id);
END;
