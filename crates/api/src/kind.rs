//! Request types, states and distribution scopes: names on the wire, numbers in the database.

use serde::{Deserialize, Serialize};

/// What a request asks for (section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestType {
    /// Never produced, yet accepted as a filter.
    Generic,
    /// Add bundles to an index image.
    Add,
    /// Remove operators from an index image.
    Rm,
    /// Rewrite a bundle image.
    RegenerateBundle,
    /// Merge one index image into another.
    MergeIndexImage,
    /// Make an empty index image.
    CreateEmptyIndex,
    /// List the bundles a bundle refers to, level by level.
    RecursiveRelatedBundles,
    /// Put catalog fragments into an index image.
    FbcOperations,
    /// Put deprecations into an index image.
    AddDeprecations,
}

impl RequestType {
    /// Every type, by number.
    pub const ALL: [Self; 9] = [
        Self::Generic,
        Self::Add,
        Self::Rm,
        Self::RegenerateBundle,
        Self::MergeIndexImage,
        Self::CreateEmptyIndex,
        Self::RecursiveRelatedBundles,
        Self::FbcOperations,
        Self::AddDeprecations,
    ];

    /// The name on the wire, hyphenated.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Add => "add",
            Self::Rm => "rm",
            Self::RegenerateBundle => "regenerate-bundle",
            Self::MergeIndexImage => "merge-index-image",
            Self::CreateEmptyIndex => "create-empty-index",
            Self::RecursiveRelatedBundles => "recursive-related-bundles",
            Self::FbcOperations => "fbc-operations",
            Self::AddDeprecations => "add-deprecations",
        }
    }

    /// The number in the database.
    pub const fn number(self) -> i32 {
        match self {
            Self::Generic => 0,
            Self::Add => 1,
            Self::Rm => 2,
            Self::RegenerateBundle => 3,
            Self::MergeIndexImage => 4,
            Self::CreateEmptyIndex => 5,
            Self::RecursiveRelatedBundles => 6,
            Self::FbcOperations => 7,
            Self::AddDeprecations => 8,
        }
    }

    /// The type with this name; letter case matters.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The type with this number.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

/// Where a request stands (section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Accepted or being worked on.
    InProgress,
    /// The result is published; final.
    Complete,
    /// Nothing more will happen; final.
    Failed,
}

impl State {
    /// Every state, by number.
    pub const ALL: [Self; 3] = [Self::InProgress, Self::Complete, Self::Failed];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Complete => "complete",
            Self::Failed => "failed",
        }
    }

    /// The number in the database.
    pub const fn number(self) -> i32 {
        match self {
            Self::InProgress => 1,
            Self::Complete => 2,
            Self::Failed => 3,
        }
    }

    /// Whether a request in this state stays in it for good.
    pub const fn is_final(self) -> bool {
        match self {
            Self::InProgress => false,
            Self::Complete | Self::Failed => true,
        }
    }

    /// The state with this name; letter case matters.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The state with this number.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.number() == number)
    }
}

/// Who an index image is meant for (`distribution_scope`, section 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Released to customers.
    Prod,
    /// Under test before a release.
    Stage,
    /// Under development.
    Dev,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Prod, Self::Stage, Self::Dev];

    /// The name on the wire, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prod => "prod",
            Self::Stage => "stage",
            Self::Dev => "dev",
        }
    }

    /// The scope with this name in any letter case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name().eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::{RequestType, Scope, State};

    #[test]
    fn types_and_states_survive_the_trip_through_name_and_number() {
        for kind in RequestType::ALL {
            assert_eq!(RequestType::from_name(kind.name()), Some(kind));
            assert_eq!(RequestType::from_number(kind.number()), Some(kind));
        }
        for state in State::ALL {
            assert_eq!(State::from_name(state.name()), Some(state));
            assert_eq!(State::from_number(state.number()), Some(state));
        }
    }

    #[test]
    fn names_of_types_and_states_mind_the_letter_case_and_scopes_do_not() {
        assert_eq!(RequestType::from_name("regenerate_bundle"), None);
        assert_eq!(RequestType::from_name("Add"), None);
        assert_eq!(State::from_name("Complete"), None);
        assert_eq!(Scope::from_name("PROD"), Some(Scope::Prod));
        assert_eq!(Scope::from_name("qa"), None);
    }
}
