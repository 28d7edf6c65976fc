-- 0009_upstream_standing: commands, which are programs of their own, see which upstreams fail.

-- Why the upstream's last answer was a failure; empty: it was none. A row may be there for this alone: -1 of its numbers
-- were not told then.
ALTER TABLE upstream_limits ADD COLUMN failure TEXT NOT NULL DEFAULT '';
-- since when it fails, seconds since the epoch, UTC
ALTER TABLE upstream_limits ADD COLUMN failed_at INTEGER NOT NULL DEFAULT 0;
