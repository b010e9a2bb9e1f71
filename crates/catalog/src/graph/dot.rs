//! Graphs in the DOT language of Graphviz.

use super::text::{LONGEST, escape_xml, put, shorten};
use super::{EdgeKind, Lane, Node, PackageGraph, Standing};

const HEADER: &str = "\
// Older bundles are below; arrows point the way a cluster updates.
digraph upgrades {
  rankdir=BT
  node [shape=box style=rounded fontname=\"monospace\" fontsize=11]
  edge [fontname=\"sans-serif\" fontsize=9]
  graph [fontname=\"sans-serif\" style=rounded]
";

/// One digraph of all graphs: a cluster for each package, and in it one for each channel.
pub fn dot(graphs: &[PackageGraph<'_>]) -> String {
    let mut out = HEADER.to_owned();
    for (package, graph) in graphs.iter().enumerate() {
        let title = struck(graph.name, graph.deprecation.is_some());
        put(
            &mut out,
            format_args!("  subgraph cluster_{package} {{\n    label=<{title}>\n"),
        );
        for (channel, lane) in graph.lanes.iter().enumerate() {
            let id = format!("{package}_{channel}");
            draw_lane(&mut out, &id, graph, lane);
        }
        out.push_str("  }\n");
    }
    out.push_str("}\n");
    out
}

fn draw_lane(out: &mut String, id: &str, graph: &PackageGraph<'_>, lane: &Lane<'_>) {
    let mut title = struck(lane.name, lane.deprecation.is_some());
    match lane.remark().as_str() {
        "" => {}
        remark => put(&mut title, format_args!(" ({remark})")),
    }
    put(
        out,
        format_args!("    subgraph cluster_{id} {{\n      label=<{title}>\n"),
    );
    for node in &lane.nodes {
        let attributes = attributes(graph, node);
        put(
            out,
            format_args!("      n{id}_{} [{attributes}]\n", node.row),
        );
    }
    for edge in &lane.edges {
        let attributes = match edge.kind {
            EdgeKind::Replaces => "",
            EdgeKind::Skips => " [style=dashed label=\"skips\"]",
            EdgeKind::SkipRange => " [style=dotted label=\"skipRange\" constraint=false]",
        };
        let (older, newer) = (edge.older, edge.newer);
        put(
            out,
            format_args!("      n{id}_{older} -> n{id}_{newer}{attributes}\n"),
        );
    }
    out.push_str("    }\n");
}

fn attributes(graph: &PackageGraph<'_>, node: &Node<'_>) -> String {
    let row = &graph.rows[node.row];
    let mut label = struck(row.name, row.deprecation.is_some());
    for remark in graph.remarks(node) {
        put(
            &mut label,
            format_args!("<br/><i>{}</i>", escape_xml(&remark)),
        );
    }
    let style = match node.standing {
        Standing::Head => " style=\"rounded,filled,bold\" fillcolor=\"#ddf4ff\" color=\"#0969da\"",
        Standing::Entry => "",
        Standing::Ghost => " style=\"rounded,dotted\" fontcolor=\"#59636e\"",
    };
    format!("label=<{label}>{style}")
}

/// A text of an HTML-like label, struck through if it is deprecated.
fn struck(text: &str, is_deprecated: bool) -> String {
    match (text, is_deprecated) {
        // Graphviz refuses labels with nothing in them.
        ("", _) => " ".to_owned(),
        (text, true) => format!("<s>{}</s>", escape_xml(&shorten(text, LONGEST))),
        (text, false) => escape_xml(&shorten(text, LONGEST)),
    }
}
