//! What is checked, how often it was looked at, and what was wrong.

use std::collections::BTreeMap;

use crate::terminal::say;

/// How many of the findings of a check are told.
const TOLD: usize = 5;

/// One thing that has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Check {
    Documented,
    AsExpected,
    OwnAnswers,
    NoSecrets,
    BatchNumbers,
    ListsInOrder,
    Unavailable,
    ComesBack,
    AllThere,
    AsSubmitted,
    AsReported,
    NothingElse,
    Gapless,
    Queues,
    Schemas,
    EndsWell,
}

impl Check {
    const fn about(self) -> &'static str {
        match self {
            Self::Documented => {
                "every answer has a status that the OpenAPI document has for its operation"
            }
            Self::AsExpected => "every answer has the status that follows from what was sent",
            Self::OwnAnswers => "what was accepted is shown from then on, as it is known to be",
            Self::NoSecrets => "no answer has a secret in it",
            Self::BatchNumbers => {
                "the requests of a batch have numbers that follow each other, and a batch of their own"
            }
            Self::ListsInOrder => "lists are ordered, hold what was asked for, and nothing twice",
            Self::Unavailable => "who cannot be served now is told when to come back",
            Self::ComesBack => "after every fault requests are accepted again",
            Self::AllThere => "every accepted request is there, once",
            Self::AsSubmitted => "every accepted request is stored as it was submitted",
            Self::AsReported => "every accepted request has the state that was last reported",
            Self::NothingElse => {
                "nothing is stored but what was accepted, or what got no answer, once"
            }
            Self::Gapless => {
                "the numbers of requests have no gaps, and are as many as the list says"
            }
            Self::Queues => "what is not finished waits in a queue, and nothing else does",
            Self::Schemas => "deprecation schemas come back byte for byte",
            Self::EndsWell => "the service ends when it is asked to",
        }
    }
}

#[derive(Debug, Default)]
struct Findings {
    looked_at: u64,
    wrong: u64,
    told: Vec<String>,
}

/// The checks that were made, and what they found.
#[derive(Debug, Default)]
pub(super) struct Checks(BTreeMap<Check, Findings>);

impl Checks {
    /// Looks at one thing; `wrong` says what is wrong with it when it does not hold.
    pub(super) fn expect(&mut self, check: Check, holds: bool, wrong: impl FnOnce() -> String) {
        let findings = self.0.entry(check).or_default();
        findings.looked_at += 1;
        if !holds {
            findings.wrong += 1;
            if findings.told.len() < TOLD {
                findings.told.push(wrong());
            }
        }
    }

    /// Has a check fail unless something is looked at.
    pub(super) fn require(&mut self, checks: impl IntoIterator<Item = Check>) {
        for check in checks {
            self.0.entry(check).or_default();
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (check, findings) in other.0 {
            let all = self.0.entry(check).or_default();
            all.looked_at += findings.looked_at;
            all.wrong += findings.wrong;
            all.told.extend(findings.told);
            all.told.truncate(TOLD);
        }
    }

    /// Prints every check; whether all hold. One that nothing was there for has not shown anything.
    pub(super) fn report(&self) -> bool {
        for (check, findings) in &self.0 {
            let about = check.about();
            let looked_at = findings.looked_at;
            if findings.passed() {
                say(&format!("ok: {about} ({looked_at} looked at)"));
                continue;
            }
            say(&format!(
                "FAILED: {about} ({} of {looked_at} do not)",
                findings.wrong
            ));
            for wrong in &findings.told {
                say(&format!("  {wrong}"));
            }
        }
        self.failed() == 0
    }

    fn failed(&self) -> usize {
        self.0
            .values()
            .filter(|findings| !findings.passed())
            .count()
    }

    /// The last line.
    pub(super) fn tally(&self) -> String {
        let failed = self.failed();
        format!("{} checks passed, {failed} failed", self.0.len() - failed)
    }
}

impl Findings {
    const fn passed(&self) -> bool {
        self.looked_at > 0 && self.wrong == 0
    }
}

#[cfg(test)]
mod tests {
    use super::{Check, Checks};

    #[test]
    fn a_check_passes_when_all_it_looked_at_holds_and_there_was_something() {
        let mut checks = Checks::default();
        checks.expect(Check::AllThere, true, String::new);
        assert!(checks.report());
        checks.require([Check::AllThere, Check::Gapless]);
        assert!(!checks.report());
        assert_eq!(checks.tally(), "1 checks passed, 1 failed");

        let mut more = Checks::default();
        more.expect(Check::AllThere, false, || "7 is gone".to_owned());
        checks.merge(more);
        assert_eq!(checks.tally(), "0 checks passed, 2 failed");
    }
}
