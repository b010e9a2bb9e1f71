//! What the rules of payloads need to know of the service and the caller.

use crate::refusal::Findings;

/// Settings of the service and rights of the caller that decide whether a payload is accepted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules<'a> {
    /// Whether the service picks a binary image when the payload names none (`IIB_BINARY_IMAGE_CONFIG` is not empty).
    pub binary_image_configured: bool,
    /// The values `graph_update_mode` may take (`IIB_GRAPH_MODE_OPTIONS`).
    pub graph_mode_options: &'a [String],
    /// The indexes whose `graph_update_mode` may be chosen, in full or up to the first colon (`IIB_GRAPH_MODE_INDEX_ALLOW_LIST`).
    pub graph_mode_index_allow_list: &'a [String],
    /// Who has to bring a token to overwrite an index.
    pub overwriter: Overwriter,
    /// Whether requests of this caller overwrite their from-index even when they do not say so.
    pub overwrite_forced: bool,
}

/// What a caller needs to overwrite an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwriter {
    /// Nobody in particular, where login is disabled: needs no token, but for the target of a merge.
    #[default]
    Anonymous,
    /// A user: a token of their own.
    User,
    /// A privileged user: nothing; the service's own credentials are used.
    Privileged,
}

impl Rules<'_> {
    /// The rules of section 6.3 for the mode of a payload that works on `index`, its parameter `index_name`.
    pub(crate) fn check_graph_mode(
        &self,
        mode: Option<&str>,
        index_name: &str,
        index: Option<&str>,
        findings: &mut Findings,
    ) {
        const NAME: &str = "graph_update_mode";
        let Some(mode) = mode else { return };
        if !self.graph_mode_options.iter().any(|option| option == mode) {
            findings.invalid(
                NAME,
                format!("must be one of: {}", self.graph_mode_options.join(", ")),
            );
        } else if !self.allows_graph_mode(index) {
            findings.forbidden(
                NAME,
                format!(
                    "may not be chosen for this `{index_name}`; leave it out, or have the service's operator allow it for the index"
                ),
            );
        }
    }

    /// The list names indexes in full or by what precedes the first colon, which is why a digest matches only in full.
    fn allows_graph_mode(&self, index: Option<&str>) -> bool {
        index.is_some_and(|index| {
            let before_colon = index.split(':').next().unwrap_or(index);
            self.graph_mode_index_allow_list
                .iter()
                .any(|allowed| allowed == index || allowed == before_colon)
        })
    }
}
