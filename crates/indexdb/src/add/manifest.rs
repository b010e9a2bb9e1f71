//! Channel heads and the default channel of a package (index database specification, 4.2).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use catalog::Version;

use crate::error::Error;

/// What a bundle has to say about channels.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) name: String,
    /// As stored; empty means lower than every version.
    pub(super) version: String,
    pub(super) channels: Vec<String>,
    pub(super) default_channel: Option<String>,
}

/// The heads of a package's channels, and its default channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) heads: BTreeMap<String, String>,
    pub(super) default_channel: String,
}

/// The highest version seen so far, and how many bundles have it.
#[derive(Debug, Clone)]
struct Top {
    name: String,
    version: Version,
    count: usize,
}

impl Manifest {
    /// Finds the highest version of each channel and of the package; the order of the candidates matters for ties only.
    pub(super) fn compute(package: &str, candidates: &[Candidate]) -> Result<Self, Error> {
        let mut heads: BTreeMap<&str, Top> = BTreeMap::new();
        let mut highest = Top {
            name: String::new(),
            version: Version::ZERO,
            count: 0,
        };
        let mut proposed = "";
        for candidate in candidates {
            let version = version(package, candidate)?;
            let mut current = Top {
                name: candidate.name.clone(),
                version,
                count: 1,
            };
            for channel in &candidate.channels {
                let Some(head) = heads.get_mut(channel.as_str()) else {
                    heads.insert(channel, current.clone());
                    continue;
                };
                match current.version.cmp(&head.version) {
                    Ordering::Less => continue,
                    // The raised count is kept for the following channels and for the package, as the reference tool does: a channel
                    // listed twice therefore fails the bundle.
                    Ordering::Equal => current.count += head.count,
                    Ordering::Greater => {}
                }
                *head = current.clone();
            }
            match current.version.cmp(&highest.version) {
                Ordering::Less => continue,
                Ordering::Equal => current.count += highest.count,
                Ordering::Greater => {}
            }
            highest = current;
            proposed = candidate.default_channel.as_deref().unwrap_or(proposed);
        }
        if highest.count > 1 {
            return Err(Error::MaximumTie {
                package: package.to_owned(),
                version: highest.version.to_string(),
            });
        }
        if let Some((channel, head)) = heads.iter().find(|(_, head)| head.count > 1) {
            let (package, channel) = (package.to_owned(), (*channel).to_owned());
            return Err(Error::HeadTie {
                package,
                channel,
                version: head.version.to_string(),
            });
        }
        let only = if heads.len() == 1 {
            heads.keys().next().copied()
        } else {
            None
        };
        let default = match only {
            Some(only) if proposed.is_empty() => Some(only),
            _ => heads.contains_key(proposed).then_some(proposed),
        };
        let Some(default) = default else {
            let channels = heads.keys().map(|channel| (*channel).to_owned()).collect();
            return Err(Error::NoDefaultChannel {
                package: package.to_owned(),
                proposed: proposed.to_owned(),
                channels,
            });
        };
        Ok(Self {
            default_channel: default.to_owned(),
            heads: heads
                .into_iter()
                .map(|(channel, head)| (channel.to_owned(), head.name))
                .collect(),
        })
    }
}

/// The version a candidate counts as.
pub(super) fn version(package: &str, candidate: &Candidate) -> Result<Version, Error> {
    let text = if candidate.version.is_empty() {
        "0.0.0-z"
    } else {
        &candidate.version
    };
    text.parse().map_err(|source| Error::Version {
        package: package.to_owned(),
        bundle: candidate.name.clone(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Candidates as `name version channels default`.
    fn check(candidates: &[(&str, &str, &str, &str)], expected: Result<(&str, &str), &str>) {
        let candidates: Vec<Candidate> = candidates
            .iter()
            .map(|(name, version, channels, default)| Candidate {
                name: (*name).to_owned(),
                version: (*version).to_owned(),
                channels: channels
                    .split(',')
                    .filter(|name| !name.is_empty())
                    .map(str::to_owned)
                    .collect(),
                default_channel: Some((*default).to_owned()).filter(|name| !name.is_empty()),
            })
            .collect();
        let computed = Manifest::compute("p", &candidates);
        match (computed, expected) {
            (Ok(manifest), Ok((heads, default))) => {
                let found: Vec<String> = manifest
                    .heads
                    .iter()
                    .map(|(channel, head)| format!("{channel}={head}"))
                    .collect();
                assert_eq!(
                    (found.join(" ").as_str(), manifest.default_channel.as_str()),
                    (heads, default),
                    "{candidates:?}"
                );
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (computed, expected) => panic!("expected {expected:?}, got {computed:?}"),
        }
    }

    #[test]
    fn the_highest_version_heads_its_channels() {
        check(
            &[("a", "1.0.0", "x,y", "x"), ("b", "1.1.0", "x", "")],
            Ok(("x=b y=a", "x")),
        );
        check(
            &[("a", "1.0.0", "x", ""), ("b", "1.0.0+1", "x", "")],
            Ok(("x=b", "x")),
        );
        check(
            &[("a", "10.0.0", "x", ""), ("b", "9.0.0", "x", "")],
            Ok(("x=a", "x")),
        );
    }

    #[test]
    fn the_highest_version_with_a_proposal_decides_the_default() {
        check(
            &[("a", "1.0.0", "x,y", "x"), ("b", "1.1.0", "x,y", "y")],
            Ok(("x=b y=b", "y")),
        );
        check(
            &[("a", "1.0.0", "x,y", "x"), ("b", "1.1.0", "x,y", "")],
            Ok(("x=b y=b", "x")),
        );
        check(&[("a", "1.0.0", "x", "z")], Err("`z` is proposed"));
        check(&[("a", "1.0.0", "x,y", "")], Err("none is proposed"));
        check(&[("a", "1.0.0", "", "x")], Err("its channels are none"));
    }

    #[test]
    fn proposals_of_versions_below_zero_are_not_heard() {
        check(&[("a", "", "x,y", "x")], Err("none is proposed"));
        check(&[("a", "0.0.0-a", "x,y", "x")], Err("none is proposed"));
        check(&[("a", "0.0.0", "x,y", "x")], Ok(("x=a y=a", "x")));
        check(&[("a", "", "x", "")], Ok(("x=a", "x")));
    }

    #[test]
    fn ties_are_errors() {
        check(
            &[("a", "1.0.0", "x", ""), ("b", "1.0.0", "x", "")],
            Err("maximum version `1.0.0`"),
        );
        check(&[("a", "1.0.0", "x,x", "x")], Err("maximum version"));
        check(
            &[
                ("a", "1.0.0", "x", ""),
                ("b", "1.0.0", "x", ""),
                ("c", "2.0.0", "y", "y"),
            ],
            Err("channel `x`"),
        );
        check(&[("a", "v1.0.0", "x", "")], Err("version of bundle `a`"));
    }
}
