//! The kinds of files, and what they are called.

/// Which file of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What was logged while the request ran; text.
    Log,
    /// The bundles that a regenerated bundle refers to; JSON.
    RelatedBundles,
    /// The bundles that a bundle refers to, directly or through others; JSON.
    NestedBundles,
    /// What a finished request changed and took; JSON.
    Report,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::Log,
        Self::RelatedBundles,
        Self::NestedBundles,
        Self::Report,
    ];

    /// What comes after the request's number in the name of a file.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Log => ".log",
            Self::RelatedBundles => "_related_bundles.json",
            Self::NestedBundles => "_recursive_related_bundles.json",
            Self::Report => "_report.json",
        }
    }

    /// What keys in a bucket begin with, without the slash.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Log => "request_logs",
            Self::RelatedBundles => "related_bundles",
            Self::NestedBundles => "recursive_related_bundles",
            Self::Report => "request_reports",
        }
    }

    /// The name of the file of the request `id`.
    pub fn file_name(self, id: i64) -> String {
        format!("{id}{}", self.suffix())
    }

    /// The request that a file of this kind belongs to; none for names that this crate never gives.
    pub(crate) fn id_of(self, file_name: &str) -> Option<i64> {
        let id = file_name.strip_suffix(self.suffix())?.parse().ok()?;
        // `07.log` and `+7.log` are somebody else's.
        (id > 0 && self.file_name(id) == file_name).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn names_are_those_of_the_contract_and_are_recognised() {
        let names = Kind::ALL.map(|kind| format!("{}/{}", kind.prefix(), kind.file_name(7)));
        assert_eq!(
            names,
            [
                "request_logs/7.log",
                "related_bundles/7_related_bundles.json",
                "recursive_related_bundles/7_recursive_related_bundles.json",
                "request_reports/7_report.json",
            ]
        );
        for kind in Kind::ALL {
            assert_eq!(kind.id_of(&kind.file_name(7)), Some(7));
        }
    }

    #[test]
    fn names_of_others_belong_to_no_request() {
        for name in [
            "7.txt", "07.log", "+7.log", "-7.log", "0.log", ".log", "a.log",
        ] {
            assert_eq!(Kind::Log.id_of(name), None, "{name}");
        }
        assert_eq!(
            Kind::RelatedBundles.id_of("7_recursive_related_bundles.json"),
            None
        );
    }
}
