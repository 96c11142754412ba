-- @lease_new: this process's claim on its holds
INSERT INTO lease (id, started_ms) VALUES (?, ?);

-- @lease_beat: this process is alive
UPDATE lease SET counter = counter + 1 WHERE id = ?;

-- @lease_list: every lease but this process's, with its counter
SELECT id, counter FROM lease WHERE id <> ?;

-- @lease_drop: a lease that ended, or is dead and has no hold left
DELETE FROM lease WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM hold WHERE lease = ?1);

-- @leases_drop_others: at start every older lease of this data directory is dead
DELETE FROM lease WHERE id <> ?;

-- @holds_open: how many holds are open, and the earliest beginning of one
SELECT count(*), min(at_ms) FROM hold;

-- @lease_all: every lease with how many holds are open on it
SELECT id, counter, started_ms, (SELECT count(*) FROM hold WHERE hold.lease = lease.id)
FROM lease ORDER BY started_ms, id;
