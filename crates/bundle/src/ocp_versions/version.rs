//! Versions as Python's packages are numbered (PEP 440), which is how the replaced service reads those of OpenShift.

/// A version; the order of the fields and variants is that of versions.
///
/// Numbers beyond 64 bit make a text no version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    epoch: u64,
    /// Without zeros at its end, which do not count.
    release: Vec<u64>,
    stage: Stage,
    post: Option<u64>,
    dev: Development,
    local: Option<Vec<Segment>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// A snapshot from before any pre-release: `1.0.dev1`.
    Unstarted,
    Alpha(u64),
    Beta(u64),
    Candidate(u64),
    Final,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Development {
    Snapshot(u64),
    Released,
}

/// A part of a local version, behind the `+`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Word(String),
    Number(u64),
}

const SEPARATORS: [char; 3] = ['-', '_', '.'];

impl Version {
    /// The version a text means, whatever its case and the blanks around it; `None` if it is no version.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let mut rest = Rest(text.strip_prefix('v').unwrap_or(&text));
        let mut first = rest.number()?;
        let mut epoch = 0;
        if rest.take("!") {
            epoch = first;
            first = rest.number()?;
        }
        let mut release = vec![first];
        while rest.0.strip_prefix('.').is_some_and(begins_with_digit) {
            rest.take(".");
            release.push(rest.number()?);
        }
        while release.last() == Some(&0) {
            release.pop();
        }
        let stage = rest.stage()?;
        let post = rest.post()?;
        let dev = match rest.labelled(&["dev"])? {
            Some((_, number)) => Development::Snapshot(number),
            None => Development::Released,
        };
        let local = rest.local()?;
        let stage = match (stage, post, dev) {
            (None, None, Development::Snapshot(_)) => Stage::Unstarted,
            (None, ..) => Stage::Final,
            (Some(stage), ..) => stage,
        };
        rest.0.is_empty().then_some(Self {
            epoch,
            release,
            stage,
            post,
            dev,
            local,
        })
    }
}

fn begins_with_digit(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
}

/// What is left of a text.
///
/// The outer `None` of its functions means that the text is no version, the inner one that the part is absent.
struct Rest<'a>(&'a str);

#[expect(
    clippy::option_option,
    reason = "a part that is absent is not the same as one that is wrong"
)]
impl Rest<'_> {
    fn take(&mut self, text: &str) -> bool {
        match self.0.strip_prefix(text) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn number(&mut self) -> Option<u64> {
        let behind = self
            .0
            .trim_start_matches(|next: char| next.is_ascii_digit());
        let digits = &self.0[..self.0.len() - behind.len()];
        self.0 = behind;
        digits.parse().ok()
    }

    /// A word out of some, perhaps with a separator before and behind it, and its number, 0 if there is none.
    fn labelled<'w>(&mut self, words: &[&'w str]) -> Option<Option<(&'w str, u64)>> {
        let label = self.0.strip_prefix(SEPARATORS).unwrap_or(self.0);
        let Some((word, behind)) = words
            .iter()
            .find_map(|word| Some((*word, label.strip_prefix(word)?)))
        else {
            return Some(None);
        };
        self.0 = behind.strip_prefix(SEPARATORS).unwrap_or(behind);
        let number = if begins_with_digit(self.0) {
            self.number()?
        } else {
            0
        };
        Some(Some((word, number)))
    }

    fn stage(&mut self) -> Option<Option<Stage>> {
        // Longer words come before those they begin with.
        let words = ["alpha", "a", "beta", "b", "preview", "pre", "c", "rc"];
        Some(self.labelled(&words)?.map(|(word, number)| match word {
            "alpha" | "a" => Stage::Alpha(number),
            "beta" | "b" => Stage::Beta(number),
            _ => Stage::Candidate(number),
        }))
    }

    fn post(&mut self) -> Option<Option<u64>> {
        if self.0.strip_prefix('-').is_some_and(begins_with_digit) {
            self.take("-");
            return self.number().map(Some);
        }
        let label = self.labelled(&["post", "rev", "r"])?;
        Some(label.map(|(_, number)| number))
    }

    fn local(&mut self) -> Option<Option<Vec<Segment>>> {
        if !self.take("+") {
            return Some(None);
        }
        let segments = std::mem::take(&mut self.0).split(SEPARATORS);
        let read = |segment: &str| {
            if segment.is_empty() || !segment.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                None
            } else if segment.bytes().all(|byte| byte.is_ascii_digit()) {
                segment.parse().ok().map(Segment::Number)
            } else {
                Some(Segment::Word(segment.to_owned()))
            }
        };
        segments.map(read).collect::<Option<_>>().map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::read(text).unwrap_or_else(|| panic!("`{text}` is a version"))
    }

    #[test]
    fn versions_are_ordered_as_pep_440_says() {
        let sorted = [
            "0",
            "1.dev0",
            "1.0.dev456",
            "1.0a.dev1",
            "1.0a1",
            "1.0a2.dev456",
            "1.0a12.dev456",
            "1.0a12",
            "1.0b1.dev456",
            "1.0b2",
            "1.0b2.post345.dev456",
            "1.0b2.post345",
            "1.0rc1.dev456",
            "1.0rc1",
            "1.0",
            "1.0+abc.5",
            "1.0+abc.7",
            "1.0+5",
            "1.0.post456.dev34",
            "1.0.post456",
            "1.0.1",
            "1.1.dev1",
            "1.9",
            "1.10",
            "4.9",
            "4.10",
            "1!0.1",
        ]
        .map(version);
        for pair in sorted.windows(2) {
            assert!(
                pair[0] < pair[1],
                "{:?} should be below {:?}",
                pair[0],
                pair[1]
            );
        }
    }

    #[test]
    fn spellings_of_one_version_are_equal() {
        for (left, right) in [
            ("4.5", "v4.5.0.0"),
            ("4.5", " V4.05\t"),
            ("0", "0.0"),
            ("1.0alpha1", "1.0-A_1"),
            ("1.0beta", "1.0b0"),
            ("1.0c3", "1.0.rc.3"),
            ("1.0pre", "1.0preview0"),
            ("1.0-4", "1.0.post4"),
            ("1.0r4", "1.0rev4"),
            ("1.0.dev", "1.0dev0"),
            ("0!1", "1"),
            ("1+A.01", "1+a_1"),
            ("1a-", "1a0"),
        ] {
            assert_eq!(version(left), version(right), "{left} and {right}");
        }
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in [
            "",
            " ",
            "v",
            "bad",
            "vv1",
            "1.",
            ".1",
            "1..2",
            "1.0-",
            "1.0x",
            "1 .0",
            "=1",
            ">=1",
            "1,2",
            "1.*",
            "1!",
            "!1",
            "1.0+",
            "1.0+a..b",
            "1.0+a+b",
            "1.0dev1a",
            "1.0.post1.post2",
            "1.0-v1",
            "٤.٥",
            "1.99999999999999999999",
        ] {
            assert_eq!(Version::read(text), None, "`{text}`");
        }
    }
}
