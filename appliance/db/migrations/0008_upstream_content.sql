-- 0008_upstream_content: what an upstream's word is good for.

-- Of a proxy's blobs: the bytes came from the upstream that it has now. Only such a blob is linked into another repository
-- of the namespace when that upstream merely says that the repository has it.
ALTER TABLE namespace_blobs ADD COLUMN proven INTEGER NOT NULL DEFAULT 1;

-- What the manifest says of the content's length; NULL: the manifest was stored before this was kept.
ALTER TABLE manifest_references ADD COLUMN size INTEGER;
