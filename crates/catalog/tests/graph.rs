//! Upgrade graphs through the public interface.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::fmt::Write as _;

use catalog::fbc::{self, Catalog, Channel, Entry};
use catalog::graph::{self, EdgeKind, GraphError, PackageGraph, Presence, Standing};

/// A package with everything that has a sign of its own.
const DEMO: &str = r#"
{"schema": "olm.package", "name": "demo", "defaultChannel": "stable"}
{"schema": "olm.channel", "package": "demo", "name": "stable", "entries": [
  {"name": "demo.v1.2.0", "replaces": "demo.v1.0.0", "skips": ["demo.v1.1.0"], "skipRange": ">=1.0.0 <1.2.0"},
  {"name": "demo.v1.1.0", "replaces": "demo.v1.0.0"},
  {"name": "demo.v1.0.0", "replaces": "demo.v0.9.0"}]}
{"schema": "olm.channel", "package": "demo", "name": "old", "entries": [{"name": "demo.v1.0.0"}]}
{"schema": "olm.bundle", "package": "demo", "name": "demo.v1.2.0", "image": "quay.io/ns/demo:2",
 "properties": [{"type": "olm.package", "value": {"packageName": "demo", "version": "1.2.0"}}]}
{"schema": "olm.bundle", "package": "demo", "name": "demo.v1.1.0", "image": "quay.io/ns/demo:1",
 "properties": [{"type": "olm.package", "value": {"packageName": "demo", "version": "1.1.0"}}]}
{"schema": "olm.bundle", "package": "demo", "name": "demo.v1.0.0", "image": "quay.io/ns/demo:0",
 "properties": [{"type": "olm.package", "value": {"packageName": "demo", "version": "1.0.0"}}]}
{"schema": "olm.deprecations", "package": "demo", "entries": [
  {"reference": {"schema": "olm.bundle", "name": "demo.v1.0.0"}, "message": "no fixes any more"},
  {"reference": {"schema": "olm.channel", "name": "old"}, "message": "use stable"}]}
"#;

/// What XML, HTML, Mermaid and DOT treat as their own.
const HOSTILE: &str =
    "\"]<script>&amp;</script>%%{init: {}}%%\n#quot; `x` \\\" -->]]>\u{0}\u{202e}\u{fffe}";

fn read(text: &str) -> Catalog {
    fbc::read(text.as_bytes()).unwrap()
}

fn only(catalog: &Catalog) -> PackageGraph<'_> {
    let mut graphs = graph::select(catalog, &[], &[]).unwrap();
    assert_eq!(graphs.len(), 1);
    graphs.remove(0)
}

/// A package `p` with channels as `name: entry>replaces-skipped~range, …`.
fn catalog_of(channels: &[&str]) -> Catalog {
    let channels = channels.iter().map(|channel| {
        let (name, entries) = channel.split_once(':').unwrap();
        let entries = entries.split(',').map(str::trim).map(|entry| {
            let (entry, range) = entry.split_once('~').unwrap_or((entry, ""));
            let mut parts = entry.split('-');
            let (name, replaces) = parts.next().map_or(("", ""), |update| {
                update.split_once('>').unwrap_or((update, ""))
            });
            Entry {
                name: name.to_owned(),
                replaces: replaces.to_owned(),
                skips: parts.map(str::to_owned).collect(),
                skip_range: range.to_owned(),
            }
        });
        Channel {
            name: name.to_owned(),
            package: "p".to_owned(),
            entries: Some(entries.filter(|entry| !entry.name.is_empty()).collect()),
            properties: Vec::new(),
        }
    });
    Catalog {
        channels: channels.collect(),
        ..Catalog::default()
    }
}

/// The graph in lines: first the rows, then each channel with its nodes and edges.
///
/// `*` is a head, `?` a ghost, `!` a name that is not in the catalog.
fn describe(graph: &PackageGraph<'_>) -> String {
    let name = |row: usize| graph.rows[row].name;
    let rows = graph.rows.iter().map(|row| match row.presence {
        Presence::InChannel => row.name.to_owned(),
        Presence::InNoChannel => format!("({})", row.name),
        Presence::Missing => format!("{}!", row.name),
    });
    let mut text = rows.collect::<Vec<String>>().join(" ");
    for lane in &graph.lanes {
        let _ = write!(text, "\n{}:", lane.name);
        for node in &lane.nodes {
            let sign = match node.standing {
                Standing::Head => "*",
                Standing::Entry => "",
                Standing::Ghost => "?",
            };
            let _ = write!(text, " {}{sign}", name(node.row));
            if !node.skips_outside.is_empty() {
                let _ = write!(text, "(-{})", node.skips_outside.len());
            }
        }
        for edge in &lane.edges {
            let kind = match edge.kind {
                EdgeKind::Replaces => ">",
                EdgeKind::Skips => "-",
                EdgeKind::SkipRange => "~",
            };
            let _ = write!(text, " {}{kind}{}", name(edge.newer), name(edge.older));
        }
    }
    text
}

#[test]
fn channels_become_lanes_and_bundles_rows() {
    for (channels, expected) in [
        // A chain, its tail without entry; the lane with the newest head comes first.
        (
            &["a: p.v1.0.0>p.v0.9.0", "b: p.v1.1.0>p.v1.0.0, p.v1.0.0"][..],
            "p.v1.1.0 p.v1.0.0 p.v0.9.0!\n\
             b: p.v1.1.0* p.v1.0.0 p.v1.1.0>p.v1.0.0\n\
             a: p.v1.0.0* p.v0.9.0? p.v1.0.0>p.v0.9.0",
        ),
        // A bundle of another channel is a ghost in this one.
        (
            &["a: p.v1.0.0", "b: p.v2.0.0>p.v1.0.0"],
            "p.v2.0.0 p.v1.0.0\n\
             b: p.v2.0.0* p.v1.0.0? p.v2.0.0>p.v1.0.0\n\
             a: p.v1.0.0*",
        ),
        // Skips, and the range of the head alone.
        (
            &["a: p.v3.0.0-p.v2.0.0~<3.0.0, p.v2.0.0>p.v1.0.0~<2.0.0, p.v1.0.0"],
            "p.v3.0.0 p.v2.0.0 p.v1.0.0\n\
             a: p.v3.0.0* p.v2.0.0 p.v1.0.0 p.v3.0.0-p.v2.0.0 p.v3.0.0~p.v2.0.0 p.v3.0.0~p.v1.0.0 p.v2.0.0>p.v1.0.0",
        ),
        // A range that does not parse covers nothing.
        (
            &["a: p.v2.0.0~bogus, p.v1.0.0"],
            "p.v2.0.0 p.v1.0.0\na: p.v2.0.0* p.v1.0.0*",
        ),
        // Three skipped names outside the channel are ghosts, four are told in words.
        (
            &["a: p.v2.0.0-x-y-z"],
            "p.v2.0.0 z! y! x!\na: p.v2.0.0* z? y? x? p.v2.0.0-z p.v2.0.0-y p.v2.0.0-x",
        ),
        (&["a: p.v2.0.0-w-x-y-z"], "p.v2.0.0\na: p.v2.0.0*(-4)"),
        // Cycles and channels without entries.
        (&["a: x>y, y>x", "b:"], "y x\na: y x y>x x>y\nb:"),
        (&["a: x>x"], "x\na: x x>x"),
        // Names sort as people sort them, and among equals.
        (&["r-2.9: x", "r-2.10: x"], "x\nr-2.10: x*\nr-2.9: x*"),
    ] {
        let catalog = catalog_of(channels);
        assert_eq!(describe(&only(&catalog)), expected, "{channels:?}");
    }
}

#[test]
fn bundles_say_their_versions_and_who_is_deprecated() {
    let mut catalog = read(DEMO);
    catalog.bundles[0].name = "odd".to_owned();
    let marked = fbc::Property {
        type_: "olm.deprecated".to_owned(),
        value: Some("{}".to_owned()),
    };
    catalog.bundles[0].properties.push(marked);
    let graph = only(&catalog);
    let rows: Vec<_> = (graph.rows.iter())
        .map(|row| {
            (
                row.name,
                row.version.as_deref(),
                row.presence,
                row.deprecation,
            )
        })
        .collect();
    // `odd` has the version of `demo.v1.2.0`, whose name says it too.
    let expected = [
        ("odd", Some("1.2.0"), Presence::InNoChannel, Some("")),
        ("demo.v1.2.0", Some("1.2.0"), Presence::InChannel, None),
        ("demo.v1.1.0", Some("1.1.0"), Presence::InChannel, None),
        (
            "demo.v1.0.0",
            Some("1.0.0"),
            Presence::InChannel,
            Some("no fixes any more"),
        ),
        ("demo.v0.9.0", Some("0.9.0"), Presence::Missing, None),
    ];
    assert_eq!(rows, expected);
    let lanes: Vec<_> = (graph.lanes.iter())
        .map(|lane| (lane.name, lane.is_default, lane.deprecation))
        .collect();
    assert_eq!(
        lanes,
        [("stable", true, None), ("old", false, Some("use stable"))]
    );
    assert!(graph.has_default_channel);
}

#[test]
fn packages_and_channels_are_chosen_by_name() {
    let mut catalog = catalog_of(&["a: x>y, y", "b: z"]);
    let names =
        |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    let one = graph::select(&catalog, &names(&["p", "p"]), &names(&["b"])).unwrap();
    assert_eq!(one.len(), 1, "a name that comes twice is drawn once");
    assert_eq!(describe(&one[0]), "z\nb: z*");

    let refuse = |catalog: &Catalog, packages: &[&str], channels: &[&str]| {
        graph::select(catalog, &names(packages), &names(channels)).unwrap_err()
    };
    let error = refuse(&catalog, &["q"], &[]);
    assert_eq!(
        error.to_string(),
        "there is no package `q` in the catalog; it has `p`"
    );
    let error = refuse(&catalog, &["p"], &["c"]);
    assert_eq!(
        error.to_string(),
        "package `p` has no channel `c`; it has `a`, `b`"
    );
    catalog.channels[1].package = "q".to_owned();
    let error = refuse(&catalog, &[], &[]);
    assert_eq!(
        error.to_string(),
        "the catalog has 2 packages; name those to draw: `p`, `q`"
    );
    assert!(matches!(
        refuse(&Catalog::default(), &[], &[]),
        GraphError::Empty
    ));
    let both = graph::select(&catalog, &names(&["q", "p"]), &[]).unwrap();
    assert_eq!(
        both.iter().map(|graph| graph.name).collect::<Vec<_>>(),
        ["q", "p"]
    );
}

#[test]
fn a_demo_in_mermaid() {
    let catalog = read(DEMO);
    insta::assert_snapshot!(graph::mermaid(&[only(&catalog)]));
}

#[test]
fn a_demo_in_dot() {
    let catalog = read(DEMO);
    insta::assert_snapshot!(graph::dot(&[only(&catalog)]));
}

#[test]
fn a_demo_in_svg() {
    let catalog = read(DEMO);
    insta::assert_snapshot!(graph::svg(&[only(&catalog)]));
}

#[test]
fn names_cannot_break_out_of_any_format() {
    let mut catalog = read(DEMO);
    catalog.packages[0].name = HOSTILE.to_owned();
    catalog.packages[0].default_channel = HOSTILE.to_owned();
    for channel in &mut catalog.channels {
        channel.package = HOSTILE.to_owned();
        channel.name = HOSTILE.to_owned();
        for entry in channel.entries.iter_mut().flatten() {
            entry.name.push_str(HOSTILE);
            entry.replaces.push_str(HOSTILE);
            entry.skip_range.push_str(HOSTILE);
        }
    }
    for deprecations in &mut catalog.deprecations {
        deprecations.package = HOSTILE.to_owned();
        for entry in deprecations.entries.iter_mut().flatten() {
            entry.message.push_str(HOSTILE);
            entry.name.push_str(HOSTILE);
        }
    }
    catalog.bundles.clear();
    let graphs = [only(&catalog)];

    let svg = graph::svg(&graphs);
    let document = roxmltree::Document::parse(&svg).unwrap();
    let texts = document.descendants().filter(roxmltree::Node::is_text);
    let said = texts.filter(|node| node.text().is_some_and(|text| text.contains("<script>")));
    assert!(said.count() > 5, "names are shown as they are");
    assert!(
        !document
            .descendants()
            .any(|node| node.has_tag_name("script"))
    );

    // What is in quotes is of a few plain characters; outside of them there is nothing of a name.
    for line in graph::mermaid(&graphs).lines() {
        let quotes = line.matches('"').count();
        assert!(quotes == 0 || quotes == 2, "{line}");
        let comment = line.starts_with("%% Older");
        assert!(
            comment || !line.contains(['%', '`', '{', '\u{0}']),
            "{line}"
        );
        assert!(!line.contains("<script"), "{line}");
    }
    let dot = graph::dot(&graphs);
    assert!(!dot.contains("<script"));
    assert_eq!(dot.matches('{').count(), dot.matches('}').count());
    assert!(!dot.contains('\u{0}'));
}

#[test]
fn odd_packages_are_drawn_too() {
    let long = format!("a: {}", "x".repeat(5000));
    for channels in [
        &["a: x>y, y>x", "b:"][..],
        &["a: x>x-x~<1.0.0"],
        &["a: y>x, z>x-y-x", "a: y"],
        &["a:"],
        &[&long],
    ] {
        let catalog = catalog_of(channels);
        let graphs = [only(&catalog)];
        let svg = graph::svg(&graphs);
        assert!(roxmltree::Document::parse(&svg).is_ok(), "{channels:?}");
        assert!(svg.len() < 50_000, "{channels:?} take {} bytes", svg.len());
        for (text, begin) in [
            (graph::mermaid(&graphs), "subgraph"),
            (graph::dot(&graphs), "cluster_"),
        ] {
            let lanes = channels.len();
            assert_eq!(
                text.matches(begin).count(),
                lanes + 1,
                "{channels:?}: {text}"
            );
        }
    }
    let bundles_only = Catalog {
        channels: Vec::new(),
        ..read(DEMO)
    };
    let graph = only(&bundles_only);
    assert!(!graph.has_default_channel);
    assert!(graph::svg(&[graph]).contains("The default channel stable does not exist"));
}

#[test]
fn several_packages_are_below_each_other() {
    let mut catalog = catalog_of(&["a: x", "b: y"]);
    catalog.channels[1].package = "q".to_owned();
    let packages = ["p".to_owned(), "q".to_owned()];
    let graphs = graph::select(&catalog, &packages, &[]).unwrap();
    let height = |graphs: &[PackageGraph<'_>]| -> usize {
        let svg = graph::svg(graphs);
        let document = roxmltree::Document::parse(&svg).unwrap();
        document
            .root_element()
            .attribute("height")
            .unwrap()
            .parse()
            .unwrap()
    };
    assert_eq!(height(&graphs), height(&graphs[..1]) + height(&graphs[1..]));
}

/// The size of a picture grows with the entries, not with pairs of them.
#[test]
fn long_chains_and_crowded_skips_stay_small() {
    let chain = |count: usize, skips: usize| {
        let entries: Vec<String> = (0..count)
            .map(|minor| {
                let skipped =
                    (1..=skips.min(minor)).map(|below| format!("-p.v1.{}.0", minor - below));
                format!("p.v1.{minor}.0{}~<1.{minor}.0", skipped.collect::<String>())
            })
            .collect();
        let catalog = catalog_of(&[&format!("a:{}", entries.join(","))]);
        graph::svg(&[only(&catalog)]).len()
    };
    let (short, long) = (chain(500, 4), chain(2000, 4));
    assert!(long < short * 9 / 2, "{short} bytes became {long}");
}
