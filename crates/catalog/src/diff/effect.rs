//! What a change means for clusters.

use std::fmt;

use serde::{Serialize, Serializer};

use super::words::{name, names};

/// What a change means for clusters that follow a channel, or for those that will.
///
/// Its text is a sentence without a dot; names in it are in backticks. Long lists are shortened in the text alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect<'a> {
    /// A package can be installed.
    PackageAdded {
        /// The channel that is followed when none is named.
        default_channel: &'a str,
        /// What is installed from it; `None` if the channel has no single head.
        head: Option<&'a str>,
    },
    /// A package cannot be installed any more.
    PackageRemoved,
    /// Subscriptions that name no channel follow another one.
    DefaultChannel {
        /// The channel they followed.
        before: &'a str,
        /// The channel they follow.
        after: &'a str,
        /// What is installed from it; `None` if the channel has no single head.
        head: Option<&'a str>,
    },
    /// The default channel is not there.
    DefaultChannelMissing {
        /// Its name; empty if the package names none.
        channel: &'a str,
    },
    /// Consoles show something else; updates are the same.
    Presentation,
    /// A channel can be followed.
    ChannelAdded {
        /// What is installed from it; `None` if the channel has no single head.
        head: Option<&'a str>,
    },
    /// A channel gives no updates any more.
    ChannelRemoved,
    /// A channel has another head.
    NewHead {
        /// The old head.
        before: &'a str,
        /// The new head.
        after: &'a str,
        /// How many updates lead from the old head to the new one; `None` if none do.
        steps: Option<usize>,
        /// Whether the new head is of a lower version.
        older: bool,
    },
    /// Bundles that are still in the channel got updates up to the head before, and do not any more.
    UpdatesCut {
        /// Their names; the old head is not among them.
        bundles: Vec<&'a str>,
    },
    /// Bundles have left the channel, and no update leads from them to its head.
    LeftBehind {
        /// Their names; the old head is not among them.
        bundles: Vec<&'a str>,
    },
    /// Bundles have left the channel, and updates still lead from them to its head.
    MovedOn {
        /// Their names; the old head is not among them.
        bundles: Vec<&'a str>,
    },
    /// Bundles got no updates up to the head before, and do now.
    UpdatesOpened {
        /// Their names.
        bundles: Vec<&'a str>,
    },
    /// Updates led from bundles that are in other channels alone to this one's head, and do not any more.
    SwitchesCut {
        /// Their names.
        bundles: Vec<&'a str>,
    },
    /// Updates did not lead from bundles that are in other channels alone to this one's head, and do now.
    SwitchesOpened {
        /// Their names.
        bundles: Vec<&'a str>,
    },
    /// Entries changed, and the bundles of both catalogs get updates up to the head, or not, as before.
    UpdatesKept,
    /// The changes cannot be judged.
    NotJudged {
        /// Why.
        reason: String,
    },
    /// A bundle can be installed.
    Installable {
        /// The channels it is in.
        channels: Vec<&'a str>,
    },
    /// A bundle is in no channel.
    InNoChannel,
    /// A bundle cannot be installed any more.
    BundleRemoved,
    /// A bundle has another image under the same name.
    ImageMoved {
        /// Whether both have the same digest.
        same_digest: bool,
    },
    /// A bundle says another version under the same name.
    VersionChanged,
    /// A bundle needs other packages or APIs.
    Dependencies,
    /// A bundle provides other APIs.
    Apis,
    /// A bundle allows other versions of `OpenShift`.
    OpenShiftLimit,
    /// A bundle names other images.
    RelatedImages,
    /// Users see a warning.
    DeprecationShown,
    /// Users see no warning any more.
    DeprecationGone,
    /// Users see another warning.
    DeprecationReworded,
    /// Only the order or the form of what is written is another one.
    FormOnly,
}

impl Effect<'_> {
    /// Whether somebody should look at it: clusters lose something, or get something else under a name they know.
    pub fn needs_attention(&self) -> bool {
        match self {
            Self::PackageRemoved
            | Self::DefaultChannelMissing { .. }
            | Self::ChannelRemoved
            | Self::NewHead { steps: None, .. }
            | Self::UpdatesCut { .. }
            | Self::LeftBehind { .. }
            | Self::SwitchesCut { .. }
            | Self::NotJudged { .. }
            | Self::InNoChannel
            | Self::ImageMoved { same_digest: false }
            | Self::VersionChanged => true,
            Self::PackageAdded { .. }
            | Self::DefaultChannel { .. }
            | Self::Presentation
            | Self::ChannelAdded { .. }
            | Self::NewHead { steps: Some(_), .. }
            | Self::MovedOn { .. }
            | Self::UpdatesOpened { .. }
            | Self::SwitchesOpened { .. }
            | Self::UpdatesKept
            | Self::Installable { .. }
            | Self::BundleRemoved
            | Self::ImageMoved { same_digest: true }
            | Self::Dependencies
            | Self::Apis
            | Self::OpenShiftLimit
            | Self::RelatedImages
            | Self::DeprecationShown
            | Self::DeprecationGone
            | Self::DeprecationReworded
            | Self::FormOnly => false,
        }
    }
}

impl fmt::Display for Effect<'_> {
    #[expect(clippy::too_many_lines, reason = "a sentence for each variant")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::PackageAdded {
                default_channel,
                head,
            } => {
                let (channel, install) = (name(default_channel), install(*head));
                return write!(
                    f,
                    "new subscriptions that name no channel follow {channel} and {install}"
                );
            }
            Self::DefaultChannel { after, head, .. } => {
                let (channel, install) = (name(after), install(*head));
                return write!(
                    f,
                    "new subscriptions that name no channel follow {channel} and {install}; those that name a channel stay in it"
                );
            }
            Self::DefaultChannelMissing { channel: "" } => {
                "no default channel: subscriptions that name no channel install nothing"
            }
            Self::DefaultChannelMissing { channel } => {
                let channel = name(channel);
                return write!(
                    f,
                    "the default channel {channel} is not there: subscriptions that name no channel install nothing"
                );
            }
            Self::ChannelAdded { head } => {
                return write!(f, "new subscriptions to it {}", install(*head));
            }
            Self::NewHead {
                before,
                after,
                steps,
                older,
            } => {
                return f.write_str(&new_head(before, after, *steps, *older));
            }
            Self::UpdatesCut { bundles } => {
                let names = names(bundles);
                return write!(
                    f,
                    "no updates lead to the head any more from {names}; clusters that run them stay behind"
                );
            }
            Self::LeftBehind { bundles } => {
                let names = names(bundles);
                return write!(
                    f,
                    "gone from the channel, and no updates lead to the head from {names}; clusters that run them stay behind"
                );
            }
            Self::MovedOn { bundles } => {
                let names = names(bundles);
                return write!(
                    f,
                    "gone from the channel, but updates still lead to the head from {names}"
                );
            }
            Self::UpdatesOpened { bundles } => {
                let names = names(bundles);
                return write!(
                    f,
                    "updates lead to the head now from {names}, where none did before"
                );
            }
            Self::SwitchesCut { bundles } => {
                let names = names(bundles);
                return write!(
                    f,
                    "clusters that switch to this channel get no update any more from {names}"
                );
            }
            Self::SwitchesOpened { bundles } => {
                let names = names(bundles);
                return write!(
                    f,
                    "clusters that switch to this channel get updates now from {names}"
                );
            }
            Self::NotJudged { reason } => {
                return write!(f, "what this means cannot be told: {reason}");
            }
            Self::Installable { channels } => {
                return write!(f, "can be installed from {}", names(channels));
            }
            Self::UpdatesKept => {
                "the bundles of both catalogs get updates up to the head as before"
            }
            Self::PackageRemoved => {
                "clusters keep what they run and get no more updates; it cannot be installed any more"
            }
            Self::Presentation => "consoles show something else; updates are not affected",
            Self::ChannelRemoved => {
                "clusters that follow it keep what they run and get no more updates"
            }
            Self::InNoChannel => "in no channel, so it cannot be installed",
            Self::BundleRemoved => "cannot be installed any more; clusters that run it keep it",
            Self::ImageMoved { same_digest: true } => {
                "the same image from another place; clusters that run it do not notice"
            }
            Self::ImageMoved { same_digest: false } => {
                "new installations get another image; clusters that run it do not notice, as the name is the same"
            }
            Self::VersionChanged => {
                "another version under the same name: ranges and dependencies judge it differently"
            }
            Self::Dependencies => {
                "needs other packages or APIs: clusters that cannot provide them get no update to it"
            }
            Self::Apis => {
                "provides other APIs: operators that depend on them may resolve differently"
            }
            Self::OpenShiftLimit => {
                "allows other OpenShift versions: it may block the update of clusters, or stop blocking it"
            }
            Self::RelatedImages => "mirrors for disconnected clusters must copy other images",
            Self::DeprecationShown => "users see a warning; updates are not affected",
            Self::DeprecationGone => "users see no warning any more",
            Self::DeprecationReworded => "users see another warning",
            Self::FormOnly => {
                "only the order or form of what is written differs; clusters do not notice"
            }
        };
        f.write_str(text)
    }
}

/// What new subscriptions to a channel do.
fn install(head: Option<&str>) -> String {
    match head {
        Some(head) => format!("install {}", name(head)),
        None => "install nothing certain, as it has no single head".to_owned(),
    }
}

fn new_head(before: &str, after: &str, steps: Option<usize>, older: bool) -> String {
    let (before, after) = (name(before), name(after));
    match steps {
        Some(1) => format!("clusters on {before} are offered {after}"),
        Some(steps) => format!("clusters on {before} reach {after} in {steps} updates"),
        None if older => format!(
            "the head goes back: clusters on {before} stay there, new subscriptions install {after}"
        ),
        None => format!(
            "clusters on {before} get no update to {after}: nothing leads from one to the other"
        ),
    }
}

/// An effect with what can be told of it.
#[derive(Serialize)]
struct Told<'e, 'a> {
    #[serde(flatten)]
    effect: &'e Effect<'a>,
    attention: bool,
    text: String,
}

/// Writes effects with `attention` ([`Effect::needs_attention`]) and `text`.
pub(super) fn all<S: Serializer>(effects: &[Effect<'_>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(effects.iter().map(|effect| Told {
        effect,
        attention: effect.needs_attention(),
        text: effect.to_string(),
    }))
}
