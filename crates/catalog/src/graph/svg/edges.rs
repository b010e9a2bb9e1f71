//! The lines of a picture.

use std::collections::BTreeMap;

use super::super::text::{escape_xml, listing, put};
use super::super::{EdgeKind, PackageGraph};
use super::layout::{BOX_HEIGHT, LanePlace, Layout};
use super::rails::Rail;

/// How far corners of lines are rounded.
const ROUND: usize = 5;

/// Where a rail joins a bundle.
struct Branch {
    row: usize,
    /// The edge of the bundle's box.
    x: usize,
    y: usize,
    /// Whether the update leads here.
    is_newer: bool,
}

/// Draws the updates of a lane.
pub(super) fn draw_edges(out: &mut String, layout: &Layout<'_, '_>, place: &LanePlace<'_, '_>) {
    let middle = |row: usize| layout.rows[row].middle;
    for (newer, older) in &place.rails.straight {
        put(
            out,
            format_args!(
                "<path class=\"edge\" marker-end=\"url(#tip)\" d=\"M{} {}V{}\"/>\n",
                place.axis,
                middle(*older) - BOX_HEIGHT / 2,
                middle(*newer) + BOX_HEIGHT / 2
            ),
        );
    }
    // Nodes are sorted by row.
    let half = |row: usize| {
        let found = place.lane.nodes.binary_search_by_key(&row, |node| node.row);
        found.map_or(0, |index| place.boxes[index].half)
    };
    for (rails, at, edge) in [
        (
            &place.rails.left,
            &(|slot| place.left_rail(slot)) as &dyn Fn(usize) -> usize,
            &(|row| place.axis - half(row)) as &dyn Fn(usize) -> usize,
        ),
        (&place.rails.right, &|slot| place.right_rail(slot), &|row| {
            place.axis + half(row)
        }),
    ] {
        let outermost = outermost(rails);
        for rail in rails {
            let branches = branches(rail, middle, edge);
            let is_own = |branch: &Branch| {
                branch.is_newer || outermost.get(&(rail.kind, branch.row)) == Some(&rail.slot)
            };
            draw_rail(out, layout.graph, rail, at(rail.slot), &branches, is_own);
        }
    }
}

/// The outermost slot of the rails that join an older bundle, by kind and row.
fn outermost(rails: &[Rail]) -> BTreeMap<(EdgeKind, usize), usize> {
    let mut outermost = BTreeMap::new();
    for rail in rails {
        for row in &rail.older {
            let slot = outermost.entry((rail.kind, *row)).or_insert(rail.slot);
            *slot = rail.slot.min(*slot);
        }
    }
    outermost
}

/// The branches of a rail from the top: those to newer bundles end in the lower half of their box, so that those from
/// older ones do not hide them.
fn branches(
    rail: &Rail,
    middle: impl Fn(usize) -> usize,
    edge: impl Fn(usize) -> usize,
) -> Vec<Branch> {
    let aside = match rail.kind {
        EdgeKind::Replaces | EdgeKind::Skips => 4,
        EdgeKind::SkipRange => 8,
    };
    let newer = rail.newer.iter().map(|row| (*row, true));
    let older = rail.older.iter().map(|row| (*row, false));
    let mut branches: Vec<Branch> = newer
        .chain(older)
        .map(|(row, is_newer)| Branch {
            row,
            x: edge(row),
            y: if is_newer {
                middle(row) + aside
            } else {
                middle(row) - aside
            },
            is_newer,
        })
        .collect();
    branches.sort_by_key(|branch| branch.y);
    branches
}

/// Draws a vertical line at `x` with its branches.
///
/// Where a branch is not the rail's own, a rail further out draws the line to the box: two dashed lines at one place
/// would look like a solid one.
fn draw_rail(
    out: &mut String,
    graph: &PackageGraph<'_>,
    rail: &Rail,
    x: usize,
    branches: &[Branch],
    is_own: impl Fn(&Branch) -> bool,
) {
    let [first, inner @ .., last] = branches else {
        return;
    };
    let (class, tip, of) = match rail.kind {
        EdgeKind::Replaces => ("", "tip", "replaced by"),
        EdgeKind::Skips => (" skips", "skips-tip", "skipped by"),
        EdgeKind::SkipRange => (" range", "range-tip", "in the skipRange of"),
    };
    let names = |rows: &[usize]| {
        let names: Vec<&str> = rows.iter().map(|row| graph.rows[*row].name).collect();
        escape_xml(&listing(&names))
    };
    put(
        out,
        format_args!(
            "<g><title>{} {of} {}</title>",
            names(&rail.older),
            names(&rail.newer)
        ),
    );
    // Boxes are at one side of the line.
    let turn = |branch: &Branch| if branch.x > x { x + ROUND } else { x - ROUND };
    let end = |branch: &Branch| {
        if is_own(branch) {
            branch.x
        } else {
            turn(branch)
        }
    };
    let mark = |side: &str, branch: &Branch| {
        if branch.is_newer {
            format!(" marker-{side}=\"url(#{tip})\"")
        } else {
            String::new()
        }
    };
    put(
        out,
        format_args!(
            "<path class=\"edge{class}\"{}{} d=\"M{} {top}H{}Q{x} {top} {x} {}V{}Q{x} {bottom} {} {bottom}H{}\"/>",
            mark("start", first),
            mark("end", last),
            end(first),
            turn(first),
            first.y + ROUND,
            last.y - ROUND,
            turn(last),
            end(last),
            top = first.y,
            bottom = last.y,
        ),
    );
    for branch in inner {
        let y = branch.y;
        if is_own(branch) {
            let (mark, end) = (mark("end", branch), branch.x);
            put(
                out,
                format_args!("<path class=\"edge{class}\"{mark} d=\"M{x} {y}H{end}\"/>"),
            );
        }
        put(
            out,
            format_args!("<circle class=\"{tip}\" cx=\"{x}\" cy=\"{y}\" r=\"2.2\"/>"),
        );
    }
    out.push_str("</g>\n");
}
