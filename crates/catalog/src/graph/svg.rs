//! Graphs as an SVG picture that needs nothing else to be shown.
//!
//! Rows are bundles, the newest on top, and columns are channels; light and dark surroundings have colours of their own,
//! and every sign differs from the others in more than its colour.

mod draw;
mod edges;
mod layout;
mod legend;
mod rails;

use super::text::{count, escape_xml, listing, put};
use super::{PackageGraph, Standing};
use draw::draw;
use layout::Layout;

const STYLE: &str = include_str!("svg/style.css");

/// One picture of all graphs, one below the other.
///
/// Its size in pixels is that at which its smallest letters, 9 pixels high, are readable; wide and tall ones are
/// meant to be scrolled. Texts that are too long for their place are cut, and whole in the tooltip.
pub fn svg(graphs: &[PackageGraph<'_>]) -> String {
    let layouts: Vec<Layout<'_, '_>> = graphs.iter().map(Layout::new).collect();
    let width = layouts.iter().map(|layout| layout.width).max().unwrap_or(0);
    let height: usize = layouts.iter().map(|layout| layout.height).sum();
    let names: Vec<&str> = graphs.iter().map(|graph| graph.name).collect();
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"graph-title graph-description\">\n\
         <title id=\"graph-title\">Upgrade graph of {}</title>\n<desc id=\"graph-description\">{}</desc>\n<style>\n{STYLE}</style>\n<defs>\n",
        escape_xml(&listing(&names)),
        escape_xml(&description(graphs)),
    );
    for tip in ["tip", "skips-tip", "range-tip"] {
        put(
            &mut out,
            format_args!(
                "<marker id=\"{tip}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto-start-reverse\"><path class=\"{tip}\" d=\"M0 0.5L8 4L0 7.5z\"/></marker>\n"
            ),
        );
    }
    put(
        &mut out,
        format_args!("</defs>\n<rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>\n"),
    );
    let mut top = 0;
    for layout in &layouts {
        put(
            &mut out,
            format_args!("<g transform=\"translate(0 {top})\">\n"),
        );
        draw(&mut out, layout);
        out.push_str("</g>\n");
        top += layout.height;
    }
    out.push_str("</svg>\n");
    out
}

/// The pictures in words: the heads of all channels.
fn description(graphs: &[PackageGraph<'_>]) -> String {
    let mut text = String::new();
    for graph in graphs {
        put(
            &mut text,
            format_args!("Package {}: ", listing(&[graph.name])),
        );
        let channels = graph.lanes.iter().map(|lane| {
            let heads = (lane.nodes.iter()).filter(|node| node.standing == Standing::Head);
            let heads: Vec<&str> = heads.map(|node| graph.rows[node.row].name).collect();
            let kind = if lane.is_default {
                "default channel"
            } else {
                "channel"
            };
            format!(
                "{kind} {} has the head {}",
                listing(&[lane.name]),
                listing(&heads)
            )
        });
        let channels: Vec<String> = channels.collect();
        put(
            &mut text,
            format_args!(
                "{} in {}. {}. ",
                count(graph.rows.len(), "bundle"),
                count(graph.lanes.len(), "channel"),
                channels.join("; ")
            ),
        );
    }
    text.trim_end().to_owned()
}
