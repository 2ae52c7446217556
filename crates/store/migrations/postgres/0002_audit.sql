-- The audit trail. One chain for each organisation, and one of the instance under the nil UUID.
-- No foreign keys: the trail outlives what it speaks of. `event` is the text that was hashed and
-- signed; the other columns are what is searched for, and are compared with it when a chain is
-- verified.
CREATE TABLE audit_chains (
    chain BYTEA NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL
);

CREATE TABLE audit_events (
    chain BYTEA NOT NULL,
    seq BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    workspace_id BYTEA,
    actor_kind TEXT NOT NULL,
    actor_id BYTEA,
    user_id BYTEA,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    resource_id TEXT,
    outcome TEXT NOT NULL,
    status BIGINT,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    client TEXT,
    request_id TEXT,
    event TEXT NOT NULL,
    hash BYTEA NOT NULL,
    signature BYTEA NOT NULL,
    PRIMARY KEY (chain, seq)
);
CREATE INDEX audit_events_by_time ON audit_events (chain, created_at, seq);
CREATE INDEX audit_events_by_actor ON audit_events (chain, actor_id, seq);
CREATE INDEX audit_events_by_user ON audit_events (chain, user_id, seq);
CREATE INDEX audit_events_by_resource ON audit_events (chain, resource, resource_id, seq);
CREATE INDEX audit_events_by_request ON audit_events (chain, request_id);
