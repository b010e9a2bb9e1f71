-- Version 13 of the index database, statement by statement as the reference tool leaves it in sqlite_master.
-- Only white space is ours; everything else, quotation marks included, is compared with observed databases.

CREATE TABLE schema_migrations (
    version bigint NOT NULL,
    timestamp DATETIME DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE operatorbundle (
    name TEXT PRIMARY KEY,
    csv TEXT,
    bundle TEXT,
    bundlepath TEXT,
    skiprange TEXT,
    version TEXT,
    replaces TEXT,
    skips TEXT,
    substitutesfor TEXT);

CREATE TABLE package (
    name TEXT PRIMARY KEY,
    default_channel TEXT,
    FOREIGN KEY(name, default_channel) REFERENCES channel(package_name,name) ON DELETE CASCADE
);

CREATE TABLE channel (
    name TEXT,
    package_name TEXT,
    head_operatorbundle_name TEXT,
    PRIMARY KEY(name, package_name),
    FOREIGN KEY(head_operatorbundle_name) REFERENCES operatorbundle(name) ON DELETE CASCADE
);

CREATE TABLE channel_entry (
    entry_id INTEGER PRIMARY KEY,
    channel_name TEXT,
    package_name TEXT,
    operatorbundle_name TEXT,
    replaces INTEGER,
    depth INTEGER,
    FOREIGN KEY(replaces) REFERENCES channel_entry(entry_id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY(channel_name, package_name) REFERENCES channel(name, package_name) ON DELETE CASCADE
);

CREATE TABLE api (
    group_name TEXT,
    version TEXT,
    kind TEXT,
    plural TEXT NOT NULL,
    PRIMARY KEY(group_name, version, kind)
);

CREATE TABLE related_image (
    image TEXT,
    operatorbundle_name TEXT,
    FOREIGN KEY(operatorbundle_name) REFERENCES operatorbundle(name) ON DELETE CASCADE
);

CREATE TABLE "api_provider" (
    group_name TEXT,
    version TEXT,
    kind TEXT,
    operatorbundle_name TEXT,
    operatorbundle_version TEXT,
    operatorbundle_path TEXT,
    FOREIGN KEY(operatorbundle_name, operatorbundle_version, operatorbundle_path) REFERENCES operatorbundle(name, version, bundlepath) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY(group_name, version, kind) REFERENCES api(group_name, version, kind) ON DELETE CASCADE
);

CREATE TABLE "api_requirer" (
    group_name TEXT,
    version TEXT,
    kind TEXT,
    operatorbundle_name TEXT,
    operatorbundle_version TEXT,
    operatorbundle_path TEXT,
    FOREIGN KEY(operatorbundle_name, operatorbundle_version, operatorbundle_path) REFERENCES operatorbundle(name, version, bundlepath) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY(group_name, version, kind) REFERENCES api(group_name, version, kind) ON DELETE CASCADE
);

CREATE TABLE dependencies (
    type TEXT,
    value TEXT,
    operatorbundle_name TEXT,
    operatorbundle_version TEXT,
    operatorbundle_path TEXT,
    FOREIGN KEY(operatorbundle_name, operatorbundle_version, operatorbundle_path) REFERENCES operatorbundle(name, version, bundlepath) ON DELETE CASCADE
);

CREATE TABLE properties (
    type TEXT,
    value TEXT,
    operatorbundle_name TEXT,
    operatorbundle_version TEXT,
    operatorbundle_path TEXT,
    FOREIGN KEY(operatorbundle_name, operatorbundle_version, operatorbundle_path) REFERENCES operatorbundle(name, version, bundlepath) ON DELETE CASCADE
);

CREATE TABLE deprecated (
    operatorbundle_name TEXT PRIMARY KEY
);

CREATE UNIQUE INDEX pk ON operatorbundle(name, version, bundlepath);

CREATE TRIGGER api_provider_cleanup AFTER DELETE ON api_provider
WHEN NOT EXISTS (SELECT 1 FROM api_provider JOIN api_requirer
    WHERE (api_provider.group_name = OLD.group_name AND api_provider.version = OLD.version AND api_provider.kind = OLD.kind)
    OR (api_requirer.group_name = OLD.group_name AND api_requirer.version = OLD.version AND api_requirer.kind = OLD.kind))
BEGIN
    DELETE FROM api WHERE group_name = OLD.group_name AND version = OLD.version AND kind = OLD.kind;
END;

CREATE TRIGGER api_requirer_cleanup AFTER DELETE ON api_requirer
WHEN NOT EXISTS (SELECT 1 FROM api_provider JOIN api_requirer
    WHERE (api_provider.group_name = OLD.group_name AND api_provider.version = OLD.version AND api_provider.kind = OLD.kind)
    OR (api_requirer.group_name = OLD.group_name AND api_requirer.version = OLD.version AND api_requirer.kind = OLD.kind))
BEGIN
    DELETE FROM api WHERE group_name = OLD.group_name AND version = OLD.version AND kind = OLD.kind;
END;
