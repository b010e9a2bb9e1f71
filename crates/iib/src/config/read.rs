//! Reading a configuration file with every mistake in it.

use std::path::Path;

use serde::Deserialize as _;
use toml::de::{DeTable, Deserializer};

use super::Config;
use super::mistakes::{Mistake, Mistakes};
use super::places::{Places, line_of, remove};

/// More mistakes than anybody mends at once; bounds the work on a file that is something else.
const MAX_MISTAKES: usize = 100;

impl Config {
    /// Reads `path`, or the defaults when there is none, and refuses what cannot be served, naming every mistake at once.
    pub(crate) fn read(path: Option<&Path>) -> anyhow::Result<Self> {
        let text = match path {
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                anyhow::Error::new(error).context(format!(
                    "the configuration `{}` could not be read",
                    path.display()
                ))
            })?,
            None => String::new(),
        };
        Self::of_text(&text).map_err(|list| {
            let file = path.map(Path::to_owned);
            Mistakes { file, list }.into()
        })
    }

    /// Understands a whole file, or says everything that is wrong with it.
    pub(crate) fn of_text(text: &str) -> Result<Self, Vec<Mistake>> {
        let (document, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            // Keys of a broken text may be missing or doubled; what would be said about them misleads.
            let mistake = |error: &toml::de::Error| Mistake {
                line: error.span().map(|span| line_of(text, span.start)),
                key: String::new(),
                text: error.message().replace('\n', ", "),
            };
            let mut mistakes: Vec<_> = errors.iter().take(MAX_MISTAKES).map(mistake).collect();
            mistakes.sort_by_key(|mistake| mistake.line);
            return Err(mistakes);
        }
        let span = document.span();
        let mut table = document.into_inner();
        let places = Places::of(&table);
        let mut mistakes: Vec<Mistake> = Vec::new();
        // A mistake ends the reading; so it is taken out and the rest is read again.
        let config = loop {
            let document = toml::Spanned::new(span.clone(), table.clone());
            let error = match Self::deserialize(Deserializer::from(document)) {
                Ok(config) => break Some(config),
                Err(error) => error,
            };
            let found = error.span().and_then(|span| places.key_at(&span));
            let key = found.map(|(path, _)| path.join(".")).unwrap_or_default();
            let prefix = format!("{key}.");
            let follows = mistakes.iter().any(|known| known.key.starts_with(&prefix));
            // Something is missing because it was wrong and was taken out.
            if !follows {
                mistakes.push(Mistake {
                    line: error.span().map(|span| line_of(text, span.start)),
                    key,
                    text: with_remedy(error.message()),
                });
            }
            let removed = found.is_some_and(|(_, place)| remove(&mut table, place));
            if !removed || mistakes.len() >= MAX_MISTAKES {
                break None;
            }
        };
        if let Some(config) = &config {
            let known: Vec<String> = mistakes.iter().map(|known| known.key.clone()).collect();
            let found = config.problems().into_iter().map(|(key, problem)| Mistake {
                line: places.offset_of(&key).map(|offset| line_of(text, offset)),
                key,
                text: problem,
            });
            mistakes.extend(found.filter(|mistake| !known.contains(&mistake.key)));
        }
        match config {
            Some(config) if mistakes.is_empty() => Ok(config),
            _ => {
                mistakes.sort_by_key(|mistake| mistake.line);
                Err(mistakes)
            }
        }
    }
}

/// Adds how to write it where a library only says what it is not.
fn with_remedy(message: &str) -> String {
    let remedy = match message {
        "invalid socket address syntax" => {
            "; write an address and a port, such as `127.0.0.1:8320` or `[::]:8320`"
        }
        "invalid IP address syntax" => "; write an address such as `192.0.2.7` or `2001:db8::7`",
        text if text.starts_with("unknown field") && !text.contains("expected") => {
            "; there are no keys in this table"
        }
        _ => "",
    };
    format!("{}{remedy}", message.replace('\n', ", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every mistake as `line key`, and all texts.
    fn mistakes(text: &str) -> (Vec<String>, String) {
        let list = Config::of_text(text).unwrap_err();
        let places = list
            .iter()
            .map(|mistake| format!("{} {}", mistake.line.unwrap_or(0), mistake.key))
            .collect();
        let texts: Vec<String> = list.into_iter().map(|mistake| mistake.text).collect();
        (places, texts.join("\n"))
    }

    #[test]
    fn every_mistake_is_found_at_once_with_its_place() {
        let text = "data_dir = 3\nunknown = 1\n\n[server]\nlisten = 'nowhere'\nlissten = 1\ntrusted_proxies = ['127.0.0.1', 'proxy', '::1', 'x']\n\
            graph_mode_options = ['replaces', 'newest']\nmax_per_page = 0\n[server.limits]\nmax_json_depth = 1000\n\
            [server.tls]\ncert = 'c'\n\n[build]\nimage_push_template = 'quay.io/x:latest'\non_lost_arch = 'keep'\n\
            [build.binary_images.prod]\n'v4.19' = '::'\n[build.binary_images.live]\n'v4.19' = 'quay.io/x:1'\n\
            [registries]\ninsecure = ['a b']\n[worker]\nlease_seconds = 0\n";
        let (places, texts) = mistakes(text);
        assert_eq!(
            places,
            [
                "1 data_dir",
                "2 unknown",
                "5 server.listen",
                "6 server.lissten",
                "7 server.trusted_proxies.1",
                "7 server.trusted_proxies.3",
                "8 server.graph_mode_options.1",
                "9 server.max_per_page",
                "11 server.limits.max_json_depth",
                "12 server.tls",
                "15 build.registry",
                "17 build.on_lost_arch",
                "19 build.binary_images.prod.v4.19",
                "20 build.binary_images.live",
                "23 registries.insecure",
                "25 worker.lease_seconds",
            ],
            "{texts}"
        );
        for part in [
            "`127.0.0.1:8320`",
            "expected one of `listen`",
            "`newest`",
            "from 1 to 127",
            "missing field `key`",
            "registry.example.com",
            "keep-missing",
            "dev",
        ] {
            assert!(texts.contains(part), "{part}: {texts}");
        }
        let (places, _) =
            mistakes("[build]\nregistry = 'quay.io'\nimage_push_template = 'quay.io/x:latest'\n");
        assert_eq!(places, ["3 build.image_push_template"]);
    }

    #[test]
    fn what_is_missing_because_it_was_wrong_is_said_once() {
        let (places, texts) =
            mistakes("[build]\nregistry = 'quay.io'\n[server.tls]\ncert = 1\nkey = 'k'\n");
        assert_eq!(places, ["4 server.tls.cert"], "{texts}");
        let (places, texts) = mistakes("[build]\nregistry = 3\n");
        assert_eq!(places, ["2 build.registry"], "{texts}");
    }

    #[test]
    fn a_text_that_is_no_toml_is_refused_with_the_lines() {
        let (places, _) = mistakes("[build]\nregistry = \n\n[server\n");
        assert_eq!(places, ["2 ", "4 "]);
    }

    #[test]
    fn the_example_has_no_mistakes() {
        let text = include_str!("../../../../docs/iib.example.toml");
        let config = Config::of_text(text).unwrap();
        assert_eq!(config.build.binary_images.len(), 1);
    }
}
