//! The CSV a server shows for a bundle that has only metadata of one.

use super::object::{Object, write_list};
use crate::json::{Value, to_text};

/// What a generated CSV says beside the metadata (file-based catalog specification, 4.4).
#[derive(Debug, Clone, Copy)]
pub(super) struct Additions<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    /// The package's description, for bundles without one.
    pub(super) description: &'a str,
    /// Base64 data and media type of the package's icon.
    pub(super) icon: Option<(&'a str, &'a str)>,
    /// Names and pull specs.
    pub(super) related_images: &'a [(&'a str, &'a str)],
}

/// Builds a CSV out of the value of an `olm.csv.metadata` property: compact JSON, HTML-escaped, keys in the reference
/// tool's order. Fields of a wrong type count as absent.
pub(super) fn generate(metadata: &Value, additions: Additions<'_>) -> String {
    let mut csv = Object::new();
    csv.always("kind", "ClusterServiceVersion");
    csv.always("apiVersion", "operators.coreos.com/v1alpha1");
    let mut object_meta = Object::new();
    object_meta.string("name", additions.name);
    for key in ["labels", "annotations"] {
        let map = metadata.field(key);
        if let Some(map) = map.filter(|map| map.as_object().is_some_and(|map| !map.is_empty())) {
            object_meta.raw(key, &to_text(map));
        }
    }
    csv.raw("metadata", &object_meta.into_text());
    csv.raw("spec", &spec(metadata, additions));
    csv.raw("status", r#"{"cleanup":{}}"#);
    csv.into_text()
}

fn spec(metadata: &Value, additions: Additions<'_>) -> String {
    let mut spec = Object::new();
    spec.raw(
        "install",
        r#"{"strategy":"deployment","spec":{"deployments":null}}"#,
    );
    spec.always("version", additions.version);
    spec.string("maturity", text(metadata, "maturity"));
    for (key, source, identity) in [
        (
            "customresourcedefinitions",
            "crdDescriptions",
            &["name", "version", "kind"][..],
        ),
        (
            "apiservicedefinitions",
            "apiServiceDefinitions",
            &["name", "group", "version", "kind"],
        ),
    ] {
        spec.raw(key, &definitions(metadata.field(source), identity));
    }
    list(&mut spec, "nativeAPIs", metadata, |api| {
        all(api, &["group", "version", "kind"])
    });
    spec.string("minKubeVersion", text(metadata, "minKubeVersion"));
    spec.always("displayName", text(metadata, "displayName"));
    let description = match text(metadata, "description") {
        "" => additions.description,
        own => own,
    };
    spec.string("description", description);
    list(&mut spec, "keywords", metadata, to_text);
    list(&mut spec, "maintainers", metadata, |maintainer| {
        present(maintainer, &["name", "email"])
    });
    let provider = metadata.field("provider").unwrap_or(&Value::Null);
    spec.raw("provider", &present(provider, &["name", "url"]));
    list(&mut spec, "links", metadata, |link| {
        present(link, &["name", "url"])
    });
    if let Some((data, mediatype)) = additions.icon {
        let mut icon = Object::new();
        icon.always("base64data", data);
        icon.always("mediatype", mediatype);
        spec.raw("icon", &format!("[{}]", icon.into_text()));
    }
    list(&mut spec, "installModes", metadata, |mode| {
        let mut object = Object::new();
        object.always("type", text(mode, "type"));
        let supported = mode.field("supported") == Some(&Value::Bool(true));
        object.raw("supported", if supported { "true" } else { "false" });
        object.into_text()
    });
    spec.raw("cleanup", r#"{"enabled":false}"#);
    spec.list(
        "relatedImages",
        additions.related_images,
        |target, image| {
            let mut object = Object::new();
            object.always("name", image.0);
            object.always("image", image.1);
            target.push_str(&object.into_text());
        },
    );
    spec.into_text()
}

/// The owned and required APIs.
fn definitions(value: Option<&Value>, identity: &[&str]) -> String {
    let mut object = Object::new();
    for key in ["owned", "required"] {
        if let Some(value) = value {
            list(&mut object, key, value, |api| definition(api, identity));
        }
    }
    object.into_text()
}

fn definition(api: &Value, identity: &[&str]) -> String {
    let mut object = Object::new();
    for key in identity {
        object.always(key, text(api, key));
    }
    object.string("deploymentName", text(api, "deploymentName"));
    match api.field("containerPort") {
        Some(port @ Value::Number(_)) if to_text(port) != "0" => {
            object.raw("containerPort", &to_text(port));
        }
        _ => {}
    }
    object.string("displayName", text(api, "displayName"));
    object.string("description", text(api, "description"));
    list(&mut object, "resources", api, |resource| {
        all(resource, &["name", "kind", "version"])
    });
    for key in ["statusDescriptors", "specDescriptors", "actionDescriptors"] {
        list(&mut object, key, api, |descriptor| {
            let mut object = Object::new();
            object.always("path", text(descriptor, "path"));
            object.string("displayName", text(descriptor, "displayName"));
            object.string("description", text(descriptor, "description"));
            list(&mut object, "x-descriptors", descriptor, to_text);
            if let Some(value) = descriptor.field("value") {
                object.raw("value", &to_text(value));
            }
            object.into_text()
        });
    }
    object.into_text()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.field(key).and_then(Value::as_str).unwrap_or_default()
}

/// An object of texts, empty ones too.
fn all(value: &Value, keys: &[&str]) -> String {
    let mut object = Object::new();
    for key in keys {
        object.always(key, text(value, key));
    }
    object.into_text()
}

/// An object of texts without the empty ones.
fn present(value: &Value, keys: &[&str]) -> String {
    let mut object = Object::new();
    for key in keys {
        object.string(key, text(value, key));
    }
    object.into_text()
}

/// Writes the list under a key of `source`, unless it is empty or absent.
fn list(object: &mut Object, key: &str, source: &Value, write: impl Fn(&Value) -> String) {
    let elements = source.field(key).and_then(Value::as_array);
    if let Some(elements) = elements.filter(|elements| !elements.is_empty()) {
        let mut text = String::new();
        write_list(&mut text, elements, |text, element| {
            text.push_str(&write(element));
        });
        object.raw(key, &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn generated(metadata: &str, description: &str, icon: Option<(&str, &str)>) -> String {
        let additions = Additions {
            name: "a.v1",
            version: "1.0.0",
            description,
            icon,
            related_images: &[("", "r/i")],
        };
        generate(&parse(metadata.as_bytes()).unwrap(), additions)
    }

    #[test]
    fn an_empty_csv_keeps_what_is_always_there() {
        assert_eq!(
            generated("{}", "", None),
            concat!(
                r#"{"kind":"ClusterServiceVersion","apiVersion":"operators.coreos.com/v1alpha1","metadata":{"name":"a.v1"},"#,
                r#""spec":{"install":{"strategy":"deployment","spec":{"deployments":null}},"version":"1.0.0","#,
                r#""customresourcedefinitions":{},"apiservicedefinitions":{},"displayName":"","provider":{},"#,
                r#""cleanup":{"enabled":false},"relatedImages":[{"name":"","image":"r/i"}]},"status":{"cleanup":{}}}"#
            )
        );
    }

    #[test]
    fn metadata_is_written_in_the_order_of_a_csv() {
        let csv = generated(
            r#"{"annotations":{"b":"<","a":""},"crdDescriptions":{"owned":[{"kind":"K","name":"n","version":"v",
               "specDescriptors":[{"path":"p","value":{"b":1,"a":2},"x-descriptors":["u"]}]}]},
               "installModes":[{"supported":true,"type":"T"}],"keywords":["k"],"displayName":"D"}"#,
            "of the package",
            Some(("AA==", "image/png")),
        );
        for part in [
            r#""metadata":{"name":"a.v1","annotations":{"a":"","b":"\u003c"}}"#,
            r#""customresourcedefinitions":{"owned":[{"name":"n","version":"v","kind":"K","specDescriptors":[{"path":"p","x-descriptors":["u"],"value":{"a":2,"b":1}}]}]}"#,
            r#""displayName":"D","description":"of the package","keywords":["k"],"provider":{},"icon":[{"base64data":"AA==","mediatype":"image/png"}],"installModes":[{"type":"T","supported":true}],"#,
        ] {
            assert!(csv.contains(part), "{part}\nis not in\n{csv}");
        }
    }
}
