//! Random bundles, and calls that add them.

use indexdb::{AddOptions, Error, Mode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::support::{Index, Spec, spec};

pub(crate) const PACKAGES: [&str; 3] = ["p", "q", "r"];
const CHANNELS: [&str; 3] = ["alpha", "beta", "stable"];
const VERSIONS: [&str; 7] = [
    "0.9.0", "1.0.0", "1.0.1", "1.0.2", "1.1.0", "1.1.0+1", "2.0.0",
];

/// Bundles added in one call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    mode: Mode,
    overwrite: bool,
    pub(crate) bundles: Vec<Spec>,
}

impl Call {
    pub(crate) fn make(&self, index: &mut Index) -> Result<(), Error> {
        let options = AddOptions {
            mode: self.mode,
            overwrite_latest: self.overwrite,
            ..AddOptions::default()
        };
        index.add_with(&self.bundles, options)
    }
}

/// Calls that follow each other.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) calls: Vec<Call>,
}

/// Calls of one mode, some of which overwrite channel heads.
pub(crate) fn story() -> impl Strategy<Value = Story> {
    let mode = prop_oneof![
        4 => Just(Mode::Replaces),
        2 => Just(Mode::Semver),
        1 => Just(Mode::SemverSkippatch),
    ];
    let packages = subsequence(PACKAGES.to_vec(), 1..=PACKAGES.len());
    let packages = packages.prop_flat_map(|names| names.into_iter().map(chain).collect::<Vec<_>>());
    let sizes = vec((1..4_usize, any::<bool>()), 24);
    (mode, packages, sizes).prop_map(|(mode, packages, sizes)| {
        let mut bundles = packages.into_iter().flatten().peekable();
        let mut calls = Vec::new();
        for (size, overwrite) in sizes {
            let some: Vec<Spec> = bundles.by_ref().take(size).collect();
            if some.is_empty() {
                break;
            }
            let rebuilt = some
                .last()
                .cloned()
                .filter(|_| overwrite && mode == Mode::Replaces);
            calls.push(Call {
                mode,
                overwrite: false,
                bundles: some,
            });
            calls.extend(rebuilt.map(|bundle| Call {
                mode,
                overwrite: true,
                bundles: vec![bundle.clone().path(&format!("{}-rebuilt", bundle.path))],
            }));
        }
        Story { calls }
    })
}

/// The bundles of a package by ascending version.
pub(crate) fn bundles() -> impl Strategy<Value = Vec<Spec>> {
    chain("p")
}

/// The bundles of a package that no story has, with APIs of their own.
///
/// Removing the last provider of an API takes the rows of other packages with it where nothing requires an API (index
/// database specification, 1.4), so only a package that shares none can be removed without a trace.
pub(crate) fn new_package() -> impl Strategy<Value = Vec<Spec>> {
    chain("new")
}

/// Two packages, each of which is added bundle by bundle.
pub(crate) fn packages() -> impl Strategy<Value = [Vec<Spec>; 2]> {
    [chain("p"), chain("q")]
}

/// Bundles that may come in any order, and calls that bring all of them in another one.
///
/// All are in one channel, which all propose as default: a proposal that is no channel yet is refused.
pub(crate) fn semver_orders() -> impl Strategy<Value = (Vec<Spec>, Vec<Vec<Spec>>)> {
    // Build metadata does not tell versions apart here.
    let versions: Vec<&str> = (VERSIONS.into_iter())
        .filter(|version| !version.contains('+'))
        .collect();
    let count = versions.len();
    let more = vec(subsequence(vec!["alpha", "beta"], 0..=2), count);
    let bundles = (
        subsequence(versions, 1..=count),
        more,
        vec(apis("p"), count),
    );
    let bundles = bundles.prop_map(|(versions, more, apis)| {
        let all = versions.into_iter().zip(more).zip(apis);
        all.map(|((version, more), apis)| {
            let channels = [&["stable"], &more[..]].concat().join(",");
            apis.add_to(spec("p", version).channels(&channels, "stable"))
        })
        .collect::<Vec<_>>()
    });
    bundles.prop_flat_map(|bundles| {
        let calls = (Just(bundles.clone()).prop_shuffle(), 1..4_usize);
        let calls = calls.prop_map(|(bundles, size)| {
            let calls = bundles.chunks(size);
            calls.map(<[Spec]>::to_vec).collect()
        });
        (Just(bundles), calls)
    })
}

/// APIs, each of one side.
#[derive(Debug, Clone)]
struct Apis(Vec<(&'static str, String)>);

impl Apis {
    fn add_to(self, spec: Spec) -> Spec {
        let add = |spec: Spec, (side, kind): (&str, String)| spec.api(side, &kind);
        self.0.into_iter().fold(spec, add)
    }
}

/// At most one API: a CSV has one list of them.
fn apis(package: &'static str) -> impl Strategy<Value = Apis> {
    let side = select(vec!["owned", "required"]);
    let kind = select(vec!["Foo", "Bar"]);
    let kind = kind.prop_map(move |kind| match package {
        "new" => format!("New{kind}"),
        _ => kind.to_owned(),
    });
    vec((side, kind), 0..2).prop_map(Apis)
}

/// Bundles by ascending version; most replace the one below, some another one or none, some skip what lies below or was
/// never there.
fn chain(package: &'static str) -> impl Strategy<Value = Vec<Spec>> {
    let versions = subsequence(VERSIONS.to_vec(), 1..=VERSIONS.len());
    let bundle = (
        prop_oneof![6 => Just(1_usize), 1 => Just(2), 1 => Just(0)],
        vec(0..5_usize, 0..3),
        subsequence(CHANNELS.to_vec(), 1..=2),
        prop_oneof![2 => Just(true), 1 => Just(false)],
        apis(package),
    );
    (versions, vec(bundle, VERSIONS.len())).prop_map(move |(versions, bundles)| {
        let name = |index: usize| format!("{package}.v{}", versions[index]);
        let specs = bundles.into_iter().zip(0..versions.len());
        let specs = specs.map(|((below, skips, channels, proposes, apis), index)| {
            let default = if proposes { channels[0] } else { "" };
            // A tag holds no `+`.
            let path = format!("img/{package}:{}", versions[index].replace('+', "-"));
            let mut spec = spec(package, versions[index])
                .path(&path)
                .channels(&channels.join(","), default);
            if below > 0 && index >= below {
                spec = spec.replaces(&name(index - below));
            }
            let skips: Vec<String> = skips
                .into_iter()
                .map(|below| match index.checked_sub(below + 1) {
                    Some(index) => name(index),
                    None => format!("{package}.v0.0.{below}"),
                })
                .collect();
            if !skips.is_empty() {
                spec = spec.skips(&skips.join(", "));
            }
            apis.add_to(spec)
        });
        specs.collect()
    })
}
