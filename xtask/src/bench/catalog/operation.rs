//! What is measured, and how much better than opm it must be.

/// An operation of both programs. In arguments `{db}` stands for the database, `{copy}` for a fresh copy of it, `{dir}` for the
/// catalog's directory, `{out}` for a place where nothing is, `{kept}` for one that holds what the run before wrote,
/// `{emptied}` for a serve cache in JSON with nothing in it (opm writes that form only where one lies already), `{package}`,
/// `{bundle}` and `{image}` for what is removed, deprecated and added.
pub(super) struct Operation {
    /// What the baseline calls it.
    pub(super) name: &'static str,
    pub(super) ours: &'static [&'static str],
    pub(super) opm: &'static [&'static str],
    pub(super) goal: Goal,
}

/// How many times less ours must take; by the size of a catalog where there are two.
#[derive(Clone, Copy)]
pub(super) enum Goal {
    /// Of a catalog in JSON a tenth of the time, in YAML a quarter; a third of the memory.
    Catalog,
    /// An eighth of the time and a quarter of the memory.
    Migrate,
    /// So many times less time.
    Change(f64),
    /// None is set.
    Open,
}

impl Goal {
    /// By how much time and memory must be less; 0 where nothing is asked.
    pub(super) fn factors(self, is_yaml: bool) -> (f64, f64) {
        match self {
            Self::Catalog if is_yaml => (4.0, 3.0),
            Self::Catalog => (10.0, 3.0),
            Self::Migrate => (8.0, 4.0),
            Self::Change(factor) => (factor, 0.0),
            Self::Open => (0.0, 0.0),
        }
    }
}

const CSV_METADATA: &str = "bundle-object-to-csv-metadata";

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "add the next bundle (replaces)",
        ours: &["catalog", "add", "--db", "{copy}", "--bundles", "{image}"],
        opm: &[
            "registry",
            "add",
            "-d",
            "{copy}",
            "-b",
            "{image}",
            "--mode",
            "replaces",
            "--use-http",
            "--container-tool",
            "none",
        ],
        goal: Goal::Change(5.0),
    },
    Operation {
        name: "rm one package",
        ours: &["catalog", "rm", "--db", "{copy}", "--packages", "{package}"],
        opm: &["registry", "rm", "-d", "{copy}", "-o", "{package}"],
        goal: Goal::Change(3.0),
    },
    Operation {
        name: "deprecatetruncate one bundle",
        ours: &[
            "catalog",
            "deprecate",
            "--db",
            "{copy}",
            "--bundles",
            "{bundle}",
        ],
        opm: &[
            "registry",
            "deprecatetruncate",
            "-d",
            "{copy}",
            "-b",
            "{bundle}",
        ],
        goal: Goal::Change(3.0),
    },
    Operation {
        name: "migrate",
        ours: &["catalog", "migrate", "{db}", "{out}"],
        opm: &["migrate", "{db}", "{out}"],
        goal: Goal::Migrate,
    },
    Operation {
        name: "migrate, csv-metadata level",
        ours: &[
            "catalog",
            "migrate",
            "{db}",
            "{out}",
            "--migrate-level",
            CSV_METADATA,
        ],
        opm: &["migrate", "{db}", "{out}", "--migrate-level", CSV_METADATA],
        goal: Goal::Migrate,
    },
    Operation {
        name: "render database",
        ours: &["catalog", "render", "{db}"],
        opm: &["render", "{db}"],
        goal: Goal::Migrate,
    },
    Operation {
        name: "validate",
        ours: &["catalog", "validate", "{dir}"],
        opm: &["validate", "{dir}"],
        goal: Goal::Catalog,
    },
    Operation {
        name: "render directory (json)",
        ours: &["catalog", "render", "{dir}"],
        opm: &["render", "{dir}"],
        goal: Goal::Catalog,
    },
    Operation {
        name: "render directory (yaml)",
        ours: &["catalog", "render", "{dir}", "--output", "yaml"],
        opm: &["render", "{dir}", "-o", "yaml"],
        goal: Goal::Catalog,
    },
    Operation {
        name: "render directory, csv-metadata level",
        ours: &[
            "catalog",
            "render",
            "{dir}",
            "--migrate-level",
            CSV_METADATA,
        ],
        opm: &["render", "{dir}", "--migrate-level", CSV_METADATA],
        goal: Goal::Catalog,
    },
    Operation {
        name: "serve --cache-only (pogreb.v1)",
        ours: &[
            "catalog",
            "cache",
            "{dir}",
            "--cache-dir",
            "{out}",
            "--format",
            "pogreb.v1",
        ],
        opm: &[
            "serve",
            "{dir}",
            "--cache-dir",
            "{out}",
            "--cache-only",
            "--termination-log",
            "{out}.log",
        ],
        goal: Goal::Catalog,
    },
    Operation {
        name: "serve --cache-only again, cache present (pogreb.v1)",
        ours: &["catalog", "cache", "{dir}", "--cache-dir", "{kept}"],
        opm: &[
            "serve",
            "{dir}",
            "--cache-dir",
            "{kept}",
            "--cache-only",
            "--termination-log",
            "{out}.log",
        ],
        goal: Goal::Open,
    },
    Operation {
        name: "serve --cache-only (json)",
        ours: &[
            "catalog",
            "cache",
            "{dir}",
            "--cache-dir",
            "{out}",
            "--format",
            "json",
        ],
        opm: &[
            "serve",
            "{dir}",
            "--cache-dir",
            "{emptied}",
            "--cache-only",
            "--termination-log",
            "{out}.log",
        ],
        goal: Goal::Catalog,
    },
];
