//! Whether a bundle needs the highest OpenShift version declared for it, because it uses APIs that later ones do not have
//! (workflow specification, 3.6).

use catalog::Version;
use catalog::json::{self, Value, raw};

use crate::Bundle;
use crate::properties::ANNOTATION;

/// The property that says up to which OpenShift version a bundle may be installed.
pub const MAX_OPENSHIFT_VERSION: &str = "olm.maxOpenShiftVersion";

/// The first OpenShift version without the APIs below: major and minor number.
const WITHOUT_APIS: (u64, u64) = (4, 9);

/// The APIs that Kubernetes 1.22 no longer has, and the kinds in them.
const REMOVED: &[(&str, &[&str])] = &[
    (
        "admissionregistration.k8s.io/v1beta1",
        &[
            "MutatingWebhookConfiguration",
            "ValidatingWebhookConfiguration",
        ],
    ),
    (
        "apiextensions.k8s.io/v1beta1",
        &["CustomResourceDefinition"],
    ),
    ("apiregistration.k8s.io/v1beta1", &["APIService"]),
    ("authentication.k8s.io/v1beta1", &["TokenReview"]),
    (
        "authorization.k8s.io/v1beta1",
        &[
            "LocalSubjectAccessReview",
            "SelfSubjectAccessReview",
            "SubjectAccessReview",
        ],
    ),
    (
        "certificates.k8s.io/v1beta1",
        &["CertificateSigningRequest"],
    ),
    ("coordination.k8s.io/v1beta1", &["Lease"]),
    ("extensions/v1beta1", &["Ingress"]),
    ("networking.k8s.io/v1beta1", &["Ingress", "IngressClass"]),
    (
        "rbac.authorization.k8s.io/v1beta1",
        &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
    ),
    ("scheduling.k8s.io/v1beta1", &["PriorityClass"]),
    (
        "storage.k8s.io/v1beta1",
        &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"],
    ),
];

impl Bundle {
    /// Whether an index must add [`MAX_OPENSHIFT_VERSION`] for this bundle: it uses an API that Kubernetes 1.22 removed, and
    /// its CSV's annotation `olm.properties` does not keep it from clusters without that API.
    ///
    /// This follows the community validator of operator-sdk 1.15: an annotation it complains about for another reason
    /// (a value that is no version, or has a patch part) counts as declared, and so does most of what is not a list of texts.
    /// Files of the bundle that were skipped play no part, as clusters do not get them either.
    pub fn needs_max_openshift_version(&self) -> bool {
        self.uses_removed_apis && !is_declared(self.csv.annotation(ANNOTATION))
    }
}

/// Whether an object is of a kind that Kubernetes 1.22 removed.
pub(crate) fn uses_removed_apis(objects: &[Value]) -> bool {
    let is_removed = |object: &Value| {
        let text = |key| object.get(key).and_then(Value::as_str);
        let (Some(api), Some(kind)) = (text("apiVersion"), text("kind")) else {
            return false;
        };
        REMOVED
            .iter()
            .any(|(removed, kinds)| *removed == api && kinds.contains(&kind))
    };
    objects.iter().any(is_removed)
}

/// Whether the annotation counts as declaring a version below 4.9.
fn is_declared(annotation: &str) -> bool {
    if annotation.is_empty() {
        return false;
    }
    let Some(properties) = listed(annotation) else {
        // The validator repeats the text in its complaint, in which the service looks for the name of the property.
        return !annotation.contains(MAX_OPENSHIFT_VERSION);
    };
    let mut values = properties
        .into_iter()
        .filter(|(type_, _)| type_ == MAX_OPENSHIFT_VERSION);
    values.next().is_some_and(|(_, value)| is_low(&value))
}

/// The types and values of the annotation; `None` if it is not a list of them, both texts.
fn listed(annotation: &str) -> Option<Vec<(String, String)>> {
    let [list] = raw::values(annotation.as_bytes()).ok()?[..] else {
        return None;
    };
    let list = json::parse(list).ok()?;
    if list.is_null() {
        return Some(Vec::new());
    }
    let text = |item: &Value, field| match item.field(field) {
        None => Some(String::new()),
        Some(value) => value.as_str().map(str::to_owned),
    };
    let read = |item: &Value| match item {
        Value::Object(_) | Value::Null => Some((text(item, "type")?, text(item, "value")?)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    };
    list.as_array()?.iter().map(read).collect()
}

/// Whether a declared value keeps the bundle from clusters without the APIs, or is passed over by the validator before it
/// asks that: no version, or one with more than two parts that count.
fn is_low(value: &str) -> bool {
    tolerant(value).is_none_or(|version| !version.is_minor || version.minor < WITHOUT_APIS)
}

/// A version whose minor and patch numbers may be left out, and whose numbers may begin with zeros.
struct Tolerant {
    /// The major and the minor number.
    minor: (u64, u64),
    /// Whether nothing but build metadata follows them.
    is_minor: bool,
}

fn tolerant(text: &str) -> Option<Tolerant> {
    let text = text.trim();
    let text = text.strip_prefix('v').unwrap_or(text);
    let mut parts: Vec<String> = text.splitn(3, '.').map(without_zeros).collect();
    if parts.len() < 3 && parts.last()?.contains(['+', '-']) {
        return None;
    }
    parts.resize(3, "0".to_owned());
    let version: Version = parts.join(".").parse().ok()?;
    let minor: Version = format!("{}.{}.0", parts[0], parts[1]).parse().ok()?;
    Some(Tolerant {
        minor: (parts[0].parse().ok()?, parts[1].parse().ok()?),
        is_minor: version.cmp_precedence(&minor).is_eq(),
    })
}

fn without_zeros(part: &str) -> String {
    let trimmed = part.trim_start_matches('0');
    if trimmed.len() < part.len() && !trimmed.starts_with(|first: char| first.is_ascii_digit()) {
        return format!("0{trimmed}");
    }
    trimmed.to_owned()
}
