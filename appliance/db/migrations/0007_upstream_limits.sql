-- 0007_upstream_limits: what upstreams say of their limits outlives a restart.

-- How many pulls were left at a proxy's upstream (Docker Hub counts them) when it last told.
CREATE TABLE upstream_limits (
	namespace INTEGER PRIMARY KEY REFERENCES namespaces (id) ON DELETE CASCADE,
	-- of the namespace as it was then: a change of it may be a change of the account
	version INTEGER NOT NULL,
	remaining INTEGER NOT NULL,
	total INTEGER NOT NULL,
	-- seconds since the epoch, UTC
	told_at INTEGER NOT NULL
) STRICT;
