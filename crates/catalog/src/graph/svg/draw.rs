//! The shapes of a picture.

use super::super::text::{LONGEST, escape_xml, put, shorten};
use super::super::{Node, Presence, Standing};
use super::edges::draw_edges;
use super::layout::{BOX_HEIGHT, LANE_HEAD, LanePlace, Layout, MARGIN, NOTE, NodeBox};

/// Draws a package's picture.
pub(super) fn draw(out: &mut String, layout: &Layout<'_, '_>) {
    draw_title(out, layout);
    for place in &layout.lanes {
        draw_lane(out, layout, place);
    }
    draw_rows(out, layout);
    for place in &layout.lanes {
        draw_edges(out, layout, place);
        for (node, shape) in place.lane.nodes.iter().zip(&place.boxes) {
            draw_node(out, layout, place, node, shape);
        }
    }
}

fn draw_title(out: &mut String, layout: &Layout<'_, '_>) {
    let graph = layout.graph;
    let struck = class_if(graph.deprecation.is_some(), " struck");
    let mut y = MARGIN + 14;
    put(
        out,
        format_args!(
            "<text class=\"title{struck}\" x=\"{MARGIN}\" y=\"{y}\">{}</text>\n",
            escape_xml(&shorten(graph.name, LONGEST))
        ),
    );
    y += 6;
    for remark in &layout.remarks {
        y += NOTE;
        put(
            out,
            format_args!(
                "<text class=\"note alert\" x=\"{MARGIN}\" y=\"{y}\">{}</text>\n",
                escape_xml(remark)
            ),
        );
    }
    let (legend, top) = &layout.legend;
    put(
        out,
        format_args!("<g transform=\"translate(0 {top})\">{legend}</g>\n"),
    );
}

/// Everything of a lane that is behind its boxes.
fn draw_lane(out: &mut String, layout: &Layout<'_, '_>, place: &LanePlace<'_, '_>) {
    let lane = place.lane;
    let (left, width, top) = (place.left, place.width, layout.top);
    let foot = if layout.has_foot { LANE_HEAD } else { NOTE };
    let height = layout.bottom + foot - top;
    let default = class_if(lane.is_default, " default");
    put(
        out,
        format_args!(
            "<g><title>{}</title><rect class=\"lane{default}\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n",
            escape_xml(&shorten(lane.name, LONGEST))
        ),
    );
    let middle = left + width / 2;
    let struck = class_if(lane.deprecation.is_some(), " struck");
    let remark = lane.remark();
    let mut head = |y: usize| {
        put(
            out,
            format_args!(
                "<text class=\"channel{struck}\" x=\"{middle}\" y=\"{y}\">{}</text><text class=\"lane-note\" x=\"{middle}\" y=\"{}\">{remark}</text>\n",
                escape_xml(&place.name),
                y + NOTE
            ),
        );
    };
    head(top + 18);
    if layout.has_foot {
        head(layout.bottom + 18);
    }
    out.push_str("</g>\n");
}

fn draw_rows(out: &mut String, layout: &Layout<'_, '_>) {
    let right = layout.lanes.last().map(|place| place.left + place.width);
    let names = layout
        .lanes
        .first()
        .map_or(layout.width, |place| place.left);
    for (row, place) in layout.graph.rows.iter().zip(&layout.rows) {
        let middle = place.middle;
        if let Some(right) = right {
            put(
                out,
                format_args!(
                    "<path class=\"guide\" d=\"M{} {middle}H{right}\"/>",
                    names - 8
                ),
            );
        }
        let struck = class_if(row.deprecation.is_some(), " struck");
        let missing = class_if(row.presence == Presence::Missing, " missing");
        put(
            out,
            format_args!(
                "<g><title>{}</title><text class=\"name{struck}{missing}\" x=\"{MARGIN}\" y=\"{}\">{}</text>",
                escape_xml(&shorten(row.name, LONGEST)),
                middle + 4,
                escape_xml(&place.name)
            ),
        );
        for (index, note) in place.notes.iter().enumerate() {
            put(
                out,
                format_args!(
                    "<text class=\"note\" x=\"{MARGIN}\" y=\"{}\">{}</text>",
                    middle + 4 + (index + 1) * NOTE,
                    escape_xml(note)
                ),
            );
        }
        out.push_str("</g>\n");
    }
}

fn draw_node(
    out: &mut String,
    layout: &Layout<'_, '_>,
    place: &LanePlace<'_, '_>,
    node: &Node<'_>,
    shape: &NodeBox,
) {
    let graph = layout.graph;
    let row = &graph.rows[node.row];
    let class = match node.standing {
        Standing::Head => " head",
        Standing::Entry => "",
        Standing::Ghost => " ghost",
    };
    let is_deprecated = row.deprecation.is_some();
    let deprecated = class_if(is_deprecated, " deprecated");
    let struck = class_if(is_deprecated, " class=\"struck\"");
    let mut title = shorten(row.name, LONGEST);
    for remark in graph.remarks(node) {
        title.push_str("; ");
        title.push_str(&remark);
    }
    let middle = layout.rows[node.row].middle;
    put(
        out,
        format_args!(
            "<g class=\"node{class}{deprecated}\"><title>{}</title><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{BOX_HEIGHT}\" rx=\"6\"/><text x=\"{}\" y=\"{}\"><tspan{struck}>{}</tspan>",
            escape_xml(&title),
            place.axis - shape.half,
            middle - BOX_HEIGHT / 2,
            2 * shape.half,
            place.axis,
            middle + 4,
            escape_xml(&shape.label)
        ),
    );
    if !shape.word.is_empty() {
        put(
            out,
            format_args!("<tspan class=\"word\" dx=\"5\">{}</tspan>", shape.word),
        );
    }
    out.push_str("</text></g>\n");
}

fn class_if(holds: bool, class: &'static str) -> &'static str {
    if holds { class } else { "" }
}
