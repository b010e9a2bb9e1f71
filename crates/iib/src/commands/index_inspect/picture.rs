//! The layers of an index image as an SVG picture that needs nothing else to be shown.
//!
//! Bars stand on each other as the layers do, the lowest at the bottom. Layers differ by orders of magnitude, so heights grow
//! with the logarithm of the size. Every kind has its name written on it: colours are an aid, not the message.

use std::fmt::Display;

use builder::{ArchImage, ImageLayer, IndexImage, LayerKind, LayerOrigin};
use catalog::graph::{escape_xml, shorten};
use oci::Digest;

use super::kind;
use super::totals::{Totals, room};
use crate::terminal;

const STYLE: &str = include_str!("picture.css");

/// In pixels.
const WIDTH: u64 = 800;
const MARGIN: u64 = 20;
const LINE: u64 = 18;
/// Where bars begin and end.
const LEFT: u64 = 190;
const RIGHT: u64 = 460;
/// Where sizes end and digests begin.
const SIZES: u64 = 560;
const DIGESTS: u64 = 580;
/// The height of the smallest bar: that of a line of text.
const LOWEST: u64 = 22;
/// By how much a bar grows when its layer doubles.
const DOUBLING: u64 = 6;
/// From which size on bars grow, in bytes.
const GROWS_FROM: u64 = 256;
/// The longest name that is written out, in characters.
const LONGEST: usize = 75;

/// The picture of one architecture's layers: amd64's, or the first.
pub(super) fn svg(name: &str, index: &IndexImage) -> String {
    let mut page = Page::default();
    page.text(MARGIN, LINE, "title", &shorten(name, LONGEST));
    page.note(&format!(
        "{}, {} index",
        short(&index.digest),
        kind(index.kind)
    ));
    let mut summary = shorten(name, LONGEST);
    match index.shown() {
        None => page.note("no architecture is listed"),
        Some((arch, image)) => {
            page.note(&format!("{}, for {arch}", short(&image.digest)));
            page.note(&Totals::of(image).to_string());
            if let Some(left) = &image.room {
                page.note(&format!("room: {}", room(left)));
            }
            page.top += LINE;
            page.bars(image);
            page.legend(image);
            summary = format!("{summary}, {arch}: {}", Totals::of(image));
        }
    }
    page.finish(&summary)
}

/// The shapes so far, and how high they are.
struct Page {
    shapes: Vec<String>,
    top: u64,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            shapes: Vec::new(),
            top: MARGIN,
        }
    }
}

impl Page {
    /// A text whose line ends `down` pixels below what is there.
    fn text(&mut self, x: u64, down: u64, class: &str, text: &str) {
        self.top += down;
        self.put(text_at(x, self.top, class, text));
    }

    fn note(&mut self, text: &str) {
        self.text(MARGIN, LINE, "note", text);
    }

    fn put(&mut self, shape: String) {
        self.shapes.push(shape);
    }

    /// The layers, the uppermost first, and whose they are beside them.
    fn bars(&mut self, image: &ArchImage) {
        for (layers, first) in [(image.own(), image.below().len()), (image.below(), 0)] {
            let Some(lowest) = layers.first() else {
                continue;
            };
            let start = self.top;
            for (number, layer) in layers.iter().enumerate().rev() {
                self.bar(first + number + 1, layer);
            }
            self.bracket(start, group(lowest.origin), layers);
        }
        self.top += LINE;
    }

    fn bar(&mut self, number: usize, layer: &ImageLayer) {
        let height = height(layer.bytes);
        let (y, line) = (self.top, self.top + height / 2 + 4);
        self.put(format!(
            "<g><title>{}</title><rect class=\"layer {}\" x=\"{LEFT}\" y=\"{y}\" width=\"{}\" height=\"{height}\"/>",
            layer.digest,
            class(layer.origin),
            RIGHT - LEFT
        ));
        self.put(text_at(LEFT + 30, line, "number", &number));
        self.put(text_at(LEFT + 44, line, "kind", &layer.origin));
        self.put(text_at(SIZES, line, "size", &terminal::bytes(layer.bytes)));
        self.put(text_at(DIGESTS, line, "digest", &short(&layer.digest)));
        self.put("</g>".to_owned());
        self.top += height;
    }

    /// A bracket left of bars that begin at `start`, with their owner and what they add up to.
    fn bracket(&mut self, start: u64, owner: &str, layers: &[ImageLayer]) {
        let (from, to) = (start + 2, self.top - 2);
        let (out, at) = (LEFT - 16, LEFT - 6);
        self.put(format!(
            "<path class=\"bracket\" d=\"M{at} {from}H{out}V{to}H{at}\"/>"
        ));
        let bytes = layers.iter().map(|layer| layer.bytes).sum();
        let mut lines = vec![
            ("group kind", owner.to_owned()),
            ("group note", format!("{} layer(s)", layers.len())),
            ("group note", terminal::bytes(bytes)),
        ];
        // What does not fit beside low bars is above the picture too.
        lines.truncate(usize::try_from((self.top - start) / LINE).unwrap_or(usize::MAX));
        let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let mut y = start.midpoint(self.top) - count * LINE / 2 - 4;
        for (class, text) in lines {
            y += LINE;
            self.put(text_at(out - 8, y, class, &text));
        }
    }

    /// What the kinds are that are in the picture.
    fn legend(&mut self, image: &ArchImage) {
        for origin in KINDS {
            if image.layers.iter().any(|layer| layer.origin == origin) {
                self.top += LINE + 4;
                let y = self.top - 12;
                self.put(format!(
                    "<rect class=\"layer {}\" x=\"{MARGIN}\" y=\"{y}\" width=\"24\" height=\"15\"/>",
                    class(origin)
                ));
                let meaning = format!("{origin}: {}", meaning(origin));
                self.put(text_at(MARGIN + 34, self.top, "note", &meaning));
            }
        }
        self.top += LINE / 2;
        self.note("A bar's height grows with the logarithm of the layer's compressed size.");
    }

    fn finish(self, summary: &str) -> String {
        let height = self.top + MARGIN;
        let title = escape_xml(&format!("Layers of {summary}"));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"layers-title\">\n\
             <title id=\"layers-title\">{title}</title>\n<style>\n{STYLE}</style>\n\
             <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>\n{}\n</svg>\n",
            self.shapes.join("\n")
        )
    }
}

fn text_at(x: u64, y: u64, class: &str, text: &(impl Display + ?Sized)) -> String {
    let text = escape_xml(&text.to_string());
    format!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>")
}

/// The start of a digest: enough to know it by.
fn short(digest: &Digest) -> String {
    let text = digest.to_string();
    match text.split_once(':') {
        Some((algorithm, hex)) => format!("{algorithm}:{}…", &hex[..hex.len().min(12)]),
        None => text,
    }
}

/// The height of a layer's bar: the logarithm of its size, straight between powers of two.
fn height(bytes: u64) -> u64 {
    let size = bytes / GROWS_FROM + 1;
    let doublings = size.ilog2();
    let power = 1 << doublings;
    LOWEST + u64::from(doublings) * DOUBLING + (size - power) * DOUBLING / power
}

/// All kinds, in the order of the legend.
const KINDS: [LayerOrigin; 6] = [
    LayerOrigin::Own(LayerKind::Delta),
    LayerOrigin::Own(LayerKind::Database),
    LayerOrigin::Own(LayerKind::Cache),
    LayerOrigin::Own(LayerKind::Base),
    LayerOrigin::BinaryImage,
    LayerOrigin::Other,
];

fn class(origin: LayerOrigin) -> &'static str {
    match origin {
        LayerOrigin::BinaryImage => "binary-image",
        LayerOrigin::Own(LayerKind::Base) => "base",
        LayerOrigin::Own(LayerKind::Cache) => "cache",
        LayerOrigin::Own(LayerKind::Database) => "database",
        LayerOrigin::Own(LayerKind::Delta) => "delta",
        LayerOrigin::Other => "other",
    }
}

fn meaning(origin: LayerOrigin) -> &'static str {
    match origin {
        LayerOrigin::BinaryImage => "the program that serves the catalog, and what it runs on",
        LayerOrigin::Own(LayerKind::Base) => "all of a catalog, as it was when last written anew",
        LayerOrigin::Own(LayerKind::Cache) => "what the server starts from, written with the base",
        LayerOrigin::Own(LayerKind::Database) => "the index database",
        LayerOrigin::Own(LayerKind::Delta) => "what one change put into catalog and cache",
        LayerOrigin::Other => "binary image and catalog cannot be told apart",
    }
}

/// Whose layers of a kind are.
fn group(origin: LayerOrigin) -> &'static str {
    match origin {
        LayerOrigin::BinaryImage => "binary image",
        LayerOrigin::Own(_) => "iib",
        LayerOrigin::Other => "another tool",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use builder::{IndexKind, Room};
    use oci::Arch;

    use super::*;

    fn layer(origin: LayerOrigin, bytes: u64) -> ImageLayer {
        ImageLayer {
            origin,
            digest: Digest::of(format!("{origin} {bytes}").as_bytes()),
            bytes,
        }
    }

    fn index(layers: Vec<ImageLayer>) -> IndexImage {
        let digest = Digest::of(b"index");
        let image = ArchImage {
            digest: digest.clone(),
            layers,
            room: Some(Room {
                deltas: 14,
                bytes: 4 << 20,
            }),
        };
        IndexImage {
            resolved: "quay.io/ns/index".parse().unwrap(),
            digest,
            media_type: String::new(),
            kind: IndexKind::FileBased,
            labels: BTreeMap::new(),
            images: BTreeMap::from([(Arch::amd64(), image)]),
        }
    }

    fn sample() -> IndexImage {
        index(vec![
            layer(LayerOrigin::BinaryImage, 80 << 20),
            layer(LayerOrigin::BinaryImage, 30 << 20),
            layer(LayerOrigin::Own(LayerKind::Base), 12 << 20),
            layer(LayerOrigin::Own(LayerKind::Cache), 9 << 20),
            layer(LayerOrigin::Own(LayerKind::Database), 3 << 20),
            layer(LayerOrigin::Own(LayerKind::Delta), 2_345),
            layer(LayerOrigin::Own(LayerKind::Delta), 987),
        ])
    }

    /// The number attributes of the bars, from the top, and their kinds.
    fn bars(document: &roxmltree::Document<'_>) -> Vec<(String, u64, u64)> {
        let bars = document.descendants().filter(|node| {
            node.has_tag_name("rect") && node.parent().is_some_and(|node| node.has_tag_name("g"))
        });
        let number = |node: &roxmltree::Node<'_, '_>, name| {
            node.attribute(name).unwrap().parse::<u64>().unwrap()
        };
        bars.map(|node| {
            let class = node.attribute("class").unwrap().to_owned();
            (class, number(&node, "y"), number(&node, "height"))
        })
        .collect()
    }

    #[test]
    fn bars_stand_on_each_other_as_layers_do() {
        let index = sample();
        let svg = svg("quay.io/ns/index:v4.19", &index);
        let document = roxmltree::Document::parse(&svg).unwrap();
        let bars = bars(&document);
        let classes: Vec<&str> = bars.iter().map(|(class, ..)| class.as_str()).collect();
        assert_eq!(
            classes,
            [
                "layer delta",
                "layer delta",
                "layer database",
                "layer cache",
                "layer base",
                "layer binary-image",
                "layer binary-image",
            ]
        );
        for pair in bars.windows(2) {
            let ((_, above, height), (_, below, _)) = (&pair[0], &pair[1]);
            assert_eq!(above + height, *below, "without gap or overlap");
        }
        let page: u64 = document
            .root_element()
            .attribute("height")
            .unwrap()
            .parse()
            .unwrap();
        let lowest = bars.last().map(|(_, y, height)| y + height).unwrap();
        assert!(lowest < page);
        for layer in &index.images[&Arch::amd64()].layers {
            // Whole in the tooltip, short beside the bar.
            assert!(svg.contains(&layer.digest.to_string()));
            assert!(svg.contains(&format!(">{}<", short(&layer.digest))));
            assert!(
                svg.contains(&format!(">{}<", layer.origin)),
                "kinds are words too"
            );
        }
        for text in [
            "2.2 KiB",
            "80.0 MiB",
            "110.0 MiB",
            "7 layer(s), 2 delta(s)",
            "14 more delta(s)",
        ] {
            assert!(svg.contains(text), "{text}");
        }
    }

    #[test]
    fn bars_grow_with_the_logarithm_of_the_size() {
        assert_eq!(height(0), LOWEST);
        assert_eq!(height(GROWS_FROM), LOWEST + DOUBLING);
        let mut last = 0;
        for doublings in 0..63 {
            let height = height(1 << doublings);
            assert!(height >= last && height <= LOWEST + 63 * DOUBLING);
            last = height;
        }
        assert_eq!(height(u64::MAX), LOWEST + 56 * DOUBLING);
    }

    #[test]
    fn names_are_text_and_only_what_is_there_is_explained() {
        let other = index(vec![layer(LayerOrigin::Other, 5)]);
        let svg = svg("oci:<a&b\"\u{1}>", &other);
        let document = roxmltree::Document::parse(&svg).unwrap();
        let texts: Vec<&str> = document
            .descendants()
            .filter_map(|node| node.text())
            .collect();
        assert!(texts.contains(&"oci:<a&b\"\u{fffd}>"), "{texts:?}");
        assert!(svg.contains("another tool") && !svg.contains("delta:"));
        // An index without any architecture is a picture all the same.
        let mut empty = other;
        empty.images.clear();
        roxmltree::Document::parse(&super::svg("x", &empty)).unwrap();
    }
}
