//! What of a new configuration a running service takes over.

use super::{
    AuthSection, BuildSection, Config, QueuesSection, ServerSection, limits::LimitsSection,
};

impl Config {
    /// `new`, as far as it can take effect while the service runs; the rest stays as it is in `self`.
    ///
    /// Sections are named one by one, so that a new one has to say what holds for it.
    pub(crate) fn taking_over(&self, new: &Self) -> Self {
        let running = self.clone();
        let new = new.clone();
        // Plain HTTP and TLS are different listeners.
        let tls = match (running.server.tls, new.server.tls) {
            (Some(_), Some(new)) => Some(new),
            (running, _) => running,
        };
        Self {
            data_dir: running.data_dir,
            server: ServerSection {
                listen: running.server.listen,
                metrics_listen: running.server.metrics_listen,
                tls,
                limits: LimitsSection {
                    max_connections: running.server.limits.max_connections,
                    ..new.server.limits
                },
                ..new.server
            },
            build: BuildSection {
                registry: running.build.registry,
                image_push_template: running.build.image_push_template,
                cache_bytes: running.build.cache_bytes,
                ..new.build
            },
            gating: new.gating,
            bundles: new.bundles,
            // Who proves callers to be users is asked at the start; the lists of users and tokens are looked at each time.
            auth: AuthSection {
                oidc: running.auth.oidc,
                kerberos: running.auth.kerberos,
                ..new.auth
            },
            // What the broker has is declared and listened to at the start; requests of queues that are new go through its default one until then.
            queues: QueuesSection {
                users: new.queues.users,
                ..running.queues
            },
            store: running.store,
            files: running.files,
            worker: running.worker,
            registries: running.registries,
            telemetry: running.telemetry,
        }
    }

    /// The keys in which two configurations differ.
    pub(crate) fn differences(&self, other: &Self) -> anyhow::Result<Vec<String>> {
        let mut keys = Vec::new();
        compare(&self.table()?, &other.table()?, "", &mut keys);
        // What is hidden when it is written is compared as it is.
        let database = "store.database".to_owned();
        if !self.store.is(&other.store) && !keys.contains(&database) {
            keys.push(database);
        }
        Ok(keys)
    }

    fn table(&self) -> anyhow::Result<toml::Table> {
        Ok(toml::Table::try_from(self)?)
    }
}

fn compare(one: &toml::Table, other: &toml::Table, above: &str, keys: &mut Vec<String>) {
    let mut names: Vec<&String> = one.keys().chain(other.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let key = format!("{above}{name}");
        match (one.get(name), other.get(name)) {
            (Some(toml::Value::Table(one)), Some(toml::Value::Table(other))) => {
                compare(one, other, &format!("{key}."), keys);
            }
            (one, other) if one != other => keys.push(key),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn users_and_limits_are_taken_over_and_addresses_are_not() {
        let running = config("[build]\nregistry = 'a.example'\n");
        let new = config(
            "data_dir = '/new'\n[server]\nlisten = '127.0.0.1:1'\nlogin_disabled = true\n[server.tls]\ncert = 'c'\nkey = 'k'\n\
             [server.limits]\nmax_connections = 7\nmax_json_depth = 8\n[build]\nregistry = 'b.example'\ncache_bytes = 3\nconcurrency = 4\n\
             [build.binary_images.prod]\n'v4.19' = 'r/opm:1'\n[worker]\nmax_attempts = 9\n[registries]\ninsecure = ['c.example']\n",
        );
        let next = running.taking_over(&new);
        assert_eq!(
            running.differences(&next).unwrap(),
            [
                "build.binary_images.prod",
                "build.concurrency",
                "server.limits.max_json_depth",
                "server.login_disabled",
            ]
        );
        assert_eq!(
            next.differences(&new).unwrap(),
            [
                "build.cache_bytes",
                "build.registry",
                "data_dir",
                "registries.insecure",
                "server.limits.max_connections",
                "server.listen",
                "server.tls",
                "worker.max_attempts",
            ]
        );
        assert_eq!(new.differences(&new).unwrap(), [""; 0]);
    }

    #[test]
    fn another_password_of_the_database_is_a_difference_and_is_not_told() {
        let database = |password: &str| {
            config(&format!(
                "[store]\ndatabase = 'postgres://iib:{password}@db.example/iib'\n"
            ))
        };
        let (running, new) = (database("first"), database("second"));
        let differences = running.differences(&new).unwrap();
        assert_eq!(differences, ["store.database"]);
        assert!(!running.table().unwrap().to_string().contains("first"));
        assert!(running.taking_over(&new).store.is(&running.store));
    }

    #[test]
    fn other_tls_files_are_taken_over() {
        let tls = |name: &str| {
            config(&format!(
                "[server.tls]\ncert = '{name}.pem'\nkey = '{name}.key'\n"
            ))
        };
        let (running, new) = (tls("a"), tls("b"));
        assert_eq!(running.taking_over(&new).server.tls, new.server.tls);
        let without = config("");
        assert_eq!(running.taking_over(&without).server.tls, running.server.tls);
    }
}
