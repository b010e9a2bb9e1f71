//! What the signs of a picture mean: those that are in it.

use super::super::text::put;
use super::super::{EdgeKind, PackageGraph, Standing};
use super::layout::{MARGIN, note_width};

const LINE: usize = 26;
const SAMPLE: usize = 34;
const GAP: usize = 24;

/// The legend's shapes, from its upper left corner, and its height in pixels.
pub(super) fn legend(graph: &PackageGraph<'_>, width: usize) -> (String, usize) {
    let (mut shapes, mut x, mut lines) = (String::new(), MARGIN, 0);
    for (text, sample) in signs(graph) {
        let needed = SAMPLE + 8 + note_width(text);
        if lines == 0 || x + needed + MARGIN > width {
            (x, lines) = (MARGIN, lines + 1);
        }
        let y = (lines - 1) * LINE + LINE / 2;
        put(
            &mut shapes,
            format_args!(
                "<g transform=\"translate({x} {y})\">{sample}<text class=\"note\" x=\"{}\" y=\"4\">{text}</text></g>",
                SAMPLE + 8
            ),
        );
        x += needed + GAP;
    }
    (shapes, lines * LINE)
}

/// The signs in a picture: what they mean, and a sample around the height 0.
fn signs(graph: &PackageGraph<'_>) -> Vec<(&'static str, String)> {
    let nodes = || graph.lanes.iter().flat_map(|lane| &lane.nodes);
    let has = |standing| nodes().any(|node| node.standing == standing);
    let has_edge = |kind| {
        let mut edges = graph.lanes.iter().flat_map(|lane| &lane.edges);
        edges.any(|edge| edge.kind == kind)
    };
    let is_deprecated = graph.rows.iter().any(|row| row.deprecation.is_some());
    let node = |class: &str, text: &str| {
        format!(
            "<g class=\"node {class}\"><rect x=\"1\" y=\"-8\" width=\"32\" height=\"16\" rx=\"5\"/><text class=\"word\" x=\"17\" y=\"3\">{text}</text></g>"
        )
    };
    let edge = |classes: &str, tip: &str| {
        format!("<path class=\"edge{classes}\" marker-end=\"url(#{tip})\" d=\"M0 0H26\"/>")
    };
    let struck = node("deprecated", "<tspan class=\"struck\">1.0</tspan>");
    let all = [
        (has(Standing::Head), "channel head", node("head", "head")),
        (has_edge(EdgeKind::Replaces), "replaced by", edge("", "tip")),
        (
            has_edge(EdgeKind::Skips),
            "skipped by",
            edge(" skips", "skips-tip"),
        ),
        (
            has_edge(EdgeKind::SkipRange),
            "in the skipRange of the head",
            edge(" range", "range-tip"),
        ),
        (
            has(Standing::Ghost),
            "not in the channel",
            node("ghost", "1.0"),
        ),
        (is_deprecated, "deprecated", struck),
    ];
    let shown = all.into_iter().filter(|(is_shown, ..)| *is_shown);
    shown.map(|(_, text, sample)| (text, sample)).collect()
}
