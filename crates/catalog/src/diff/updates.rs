//! Which updates a channel offers, and what became of them.
//!
//! A cluster that runs one bundle is offered every entry of its channel that replaces or skips it, or whose `skipRange`
//! holds its version, and takes one after the other up to the head.

use std::cell::OnceCell;
use std::collections::{BTreeMap, VecDeque};

use super::effect::Effect;
use crate::fbc::{Bundle, Channel, Graph, Member};
use crate::{Version, VersionRange};

/// How many times versions of one channel are compared with ranges; a bound for hostile catalogs, far above real channels.
const COMPARISONS: usize = 1_000_000;

/// The bundles of a package before and after, by name.
pub(super) struct Bundles<'a> {
    old: BTreeMap<&'a str, &'a Bundle>,
    new: BTreeMap<&'a str, &'a Bundle>,
    /// The versions that clusters may run, old ones before new ones; made when a range asks for them.
    versions: OnceCell<BTreeMap<&'a str, Version>>,
}

impl<'a> Bundles<'a> {
    pub(super) fn new(old: &[&'a Bundle], new: &[&'a Bundle]) -> Self {
        let by_name = |bundles: &[&'a Bundle]| {
            let bundles = bundles.iter().copied();
            bundles
                .map(|bundle| (bundle.name.as_str(), bundle))
                .collect()
        };
        Self {
            old: by_name(old),
            new: by_name(new),
            versions: OnceCell::new(),
        }
    }

    fn versions(&self) -> &BTreeMap<&'a str, Version> {
        self.versions.get_or_init(|| {
            let bundles = self.new.iter().chain(&self.old);
            let version = |(name, bundle): (&&'a str, &&'a Bundle)| {
                Some((*name, bundle.version()?.version.parse().ok()?))
            };
            bundles.filter_map(version).collect()
        })
    }
}

/// The upgrade graph of a channel, valid or not; of entries with the same name the last one counts.
pub(super) fn graph(channel: &Channel) -> Graph<'_> {
    let members = channel.entries.iter().flatten().map(|entry| {
        let member = Member {
            entry,
            bundle: None,
            version: None,
            deprecation: None,
        };
        (entry.name.as_str(), member)
    });
    Graph {
        channel: Some(channel),
        members: members.collect(),
        deprecation: None,
    }
}

/// The only head of a channel.
///
/// # Errors
/// Why there is none.
pub(super) fn head<'a>(graph: &Graph<'a>) -> Result<&'a str, String> {
    match graph.heads()[..] {
        [head] => Ok(head),
        [] => Err("the channel has no head".to_owned()),
        ref heads => Err(format!(
            "the channel has several heads, {}",
            super::words::names(heads)
        )),
    }
}

/// What the changes of a channel's graph mean for clusters that follow it, or switch to it.
pub(super) fn effects<'a>(
    old: &Graph<'a>,
    new: &Graph<'a>,
    bundles: &Bundles<'a>,
) -> Vec<Effect<'a>> {
    match judge(old, new, bundles) {
        Ok(effects) => effects,
        Err(reason) => vec![Effect::NotJudged { reason }],
    }
}

fn judge<'a>(
    old: &Graph<'a>,
    new: &Graph<'a>,
    bundles: &Bundles<'a>,
) -> Result<Vec<Effect<'a>>, String> {
    let before = head(old).map_err(|reason| format!("before, {reason}"))?;
    let after = head(new).map_err(|reason| format!("now, {reason}"))?;
    let old_steps = steps_to(before, old, bundles)?;
    let new_steps = steps_to(after, new, bundles)?;

    let mut effects = Vec::new();
    if before != after {
        let version = |of: &BTreeMap<&str, &Bundle>, name| {
            let bundle: &Bundle = of.get(name)?;
            bundle.version()?.version.parse::<Version>().ok()
        };
        effects.push(Effect::NewHead {
            before,
            after,
            steps: new_steps.get(before).copied(),
            older: version(&bundles.new, after) < version(&bundles.old, before),
        });
    }
    let reach = |name: &str| (old_steps.contains_key(name), new_steps.contains_key(name));
    let (mut cut, mut left, mut moved, mut opened) = <(Vec<_>, Vec<_>, Vec<_>, Vec<_>)>::default();
    for name in old.members.keys().copied() {
        if before != after && name == before {
            continue;
        }
        match (reach(name), new.members.contains_key(name)) {
            ((_, false), false) => left.push(name),
            ((_, true), false) => moved.push(name),
            ((true, false), true) => cut.push(name),
            ((false, true), true) => opened.push(name),
            ((true, true) | (false, false), true) => {}
        }
    }
    let (mut closed_to, mut open_to) = <(Vec<_>, Vec<_>)>::default();
    for name in bundles.old.keys().copied() {
        if old.members.contains_key(name) || new.members.contains_key(name) {
            continue;
        }
        match reach(name) {
            (true, false) => closed_to.push(name),
            (false, true) => open_to.push(name),
            (true, true) | (false, false) => {}
        }
    }
    let lists = [
        (cut.is_empty(), Effect::UpdatesCut { bundles: cut }),
        (left.is_empty(), Effect::LeftBehind { bundles: left }),
        (moved.is_empty(), Effect::MovedOn { bundles: moved }),
        (opened.is_empty(), Effect::UpdatesOpened { bundles: opened }),
        (
            closed_to.is_empty(),
            Effect::SwitchesCut { bundles: closed_to },
        ),
        (
            open_to.is_empty(),
            Effect::SwitchesOpened { bundles: open_to },
        ),
    ];
    let lists = lists.into_iter().filter(|(empty, _)| !empty);
    effects.extend(lists.map(|(_, effect)| effect));
    if effects.is_empty() {
        effects.push(Effect::UpdatesKept);
    }
    Ok(effects)
}

/// From which bundles updates lead to the head, and how many; the head itself needs none.
fn steps_to<'a>(
    head: &'a str,
    graph: &Graph<'a>,
    bundles: &Bundles<'a>,
) -> Result<BTreeMap<&'a str, usize>, String> {
    let mut steps = BTreeMap::from([(head, 0)]);
    let mut queue = VecDeque::from([(head, 0)]);
    let ranges = (graph.members.values()).any(|member| !member.entry.skip_range.is_empty());
    let mut unreached: BTreeMap<&str, &Version> = BTreeMap::new();
    if ranges {
        unreached.extend(
            bundles
                .versions()
                .iter()
                .map(|(name, version)| (*name, version)),
        );
    }
    let mut comparisons = 0;
    while let Some((name, distance)) = queue.pop_front() {
        unreached.remove(name);
        let Some(entry) = graph.members.get(name).map(|member| member.entry) else {
            continue;
        };
        let mut below: Vec<&str> = entry.skips.iter().map(String::as_str).collect();
        below.push(&entry.replaces);
        // Who cannot read a range skips nothing by it.
        if let Ok(range) = entry.skip_range.parse::<VersionRange>() {
            comparisons += unreached.len();
            if comparisons > COMPARISONS {
                return Err("the channel has too many entries with a `skipRange`".to_owned());
            }
            let inside = unreached
                .iter()
                .filter(|(_, version)| range.contains(version));
            below.extend(inside.map(|(name, _)| *name));
        }
        for name in below {
            if !name.is_empty() && !steps.contains_key(name) {
                steps.insert(name, distance + 1);
                queue.push_back((name, distance + 1));
                unreached.remove(name);
            }
        }
    }
    Ok(steps)
}
