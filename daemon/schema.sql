-- The store, version 1. Constraints hold without the program: whoever writes it with another tool meets
-- them too. Times are seconds since the epoch; "never" and "not yet" are NULL; booleans are 0 and 1. `made`
-- is the revision a row was made in: the order of lists, which the seconds of created_at leave open. No right
-- comes from it, so no seal covers it.
PRAGMA application_id = 0x6f726774; -- "orgt"
PRAGMA user_version = 1;

-- One row: how far the store is, and which host key it belongs to. The last ids are kept because an id
-- is never given twice, not even where its row never came to be.
CREATE TABLE meta (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  revision INTEGER NOT NULL CHECK (revision >= 0),
  fingerprint INTEGER NOT NULL CHECK (fingerprint > 0),
  created_at INTEGER NOT NULL CHECK (created_at >= 0),
  last_org_id INTEGER NOT NULL CHECK (last_org_id >= 0),
  last_user_id INTEGER NOT NULL CHECK (last_user_id >= 0)
) STRICT;

CREATE TABLE org (
  id INTEGER PRIMARY KEY CHECK (id > 0),
  name TEXT NOT NULL
    CHECK (length(name) <= 32 AND name GLOB '[a-z]*' AND name NOT GLOB '*[^a-z0-9-]*' AND name NOT GLOB '*-'),
  created_at INTEGER NOT NULL CHECK (created_at > 0),
  deleted_at INTEGER CHECK (deleted_at > 0),
  suspended INTEGER NOT NULL CHECK (suspended IN (0, 1)),
  max_life INTEGER NOT NULL CHECK (max_life >= 0),
  max_unused INTEGER NOT NULL CHECK (max_unused >= 0),
  never_ok INTEGER NOT NULL CHECK (never_ok IN (0, 1)),
  end_sessions INTEGER NOT NULL CHECK (end_sessions IN (0, 1)),
  mac BLOB NOT NULL CHECK (length(mac) = 32)
) STRICT;
CREATE UNIQUE INDEX org_by_name ON org (name) WHERE deleted_at IS NULL;

CREATE TABLE user (
  id INTEGER PRIMARY KEY CHECK (id > 0),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64 AND name NOT GLOB '*[^A-Za-z0-9._@+$-]*'),
  uid INTEGER CHECK (uid >= 0),
  created_at INTEGER NOT NULL CHECK (created_at > 0),
  removed_at INTEGER CHECK (removed_at > 0),
  suspended INTEGER NOT NULL CHECK (suspended IN (0, 1)),
  mac BLOB NOT NULL CHECK (length(mac) = 32)
) STRICT;
CREATE UNIQUE INDEX user_by_name ON user (name) WHERE removed_at IS NULL;

-- role: 1 member, 2 admin.
CREATE TABLE member (
  org_id INTEGER NOT NULL REFERENCES org (id),
  user_id INTEGER NOT NULL REFERENCES user (id),
  role INTEGER NOT NULL CHECK (role IN (1, 2)),
  created_at INTEGER NOT NULL CHECK (created_at > 0),
  mac BLOB NOT NULL CHECK (length(mac) = 32),
  made INTEGER NOT NULL CHECK (made > 0),
  PRIMARY KEY (org_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_by_org ON member (org_id, made, user_id);
CREATE INDEX member_by_user ON member (user_id, made, org_id);

-- role: the least one of a PAT's user, 0 for any. services NULL: every service.
CREATE TABLE account (
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64 AND name NOT GLOB '*[^A-Za-z0-9._@+$-]*'),
  org_id INTEGER NOT NULL REFERENCES org (id),
  role INTEGER NOT NULL CHECK (role IN (0, 1, 2)),
  services BLOB CHECK (length(services) BETWEEN 1 AND 3072),
  created_at INTEGER NOT NULL CHECK (created_at > 0),
  mac BLOB NOT NULL CHECK (length(mac) = 32),
  made INTEGER NOT NULL CHECK (made > 0),
  PRIMARY KEY (name, org_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_by_org ON account (org_id, made, name);
CREATE INDEX account_by_age ON account (made, name, org_id);

CREATE TABLE guarded (
  name TEXT PRIMARY KEY NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
  since INTEGER NOT NULL CHECK (since > 0),
  mac BLOB NOT NULL CHECK (length(mac) = 32)
) STRICT, WITHOUT ROWID;

CREATE TABLE host_policy (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  max_life INTEGER NOT NULL CHECK (max_life >= 0),
  max_unused INTEGER NOT NULL CHECK (max_unused >= 0),
  never_ok INTEGER NOT NULL CHECK (never_ok IN (0, 1)),
  end_sessions INTEGER NOT NULL CHECK (end_sessions IN (0, 1)),
  self_service INTEGER NOT NULL CHECK (self_service IN (1, 2, 3)),
  mac BLOB NOT NULL CHECK (length(mac) = 32)
) STRICT;

-- kind 1 belongs to an org and 2 to a user, each to exactly one. The id is the ten characters of the token
-- as a number below 62^10. A revoked token keeps its row for ever, but not its proof.
CREATE TABLE token (
  id INTEGER PRIMARY KEY CHECK (id BETWEEN 0 AND 839299365868340223),
  kind INTEGER NOT NULL CHECK (kind IN (1, 2)),
  org_id INTEGER REFERENCES org (id),
  user_id INTEGER REFERENCES user (id),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100 AND length(CAST(name AS BLOB)) <= 400),
  created_at INTEGER NOT NULL CHECK (created_at > 0),
  expires_at INTEGER CHECK (expires_at BETWEEN 1 AND 253402300799),
  limits BLOB CHECK (length(limits) BETWEEN 1 AND 3072),
  proof BLOB CHECK (length(proof) = 32),
  mac BLOB NOT NULL CHECK (length(mac) = 32),
  key_fingerprint INTEGER NOT NULL CHECK (key_fingerprint > 0),
  ends_at INTEGER CHECK (ends_at BETWEEN 1 AND 253402300799),
  end_mac BLOB CHECK (length(end_mac) = 32),
  revoked_at INTEGER CHECK (revoked_at > 0),
  end_reason TEXT CHECK (length(end_reason) BETWEEN 1 AND 31),
  successor INTEGER CHECK (successor BETWEEN 0 AND 839299365868340223 AND successor <> id),
  made INTEGER NOT NULL CHECK (made > 0),
  CHECK ((kind = 1) = (org_id IS NOT NULL) AND (kind = 2) = (user_id IS NOT NULL)),
  CHECK ((revoked_at IS NULL) = (proof IS NOT NULL)),
  CHECK ((ends_at IS NULL) = (end_mac IS NULL)),
  CHECK ((end_reason IS NULL) = (revoked_at IS NULL AND ends_at IS NULL))
) STRICT;
-- The id stands behind each of these by itself: lists go on behind (made, id).
CREATE INDEX token_by_org ON token (org_id, made) WHERE org_id IS NOT NULL;
CREATE INDEX token_by_user ON token (user_id, made) WHERE user_id IS NOT NULL;
CREATE INDEX token_by_age ON token (kind, made);

-- Which rows each revision touched, by key and without contents: a copy fetches them as they are now.
-- The key is the row's own: 12 (org, user, token), '3/17' (org/user), 'name/3', 'name', 'host'.
CREATE TABLE change (
  revision INTEGER NOT NULL CHECK (revision > 0),
  kind TEXT NOT NULL CHECK (kind IN ('o', 'u', 'm', 'a', 'g', 't', 'p')),
  key ANY NOT NULL CHECK (typeof(key) IN ('integer', 'text')),
  PRIMARY KEY (revision, kind, key)
) STRICT, WITHOUT ROWID;

-- Local facts of this host: not part of any revision, never copied.
CREATE TABLE last_use (
  token_id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL CHECK (at > 0),
  source TEXT NOT NULL CHECK (length(source) <= 47),
  service TEXT NOT NULL CHECK (length(service) <= 64),
  account TEXT NOT NULL CHECK (length(account) <= 64),
  org TEXT NOT NULL CHECK (length(org) <= 32)
) STRICT;
-- When tokens that are about to end were last told of.
CREATE TABLE notified (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  at INTEGER NOT NULL CHECK (at > 0)
) STRICT;
-- Tokens that were made and that nobody has acknowledged yet. One that is here when the daemon starts was
-- never delivered.
CREATE TABLE undelivered (
  token_id INTEGER PRIMARY KEY
) STRICT;
CREATE TABLE clock_mark (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  mark INTEGER NOT NULL CHECK (mark >= 0),
  mac BLOB NOT NULL CHECK (length(mac) = 32)
) STRICT;
CREATE TABLE grants (
  actor TEXT NOT NULL CHECK (length(actor) BETWEEN 1 AND 64),
  real_uid INTEGER NOT NULL CHECK (real_uid >= 0),
  org_id INTEGER NOT NULL CHECK (org_id > 0),
  token_id INTEGER NOT NULL CHECK (token_id >= 0),
  account TEXT NOT NULL CHECK (length(account) <= 64),
  source TEXT NOT NULL CHECK (length(source) <= 47),
  first_at INTEGER NOT NULL CHECK (first_at > 0),
  renewed_at INTEGER NOT NULL CHECK (renewed_at > 0),
  PRIMARY KEY (actor, real_uid, org_id, token_id, account)
) STRICT, WITHOUT ROWID;
-- Sessions of logind that were opened with a token, until they are known to be gone. The id is what the
-- environment of the login said, so it is the leader, the kernel's word, that keeps two apart.
CREATE TABLE session (
  id TEXT NOT NULL CHECK (length(id) BETWEEN 1 AND 32 AND id NOT GLOB '*[^A-Za-z0-9]*'),
  leader INTEGER NOT NULL CHECK (leader > 0),
  account TEXT NOT NULL CHECK (length(account) BETWEEN 1 AND 64),
  service TEXT NOT NULL CHECK (length(service) BETWEEN 1 AND 64),
  org_id INTEGER NOT NULL CHECK (org_id > 0),
  token_id INTEGER NOT NULL CHECK (token_id >= 0),
  opened_at INTEGER NOT NULL CHECK (opened_at > 0),
  PRIMARY KEY (leader, id)
) STRICT, WITHOUT ROWID;

-- What nothing undoes.
CREATE TRIGGER meta_gapless BEFORE UPDATE OF revision ON meta WHEN NEW.revision <> OLD.revision + 1
BEGIN SELECT RAISE(ABORT, 'revisions have no gaps'); END;
CREATE TRIGGER org_kept BEFORE DELETE ON org
BEGIN SELECT RAISE(ABORT, 'orgs keep their row'); END;
CREATE TRIGGER org_stays_deleted BEFORE UPDATE ON org
WHEN OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NOT OLD.deleted_at
BEGIN SELECT RAISE(ABORT, 'a deletion is not undone'); END;
CREATE TRIGGER user_kept BEFORE DELETE ON user
BEGIN SELECT RAISE(ABORT, 'users keep their row'); END;
CREATE TRIGGER user_stays_removed BEFORE UPDATE ON user
WHEN OLD.removed_at IS NOT NULL AND NEW.removed_at IS NOT OLD.removed_at
BEGIN SELECT RAISE(ABORT, 'a removal is not undone'); END;
CREATE TRIGGER token_kept BEFORE DELETE ON token
BEGIN SELECT RAISE(ABORT, 'tokens keep their row'); END;
CREATE TRIGGER token_claims BEFORE UPDATE OF id, kind, org_id, user_id, created_at, expires_at, limits, key_fingerprint, made ON token
BEGIN SELECT RAISE(ABORT, 'a token''s claims are fixed'); END;
CREATE TRIGGER token_stays_revoked BEFORE UPDATE ON token WHEN OLD.revoked_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a revoked token is left as it is'); END;
CREATE TRIGGER token_end_shortens BEFORE UPDATE OF ends_at ON token
WHEN OLD.ends_at IS NOT NULL AND (NEW.ends_at IS NULL OR NEW.ends_at > OLD.ends_at)
BEGIN SELECT RAISE(ABORT, 'an end only comes nearer'); END;
CREATE TRIGGER change_fixed BEFORE UPDATE ON change
BEGIN SELECT RAISE(ABORT, 'changes are only appended'); END;
CREATE TRIGGER change_kept BEFORE DELETE ON change
BEGIN SELECT RAISE(ABORT, 'changes are only appended'); END;
