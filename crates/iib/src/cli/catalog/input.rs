//! How a command line names a catalog.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use oci::{ImageName, ParseImageNameError, PullSpec};

/// Where a catalog is read from, as people name it.
///
/// The first of these that fits: `-` is standard input; `oci:DIR[:TAG|@DIGEST]` an image of an OCI layout and
/// `docker://…` an image of a registry; what exists is a file or directory; a pull spec that names its registry is an image.
/// Anything else is a file that does not exist, which is for its reader to say: a mistyped path is not looked for at
/// Docker Hub. A file named `-`, or with a name that begins with `oci:`, is named with `./` before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// Standard input: a stream of blobs.
    Stdin,
    /// A file or directory.
    Path(PathBuf),
    /// An image.
    Image(ImageName),
}

impl FromStr for Input {
    type Err = ParseImageNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "-" {
            return Ok(Self::Stdin);
        }
        if text.starts_with("oci:") || text.starts_with("docker://") {
            return text.parse().map(Self::Image);
        }
        let path = Path::new(text);
        // What may not be looked at may be there; its reader says what is wrong with it.
        let is_there = path
            .try_exists()
            .unwrap_or_else(|error| error.kind() == ErrorKind::PermissionDenied);
        if is_there {
            return Ok(Self::Path(path.to_owned()));
        }
        Ok(match text.parse::<PullSpec>() {
            Ok(image) if text.starts_with(image.repository().registry().as_str()) => {
                Self::Image(ImageName::Registry(image))
            }
            Ok(_) | Err(_) => Self::Path(path.to_owned()),
        })
    }
}

impl fmt::Display for Input {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => formatter.write_str("-"),
            Self::Path(path) => path.display().fmt(formatter),
            Self::Image(name) => name.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_what_they_look_like() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().join("here");
        std::fs::write(&here, "").unwrap();
        let here = here.to_str().unwrap();
        let missing = folder.path().join("missing");
        let missing = missing.to_str().unwrap();
        let path = |text: &str| Input::Path(text.into());
        let image = |text: &str| Input::Image(text.parse().unwrap());
        for (text, expected) in [
            ("-", Input::Stdin),
            (here, path(here)),
            (missing, path(missing)),
            ("./-", path("./-")),
            ("../x:y", path("../x:y")),
            ("Not a/pull spec", path("Not a/pull spec")),
            ("src", path("src")),
            ("index.db", path("index.db")),
            ("ns/index:v1", path("ns/index:v1")),
            ("localhost:5000/index", image("localhost:5000/index")),
            ("docker.io/ns/index:v1", image("docker.io/ns/index:v1")),
            ("docker://ns/index:v1", image("docker.io/ns/index:v1")),
            ("quay.io/ns/index:v1", image("quay.io/ns/index:v1")),
            ("docker://quay.io/ns/index", image("quay.io/ns/index")),
            ("oci:dir:v1", image("oci:dir:v1")),
            // A file is in the way of the path, not of the image.
            ("Cargo.toml/index:v1", image("Cargo.toml/index:v1")),
        ] {
            let input: Input = text.parse().unwrap();
            assert_eq!(input, expected, "{text}");
        }
        assert!("oci:".parse::<Input>().is_err());
        assert!("docker://UPPER".parse::<Input>().is_err());
    }
}
