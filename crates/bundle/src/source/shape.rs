//! Whether a CSV has the shape that finding its images rests on (workflow specification, 6.2).

use catalog::placed::{Node, Value};

use super::{JsonPath, SourceError, SourceFile};

type Checked = Result<(), SourceError>;

/// A value with its file and the way to it.
struct At<'a> {
    file: &'a SourceFile,
    node: &'a Node,
    path: JsonPath,
}

pub(super) fn check(file: &SourceFile) -> Checked {
    let root = At {
        file,
        node: file.document(),
        path: JsonPath::default(),
    };
    let metadata = root.required("metadata")?.mapping()?;
    let annotations = metadata.optional("annotations");
    if let Some(image) = annotations.and_then(|annotations| annotations.optional("containerImage"))
    {
        image.text()?;
    }
    let spec = root.required("spec")?.mapping()?;
    if let Some(images) = spec.optional("relatedImages") {
        for image in images.elements()? {
            image.required("name")?.text()?;
            image.required("image")?.text()?;
        }
    }
    let install = spec.required("install")?.mapping()?;
    let Some(strategy) = install.optional("spec") else {
        return Ok(());
    };
    for deployment in strategy.required("deployments")?.elements()? {
        let template = deployment
            .required("spec")?
            .required("template")?
            .mapping()?;
        let Some(pod) = template.optional("spec") else {
            continue;
        };
        let init = pod.optional("initContainers");
        for containers in std::iter::once(pod.required("containers")?).chain(init) {
            containers.elements()?.iter().try_for_each(At::container)?;
        }
    }
    Ok(())
}

impl<'a> At<'a> {
    fn container(&self) -> Checked {
        self.required("name")?.text()?;
        self.required("image")?.text()?;
        let Some(env) = self.optional("env") else {
            return Ok(());
        };
        for variable in env.elements()? {
            variable.required("name")?.text()?;
            if let Some(value) = variable.optional("value") {
                value.text()?;
            }
        }
        Ok(())
    }

    fn optional(&self, key: &str) -> Option<At<'a>> {
        Some(At {
            file: self.file,
            node: self.node.get(key)?,
            path: self.path.key(key),
        })
    }

    /// The member under a key, which must be there; a value that is no mapping has none.
    fn required(&self, key: &str) -> Result<At<'a>, SourceError> {
        if self.node.members().is_none() {
            return Err(self.refused("a mapping"));
        }
        self.optional(key).ok_or_else(|| SourceError::Shape {
            file: self.file.path().to_owned(),
            line: self.node.place.line,
            path: self.path.key(key),
            expected: "there",
            found: "missing",
        })
    }

    fn mapping(self) -> Result<Self, SourceError> {
        match self.node.value {
            Value::Mapping(_) => Ok(self),
            _ => Err(self.refused("a mapping")),
        }
    }

    fn elements(&self) -> Result<Vec<At<'a>>, SourceError> {
        let elements = self.node.elements().ok_or_else(|| self.refused("a list"))?;
        let at = |(index, node)| At {
            file: self.file,
            node,
            path: self.path.index(index),
        };
        Ok(elements.iter().enumerate().map(at).collect())
    }

    fn text(&self) -> Checked {
        match self.node.as_str() {
            Some(_) => Ok(()),
            None => Err(self.refused("a text")),
        }
    }

    fn refused(&self, expected: &'static str) -> SourceError {
        SourceError::Shape {
            file: self.file.path().to_owned(),
            line: self.node.place.line,
            path: self.path.clone(),
            expected,
            found: self.node.kind(),
        }
    }
}
