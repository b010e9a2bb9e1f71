//! Where everything is, in pixels from the upper left corner of the package's picture.

use std::collections::BTreeMap;

use super::super::text::{cut, deprecated, shorten};
use super::super::{Lane, Node, PackageGraph, Row, Standing};
use super::legend::legend;
use super::rails::{Rails, slots};

pub(super) const MARGIN: usize = 24;
pub(super) const BOX_HEIGHT: usize = 22;
/// From the top of a lane to its first row.
pub(super) const LANE_HEAD: usize = 44;
/// From the top of one line of notes to the next.
pub(super) const NOTE: usize = 14;
const TITLE: usize = 30;
const ROW: usize = 38;
/// Between two vertical lines.
const RAIL: usize = 9;
/// Between boxes and the nearest vertical line.
const RAIL_GAP: usize = 12;
const LANE_PAD: usize = 14;
const LANE_GAP: usize = 10;
/// With more rows than this, the names of the lanes are repeated below them.
const ROWS_WITHOUT_FOOT: usize = 20;
/// A row has no more notes than this.
const NOTES: usize = 4;

const NAME_LONGEST: usize = 56;
const NOTE_LONGEST: usize = 72;
const CHANNEL_LONGEST: usize = 28;
const LABEL_LONGEST: usize = 24;

/// Advances of monospaced characters in pixels, rounded up; the fonts in use stay below 0.62 em.
const LABEL_CHAR: usize = 7;
const NAME_CHAR: usize = 8;
const NOTE_CHAR: usize = 7;
const WORD_CHAR: usize = 6;

/// The picture of a package.
pub(super) struct Layout<'g, 'a> {
    pub(super) graph: &'g PackageGraph<'a>,
    /// Lines between title and legend.
    pub(super) remarks: Vec<String>,
    /// The legend's shapes and its upper edge.
    pub(super) legend: (String, usize),
    /// The upper edge of the lanes.
    pub(super) top: usize,
    /// The lower edge of the last row.
    pub(super) bottom: usize,
    /// Whether the names of the lanes are repeated below them.
    pub(super) has_foot: bool,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) rows: Vec<RowPlace>,
    pub(super) lanes: Vec<LanePlace<'g, 'a>>,
}

/// A row.
pub(super) struct RowPlace {
    /// The middle of its boxes.
    pub(super) middle: usize,
    pub(super) name: String,
    pub(super) notes: Vec<String>,
}

/// A lane.
pub(super) struct LanePlace<'g, 'a> {
    pub(super) lane: &'g Lane<'a>,
    pub(super) left: usize,
    pub(super) width: usize,
    /// The middle of its boxes.
    pub(super) axis: usize,
    pub(super) name: String,
    /// One for each node of the lane.
    pub(super) boxes: Vec<NodeBox>,
    pub(super) rails: Rails,
    /// The outermost line at the left.
    leftmost: usize,
    /// The outermost line at the right.
    rightmost: usize,
}

/// A box with a version in it.
pub(super) struct NodeBox {
    pub(super) label: String,
    /// In smaller letters behind the label; empty if there is nothing to say.
    pub(super) word: String,
    pub(super) half: usize,
}

/// The width of a text in pixels.
fn width(text: &str, character: usize) -> usize {
    // Characters outside Latin scripts may come from another font, and be twice as wide.
    let wide = |char: char| if char > '\u{2fff}' { 2 } else { 1 };
    text.chars().map(|char| wide(char) * character).sum()
}

/// The width of a note in pixels.
pub(super) fn note_width(text: &str) -> usize {
    width(text, NOTE_CHAR)
}

impl<'g, 'a> Layout<'g, 'a> {
    pub(super) fn new(graph: &'g PackageGraph<'a>) -> Self {
        let remarks = remarks(graph);
        let mut rows = row_places(graph);
        let names = rows.iter().map(|row| {
            let notes = row.notes.iter().map(|note| note_width(note));
            notes.chain([width(&row.name, NAME_CHAR)]).max()
        });
        let names = names.flatten().max().unwrap_or(0);
        let mut left = MARGIN + names + 2 * LANE_GAP;
        let mut lanes = Vec::with_capacity(graph.lanes.len());
        for lane in &graph.lanes {
            let place = LanePlace::new(graph, lane, left);
            left += place.width + LANE_GAP;
            lanes.push(place);
        }
        let notes = remarks.iter().map(|remark| note_width(remark) + 2 * MARGIN);
        let least = notes
            .max()
            .unwrap_or(0)
            .max(width(graph.name, 11) + 2 * MARGIN);
        let width = (left - LANE_GAP + MARGIN).max(least).max(480);
        let legend_top = MARGIN + TITLE + remarks.len() * NOTE;
        let (legend, legend_height) = legend(graph, width);
        let top = legend_top + legend_height + NOTE;
        let mut y = top + LANE_HEAD;
        for row in &mut rows {
            row.middle = y + ROW / 2;
            y += ROW + NOTE * row.notes.len();
        }
        let has_foot = rows.len() > ROWS_WITHOUT_FOOT;
        let foot = if has_foot { LANE_HEAD } else { NOTE };
        Self {
            graph,
            remarks,
            legend: (legend, legend_top),
            top,
            bottom: y,
            has_foot,
            width,
            height: y + foot + MARGIN,
            rows,
            lanes,
        }
    }
}

impl<'g, 'a> LanePlace<'g, 'a> {
    fn new(graph: &PackageGraph<'a>, lane: &'g Lane<'a>, left: usize) -> Self {
        let rails = Rails::new(lane);
        let boxes: Vec<NodeBox> = (lane.nodes.iter())
            .map(|node| {
                let untold = rails.untold.get(&node.row).copied().unwrap_or(0);
                NodeBox::new(graph, node, untold)
            })
            .collect();
        let half = boxes.iter().map(|node| node.half).max().unwrap_or(20);
        let name = shorten(lane.name, CHANNEL_LONGEST);
        let side = |count: usize| match count {
            0 => 0,
            count => RAIL_GAP + (count - 1) * RAIL,
        };
        let (before, behind) = (side(slots(&rails.left)), side(slots(&rails.right)));
        let content = before + 2 * half + behind;
        let head = width(&name, NAME_CHAR).max(note_width(&lane.remark()));
        let width = content.max(head) + 2 * LANE_PAD;
        let axis = left + (width - content) / 2 + before + half;
        Self {
            lane,
            left,
            width,
            axis,
            name,
            boxes,
            rails,
            leftmost: axis - half - before,
            rightmost: axis + half + behind,
        }
    }

    /// The place of a vertical line at the left.
    pub(super) fn left_rail(&self, slot: usize) -> usize {
        self.leftmost + slot * RAIL
    }

    /// The place of a vertical line at the right.
    pub(super) fn right_rail(&self, slot: usize) -> usize {
        self.rightmost - slot * RAIL
    }
}

impl NodeBox {
    fn new(graph: &PackageGraph<'_>, node: &Node<'_>, untold: usize) -> Self {
        let row = &graph.rows[node.row];
        let label = match &row.version {
            Some(version) => shorten(version, LABEL_LONGEST),
            None => shorten(own_part(row.name, graph.name), LABEL_LONGEST),
        };
        let mut words = Vec::new();
        if node.standing == Standing::Head {
            words.push("head".to_owned());
        }
        if untold > 0 {
            words.push(format!("skips {untold}"));
        }
        let word = words.join(", ");
        let gap = if word.is_empty() { 0 } else { WORD_CHAR };
        let text = width(&label, LABEL_CHAR) + gap + width(&word, WORD_CHAR);
        Self {
            label,
            word,
            half: (text + 16).div_ceil(2),
        }
    }
}

/// What a bundle's name says beside the package's.
fn own_part<'n>(name: &'n str, package: &str) -> &'n str {
    let own = name.strip_prefix(package);
    let own = own.map(|own| own.trim_start_matches(['.', '-']));
    own.filter(|own| !own.is_empty()).unwrap_or(name)
}

/// What is said of the package as a whole.
fn remarks(graph: &PackageGraph<'_>) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(message) = graph.deprecation {
        remarks.push(format!("The package is {}", deprecated(message)));
    }
    let default = shorten(graph.default_channel, CHANNEL_LONGEST);
    if default.is_empty() {
        remarks.push("The package has no default channel".to_owned());
    } else if !graph.has_default_channel {
        remarks.push(format!("The default channel {default} does not exist"));
    }
    for lane in &graph.lanes {
        if let Some(message) = lane.deprecation {
            let name = shorten(lane.name, CHANNEL_LONGEST);
            remarks.push(format!("Channel {name} is {}", deprecated(message)));
        }
    }
    remarks
}

fn row_places(graph: &PackageGraph<'_>) -> Vec<RowPlace> {
    // What lanes say of a row, and the lanes that say it.
    let mut said: Vec<BTreeMap<String, Vec<&str>>> = vec![BTreeMap::new(); graph.rows.len()];
    let mut lanes_of = vec![0_usize; graph.rows.len()];
    for lane in &graph.lanes {
        for node in &lane.nodes {
            if node.standing != Standing::Ghost {
                lanes_of[node.row] += 1;
            }
            for remark in node.remarks() {
                said[node.row].entry(remark).or_default().push(lane.name);
            }
        }
    }
    let places = graph.rows.iter().zip(said).zip(lanes_of);
    places
        .map(|((row, said), lanes_of)| row_place(row, said, lanes_of))
        .collect()
}

/// `said` is what lanes say of the row, with the names of the lanes; `lanes_of` is in how many it is.
fn row_place(row: &Row<'_>, said: BTreeMap<String, Vec<&str>>, lanes_of: usize) -> RowPlace {
    let mut notes = row.remarks();
    notes.extend(said.into_iter().map(|(remark, lanes)| {
        if lanes.len() == lanes_of {
            return remark;
        }
        let more = match lanes.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("in {}{more}: {remark}", shorten(lanes[0], CHANNEL_LONGEST))
    }));
    if notes.len() > NOTES {
        let more = notes.split_off(NOTES - 1).len();
        notes.push(format!("and {more} more"));
    }
    RowPlace {
        middle: 0,
        name: shorten(row.name, NAME_LONGEST),
        notes: notes.iter().map(|note| cut(note, NOTE_LONGEST)).collect(),
    }
}
