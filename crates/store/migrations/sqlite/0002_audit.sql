-- The audit trail. One chain for each organisation, and one of the instance under the nil UUID.
-- No foreign keys: the trail outlives what it speaks of. `event` is the text that was hashed and
-- signed; the other columns are what is searched for, and are compared with it when a chain is
-- verified.
CREATE TABLE audit_chains (
    chain BLOB NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;

CREATE TABLE audit_events (
    chain BLOB NOT NULL,
    seq INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    workspace_id BLOB,
    actor_kind TEXT NOT NULL,
    actor_id BLOB,
    user_id BLOB,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    resource_id TEXT,
    outcome TEXT NOT NULL,
    status INTEGER,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    client TEXT,
    request_id TEXT,
    event TEXT NOT NULL,
    hash BLOB NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (chain, seq)
) STRICT;
CREATE INDEX audit_events_by_time ON audit_events (chain, created_at, seq);
CREATE INDEX audit_events_by_actor ON audit_events (chain, actor_id, seq);
CREATE INDEX audit_events_by_user ON audit_events (chain, user_id, seq);
CREATE INDEX audit_events_by_resource ON audit_events (chain, resource, resource_id, seq);
CREATE INDEX audit_events_by_request ON audit_events (chain, request_id);
