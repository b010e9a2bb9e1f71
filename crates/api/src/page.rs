//! Answers that are not about one request: page information, errors, health.

use serde::Serialize;

/// Where a page stands among all pages (section 5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Meta {
    /// Address of the first page.
    pub first: String,
    /// Address of the last page; page 0 of an empty result.
    pub last: String,
    /// Address of the next page.
    pub next: Option<String>,
    /// The number of this page, from 1.
    pub page: u64,
    /// How many pages there are; 0 for an empty result.
    pub pages: u64,
    /// How many items a page holds at most, after the service's limit.
    pub per_page: u64,
    /// Address of the previous page.
    pub previous: Option<String>,
    /// How many items there are on all pages.
    pub total: u64,
}

impl Meta {
    /// Describes page `page` of `total` items in pages of `per_page`, with addresses made by `address_of`; none when the page lies beyond
    /// the last one. Page 1 always exists.
    pub fn new(
        page: u64,
        per_page: u64,
        total: u64,
        address_of: impl Fn(u64) -> String,
    ) -> Option<Self> {
        let pages = total.div_ceil(per_page.max(1));
        if page == 0 || (page > pages && page != 1) {
            return None;
        }
        Some(Self::of_any(page, per_page, total, address_of))
    }

    /// The same whether such a page exists: one that was not reached by its number may lie beyond the last when the list has become shorter.
    pub fn of_any(
        page: u64,
        per_page: u64,
        total: u64,
        address_of: impl Fn(u64) -> String,
    ) -> Self {
        let pages = total.div_ceil(per_page.max(1));
        Self {
            first: address_of(1),
            last: address_of(pages),
            next: (page < pages).then(|| address_of(page + 1)),
            page,
            pages,
            per_page,
            previous: (page > 1).then(|| address_of(page - 1)),
            total,
        }
    }
}

/// Every error body (section 1.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorBody {
    /// What went wrong, for people.
    pub error: String,
}

/// The answer of the health check (section 5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    status: &'static str,
}

impl Health {
    /// All is well.
    pub const OK: Self = Self {
        status: "Health check OK",
    };
}

#[cfg(test)]
mod tests {
    use super::Meta;

    #[test]
    fn pages_link_to_their_neighbours_and_an_empty_result_has_page_one() {
        let meta = |page, total| Meta::new(page, 2, total, |number| number.to_string());
        let middle = meta(2, 5).unwrap();
        assert_eq!(
            (middle.pages, middle.first.as_str(), middle.last.as_str()),
            (3, "1", "3")
        );
        assert_eq!(
            (middle.next.as_deref(), middle.previous.as_deref()),
            (Some("3"), Some("1"))
        );
        let empty = meta(1, 0).unwrap();
        assert_eq!(
            (empty.pages, empty.last.as_str(), empty.next),
            (0, "0", None)
        );
        assert_eq!(meta(3, 5).unwrap().next, None);
        let beyond = Meta::of_any(4, 2, 5, |number| number.to_string());
        assert_eq!((beyond.page, beyond.pages, beyond.next), (4, 3, None));
        assert!(meta(4, 5).is_none() && meta(2, 0).is_none() && meta(0, 5).is_none());
    }
}
