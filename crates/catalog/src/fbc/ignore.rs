//! `.indexignore`: which files are no part of a catalog (file-based catalog specification, 1.3).

/// The patterns of all `.indexignore` files of a catalog.
#[derive(Debug, Default)]
pub(super) struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    /// The folder of the file the pattern is from; it matches nothing outside.
    domain: Vec<String>,
    /// The pattern, split at slashes.
    components: Vec<String>,
    /// Whether it matches directories only.
    directory: bool,
    /// Whether it takes files in again.
    negated: bool,
}

impl Ignore {
    /// Adds the patterns of a file in `folder`, a path from the root with slashes.
    pub(super) fn add(&mut self, folder: &str, text: &str) {
        let domain: Vec<String> = parts(folder).map(str::to_owned).collect();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (negated, line) = match line.strip_prefix('!') {
                Some(line) => (true, line),
                None => (false, line),
            };
            let (directory, line) = match line.strip_suffix('/') {
                Some(line) => (true, line),
                None => (false, line),
            };
            self.patterns.push(Pattern {
                domain: domain.clone(),
                components: line.split('/').map(str::to_owned).collect(),
                directory,
                negated,
            });
        }
    }

    /// Whether a file is left out: the last pattern that matches decides.
    pub(super) fn ignores(&self, path: &str) -> bool {
        let path: Vec<&str> = parts(path).collect();
        self.patterns
            .iter()
            .rfind(|pattern| pattern.matches(&path))
            .is_some_and(|pattern| !pattern.negated)
    }
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

impl Pattern {
    fn matches(&self, path: &[&str]) -> bool {
        let inside = path.len() > self.domain.len()
            && self
                .domain
                .iter()
                .zip(path)
                .all(|(domain, part)| domain == part);
        if !inside {
            return false;
        }
        let path = &path[self.domain.len()..];
        if let [name] = &self.components[..] {
            // The last part of a file's path is no directory.
            let candidates = if self.directory {
                &path[..path.len() - 1]
            } else {
                path
            };
            return candidates.iter().any(|part| glob(name, part));
        }
        let components = match &self.components[..] {
            [first, rest @ ..] if first.is_empty() => rest,
            all => all,
        };
        self.prefix(components, path)
    }

    /// Whether the components match the beginning of a path; what lies below a match is matched too.
    fn prefix(&self, components: &[String], path: &[&str]) -> bool {
        // Where to go on when a match fails behind the last `**`, as in `glob`.
        let (mut at, mut in_path, mut star) = (0, 0, None);
        loop {
            match components.get(at).map(String::as_str) {
                None if self.directory && in_path == path.len() => {}
                None => return true,
                Some("**") => {
                    star = Some((at + 1, in_path));
                    at += 1;
                    continue;
                }
                Some(name) => {
                    if let Some(part) = path.get(in_path)
                        && !name.contains("**")
                        && glob(name, part)
                    {
                        (at, in_path) = (at + 1, in_path + 1);
                        continue;
                    }
                }
            }
            match star {
                Some((behind, from)) if from < path.len() => {
                    star = Some((behind, from + 1));
                    (at, in_path) = (behind, from + 1);
                }
                _ => return false,
            }
        }
    }
}

/// Whether a pattern with `*`, `?`, `[…]` and `\` matches a whole name.
fn glob(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // Where to go on when a match fails behind the last star: the pattern behind it, and the name one further.
    let (mut at, mut in_name, mut star) = (0, 0, None);
    loop {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at + 1, in_name));
                at += 1;
                continue;
            }
            None if in_name == name.len() => return true,
            Some(_) if in_name < name.len() => {
                if let Some(next) = one(&pattern, at, name[in_name]) {
                    (at, in_name) = (next, in_name + 1);
                    continue;
                }
            }
            _ => {}
        }
        match star {
            Some((behind, from)) if from < name.len() => {
                star = Some((behind, from + 1));
                (at, in_name) = (behind, from + 1);
            }
            _ => return false,
        }
    }
}

/// Where the pattern goes on if its part at `at` matches the character.
fn one(pattern: &[char], at: usize, character: char) -> Option<usize> {
    match pattern[at] {
        '?' => Some(at + 1),
        '\\' => (*pattern.get(at + 1)? == character).then_some(at + 2),
        '[' => class(pattern, at + 1, character),
        plain => (plain == character).then_some(at + 1),
    }
}

fn class(pattern: &[char], mut at: usize, character: char) -> Option<usize> {
    let negated = pattern.get(at) == Some(&'^');
    at += usize::from(negated);
    let mut matched = false;
    let mut first = true;
    loop {
        if pattern.get(at)? == &']' && !first {
            return (matched != negated).then_some(at + 1);
        }
        first = false;
        let low = escaped(pattern, &mut at)?;
        let mut high = low;
        if pattern.get(at) == Some(&'-') {
            at += 1;
            high = escaped(pattern, &mut at)?;
        }
        matched |= (low..=high).contains(&character);
    }
}

fn escaped(pattern: &[char], at: &mut usize) -> Option<char> {
    if pattern.get(*at) == Some(&'\\') {
        *at += 1;
    }
    let character = *pattern.get(*at)?;
    *at += 1;
    Some(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(folder: &str, text: &str, ignored: &[&str], kept: &[&str]) {
        let mut ignore = Ignore::default();
        ignore.add(folder, text);
        for path in ignored {
            assert!(ignore.ignores(path), "{text:?} must ignore {path}");
        }
        for path in kept {
            assert!(!ignore.ignores(path), "{text:?} must keep {path}");
        }
    }

    #[test]
    fn patterns_without_a_slash_match_any_component() {
        check(
            "",
            "foo\n",
            &["foo", "foo/x", "a/foo/x", "a/foo"],
            &["food", "a/b"],
        );
        check("", "foo/\n", &["foo/x", "a/foo/x"], &["foo", "a/foo"]);
        check(
            "",
            "*.md\n# *.json\n\n",
            &["a.md", "b/a.md"],
            &["a.json", "amd"],
        );
        check("", "[a-c]?\\*\n", &["bx*", "x/cy*"], &["dx*", "bx1"]);
        check("", "[^a]\n", &["b"], &["a"]);
    }

    #[test]
    fn patterns_with_a_slash_begin_at_their_folder() {
        check("", "/foo\n", &["foo", "foo/x"], &["a/foo"]);
        check("", "a/b\n", &["a/b", "a/b/c"], &["x/a/b", "a/c"]);
        check("", "a/**/b\n", &["a/b", "a/x/y/b"], &["b", "x/b"]);
        check(
            "",
            "/**/b/**/c/\n",
            &["b/c/x", "a/b/b/d/c/x"],
            &["b/c", "c/b/x"],
        );
        check("", "a/**/\n", &["a/x"], &["b/x"]);
        check("", "a**/b\n", &[], &["a/b", "ax/b"]);
        check("sub", "x\n", &["sub/x", "sub/y/x"], &["x", "other/x"]);
    }

    #[test]
    fn the_last_match_decides() {
        check("", "dir/\n!dir/keep.yaml\n", &["dir/x"], &["dir/keep.yaml"]);
        check("", "!x\nx\n", &["x"], &[]);
    }
}
