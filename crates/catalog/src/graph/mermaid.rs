//! Graphs as Mermaid flowcharts.

use std::collections::BTreeMap;

use super::text::{LONGEST, put, shorten};
use super::{EdgeKind, Lane, PackageGraph, Standing};

const HEADER: &str = "\
%% Older bundles are below; arrows point the way a cluster updates.
flowchart BT
";
const CLASSES: &str = "  classDef head fill:#0969da,stroke:#0969da,color:#ffffff,font-weight:bold
  classDef ghost fill:none,stroke-dasharray:2 3,color:#59636e
  classDef deprecated stroke:#cf222e,text-decoration:line-through
";

/// One flowchart of all graphs: a subgraph for each package, and in it one for each channel.
///
/// Viewers refuse charts beyond a limit of their own, by default 500 edges or 50,000 characters.
pub fn mermaid(graphs: &[PackageGraph<'_>]) -> String {
    let mut out = HEADER.to_owned();
    let mut classes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (package, graph) in graphs.iter().enumerate() {
        line(
            &mut out,
            1,
            &format!("subgraph p{package}[\"{}\"]", escape(graph.name)),
        );
        for (channel, lane) in graph.lanes.iter().enumerate() {
            let prefix = format!("p{package}c{channel}");
            draw_lane(&mut out, &prefix, graph, lane);
            for node in &lane.nodes {
                let mut add = |class| {
                    let members = classes.entry(class).or_default();
                    members.push(format!("{prefix}n{}", node.row));
                };
                match node.standing {
                    Standing::Head => add("head"),
                    Standing::Entry => {}
                    Standing::Ghost => add("ghost"),
                }
                if graph.rows[node.row].deprecation.is_some() {
                    add("deprecated");
                }
            }
        }
        line(&mut out, 1, "end");
    }
    out.push_str(CLASSES);
    for (class, members) in &classes {
        line(&mut out, 1, &format!("class {} {class}", members.join(",")));
    }
    out
}

fn draw_lane(out: &mut String, prefix: &str, graph: &PackageGraph<'_>, lane: &Lane<'_>) {
    let mut title = escape(lane.name);
    match lane.remark().as_str() {
        "" => {}
        remark => {
            put(&mut title, format_args!(" ({remark})"));
        }
    }
    line(out, 2, &format!("subgraph {prefix}[\"{title}\"]"));
    for node in &lane.nodes {
        let mut label = escape(graph.rows[node.row].name);
        for remark in graph.remarks(node) {
            label.push_str("<br/>");
            label.push_str(&escape(&remark));
        }
        line(out, 3, &format!("{prefix}n{}[\"{label}\"]", node.row));
    }
    for edge in &lane.edges {
        let arrow = match edge.kind {
            EdgeKind::Replaces => "-->",
            EdgeKind::Skips => "-. skips .->",
            EdgeKind::SkipRange => "-. skipRange .->",
        };
        let (older, newer) = (edge.older, edge.newer);
        line(
            out,
            3,
            &format!("{prefix}n{older} {arrow} {prefix}n{newer}"),
        );
    }
    line(out, 2, "end");
}

fn line(out: &mut String, depth: usize, text: &str) {
    out.extend(std::iter::repeat_n("  ", depth));
    out.push_str(text);
    out.push('\n');
}

/// A text in quotes: what could end it, begin a directive, or be taken for HTML or Markdown becomes an entity.
fn escape(text: &str) -> String {
    if text.is_empty() {
        // Mermaid refuses labels with nothing in them.
        return " ".to_owned();
    }
    let mut escaped = String::new();
    for character in shorten(text, LONGEST).chars() {
        match character {
            '"' => escaped.push_str("#quot;"),
            '&' => escaped.push_str("#amp;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            '#' | '%' | '`' | '\\' | '{' | '}' => {
                put(&mut escaped, format_args!("#{};", u32::from(character)));
            }
            character => escaped.push(character),
        }
    }
    escaped
}
