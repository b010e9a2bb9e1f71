//! Which images a CSV names, and where.

use std::fmt;
use std::ops::Range;

use catalog::placed::{Node, Value};

use super::align::align;
use super::guess::guess;
use super::{Csv, JsonPath, PullSpec, SourceError, SourceFile, related};

/// The annotation whose whole value is a pull spec.
const IMAGE_ANNOTATION: &str = "containerImage";
/// How the names of variables begin that name images.
const IMAGE_VARIABLE: &str = "RELATED_IMAGE_";

/// An image that a CSV names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The name it would have among the related images.
    pub name: String,
    /// The pull spec as it is written.
    pub image: String,
    /// The pull spec.
    pub spec: PullSpec,
    /// What names the image.
    pub origin: Origin,
    /// The line it is on, counted from 1; behind an alias, that of the anchor.
    pub line: usize,
    /// Where in the document the value is that holds it.
    pub path: JsonPath,
    /// Which bytes of that value's text it is.
    pub part: Range<usize>,
}

/// What names an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// An entry of `spec.relatedImages`, by its name.
    RelatedImage(String),
    /// An annotation, by its key.
    Annotation(String),
    /// A container of a deployment, by its name.
    Container(String),
    /// An init container of a deployment, by its name.
    InitContainer(String),
    /// An environment variable of a container, by its name.
    Variable(String),
}

impl Origin {
    /// The annotation, if the image is what a part of its text looks like: perhaps it names none.
    pub fn guessed(&self) -> Option<&str> {
        match self {
            Self::Annotation(key) => (key != IMAGE_ANNOTATION).then_some(key),
            Self::RelatedImage(_)
            | Self::Container(_)
            | Self::InitContainer(_)
            | Self::Variable(_) => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RelatedImage(name) => write!(formatter, "relatedImage {name}"),
            Self::Annotation(key) => write!(formatter, "{key} annotation"),
            Self::Container(name) => write!(formatter, "container {name}"),
            Self::InitContainer(name) => write!(formatter, "initContainer {name}"),
            Self::Variable(name) => write!(formatter, "{name} var"),
        }
    }
}

impl Csv {
    /// Every place that names an image: related images, `containerImage`, containers, init containers, variables, and what other
    /// annotations seem to name, in this order (workflow specification, 6.3).
    ///
    /// # Errors
    /// [`SourceError`] if a variable for an image has no value.
    pub fn found(&self) -> Result<Vec<Found>, SourceError> {
        found(&self.file, self.file.document())
    }

    /// Name and image of every related image that the CSV would list if it were left to us, whatever it lists now.
    ///
    /// # Errors
    /// [`SourceError::Conflicts`] if a name stands for different images, and those of [`Csv::found`].
    pub fn related_images(&self) -> Result<Vec<(String, String)>, SourceError> {
        let mut found = self.found()?;
        found.retain(|found| !matches!(found.origin, Origin::RelatedImage(_)));
        related::generate(found)
    }
}

/// What [`Csv::found`] lists, in a document that the file may still become.
pub(super) fn found(file: &SourceFile, root: &Node) -> Result<Vec<Found>, SourceError> {
    let mut finder = Finder {
        file,
        list: Vec::new(),
    };
    finder.related_images(root);
    let annotations = annotations(root);
    for (path, key, node) in &annotations {
        if *key == IMAGE_ANNOTATION {
            finder.annotation(path, key, node, whole);
        }
    }
    let containers = containers_of(root, "containers");
    let init_containers = containers_of(root, "initContainers");
    finder.containers(&containers, Origin::Container);
    finder.containers(&init_containers, Origin::InitContainer);
    finder.variables(&containers)?;
    finder.variables(&init_containers)?;
    let guessed = finder.list.len();
    for (path, key, node) in &annotations {
        if *key != IMAGE_ANNOTATION {
            finder.annotation(path, key, node, guess);
        }
    }
    finder.list[guessed..].reverse();
    Ok(finder.list)
}

struct Finder<'a> {
    file: &'a SourceFile,
    list: Vec<Found>,
}

impl Finder<'_> {
    /// Adds a part of a value that names an image; an empty text names none.
    fn add(
        &mut self,
        name: Option<&str>,
        origin: Origin,
        path: JsonPath,
        node: &Node,
        (part, line): (Range<usize>, usize),
    ) {
        let Some(text) = node.as_str() else { return };
        let image = &text[part.clone()];
        let Ok(spec) = image.parse::<PullSpec>() else {
            return;
        };
        let name = match name {
            Some(name) => name.to_owned(),
            None => format!("{}-{}-annotation", spec.repository(), spec.tag_or_hex()),
        };
        self.list.push(Found {
            name,
            image: image.to_owned(),
            spec,
            origin,
            line,
            path,
            part,
        });
    }

    fn related_images(&mut self, root: &Node) {
        let path = JsonPath::of(&["spec", "relatedImages"]);
        let images = root.at(&["spec", "relatedImages"]).and_then(Node::elements);
        for (index, entry) in images.unwrap_or_default().iter().enumerate() {
            let name = entry.get("name").and_then(Node::as_str);
            if let (Some(name), Some(image)) = (name, entry.get("image")) {
                let origin = Origin::RelatedImage(name.to_owned());
                let path = path.index(index).key("image");
                self.add(Some(name), origin, path, image, whole_of(image));
            }
        }
    }

    fn annotation(
        &mut self,
        path: &JsonPath,
        key: &str,
        node: &Node,
        parts: impl Fn(&str) -> Vec<Range<usize>>,
    ) {
        let parts = parts(node.as_str().unwrap_or_default());
        let lines = lines(self.file, node, &parts);
        for (part, line) in parts.into_iter().zip(lines) {
            let origin = Origin::Annotation(key.to_owned());
            self.add(None, origin, path.clone(), node, (part, line));
        }
    }

    fn containers(&mut self, containers: &[(JsonPath, &Node)], origin: impl Fn(String) -> Origin) {
        for (path, container) in containers {
            let name = container.get("name").and_then(Node::as_str);
            if let (Some(name), Some(image)) = (name, container.get("image")) {
                let path = path.key("image");
                self.add(
                    Some(name),
                    origin(name.to_owned()),
                    path,
                    image,
                    whole_of(image),
                );
            }
        }
    }

    fn variables(&mut self, containers: &[(JsonPath, &Node)]) -> Result<(), SourceError> {
        for (path, container) in containers {
            let variables = container.get("env").and_then(Node::elements);
            for (index, variable) in variables.unwrap_or_default().iter().enumerate() {
                let name = variable.get("name").and_then(Node::as_str);
                let Some((variable_name, image_name)) =
                    name.and_then(|name| Some((name, name.strip_prefix(IMAGE_VARIABLE)?)))
                else {
                    continue;
                };
                let (file, line) = (self.file.path().to_owned(), variable.place.line);
                let variable_name = variable_name.to_owned();
                if variable.get("valueFrom").is_some() {
                    return Err(SourceError::ValueFrom {
                        file,
                        line,
                        variable: variable_name,
                    });
                }
                let value = variable.get("value");
                let Some(value) =
                    value.filter(|value| value.as_str().is_some_and(|text| !text.is_empty()))
                else {
                    return Err(SourceError::NoValue {
                        file,
                        line,
                        variable: variable_name,
                    });
                };
                let path = path.key("env").index(index).key("value");
                let name = image_name.to_lowercase();
                self.add(
                    Some(&name),
                    Origin::Variable(variable_name),
                    path,
                    value,
                    whole_of(value),
                );
            }
        }
        Ok(())
    }
}

fn whole(text: &str) -> Vec<Range<usize>> {
    std::iter::once(0..text.len()).collect()
}

/// All of a value, and its line.
fn whole_of(node: &Node) -> (Range<usize>, usize) {
    (0..node.as_str().map_or(0, str::len), node.place.line)
}

/// The containers of a kind of all deployments.
fn containers_of<'a>(root: &'a Node, kind: &str) -> Vec<(JsonPath, &'a Node)> {
    let keys = ["spec", "install", "spec", "deployments"];
    let deployments = root.at(&keys).and_then(Node::elements).unwrap_or_default();
    let mut all = Vec::new();
    for (index, deployment) in deployments.iter().enumerate() {
        let path = JsonPath::of(&keys).index(index);
        let path = path.key("spec").key("template").key("spec").key(kind);
        let containers = deployment.at(&["spec", "template", "spec", kind]);
        let containers = containers.and_then(Node::elements).unwrap_or_default();
        let with_path = containers.iter().enumerate();
        all.extend(with_path.map(|(index, container)| (path.index(index), container)));
    }
    all
}

/// Every annotation of every `metadata` that is not within another one: its way, its key and its value.
fn annotations(root: &Node) -> Vec<(JsonPath, &str, &Node)> {
    fn collect<'a>(
        node: &'a Node,
        path: &mut JsonPath,
        all: &mut Vec<(JsonPath, &'a str, &'a Node)>,
    ) {
        match &node.value {
            Value::Mapping(members) => {
                for (key, member) in members {
                    path.push_key(key);
                    if key == "metadata" {
                        let annotations = member.node.get("annotations");
                        for (key, member) in
                            annotations.and_then(Node::members).into_iter().flatten()
                        {
                            all.push((path.key("annotations").key(key), key, &member.node));
                        }
                    } else {
                        collect(&member.node, path, all);
                    }
                    path.pop();
                }
            }
            Value::Sequence(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    path.push_index(index);
                    collect(element, path, all);
                    path.pop();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut all = Vec::new();
    collect(root, &mut JsonPath::default(), &mut all);
    all
}

/// The lines on which parts of a value begin, which come in their order.
fn lines(file: &SourceFile, node: &Node, parts: &[Range<usize>]) -> Vec<usize> {
    let (place, text) = (node.place, node.as_str().unwrap_or_default());
    let notation = file.text().get(place.start..place.end).unwrap_or_default();
    // A part that is all of the value, or its beginning, begins where the value does.
    let found = match parts {
        [part] if part.start == 0 => None,
        parts => align(notation, place.style, text, parts),
    };
    let Some(found) = found else {
        return vec![place.line; parts.len()];
    };
    let (mut line, mut at) = (place.line, 0);
    let mut lines = Vec::with_capacity(found.len());
    for range in found {
        let between = notation.get(at..range.start).unwrap_or_default();
        line += between.matches('\n').count();
        at = range.start;
        lines.push(line);
    }
    lines
}
