//! The objects of one repository, and what can be asked of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::object::{Commit, Entry, Mode, Object, Sha};

/// What a path holds: mode and blob.
pub(crate) type Files = BTreeMap<String, (Mode, Sha)>;

/// The objects. A clone costs nothing until one of the two is written to, and then only a list of names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Objects(Arc<BTreeMap<Sha, Arc<Object>>>);

// On the wire only the objects: their names follow from them.
impl Serialize for Objects {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.values().map(Arc::as_ref))
    }
}

impl<'de> Deserialize<'de> for Objects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let objects = Vec::<Object>::deserialize(deserializer)?;
        Ok(Self(Arc::new(
            objects
                .into_iter()
                .map(|object| (object.sha(), Arc::new(object)))
                .collect(),
        )))
    }
}

impl Objects {
    /// Stores an object; storing it again changes nothing.
    pub(crate) fn put(&mut self, object: Object) -> Sha {
        let sha = object.sha();
        if !self.0.contains_key(&sha) {
            Arc::make_mut(&mut self.0).insert(sha, Arc::new(object));
        }
        sha
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Sha> {
        self.0.keys()
    }

    pub(crate) fn blob(&self, sha: Sha) -> Option<&Bytes> {
        match self.0.get(&sha)?.as_ref() {
            Object::Blob(content) => Some(content),
            Object::Tree(_) | Object::Commit(_) => None,
        }
    }

    pub(crate) fn tree(&self, sha: Sha) -> Option<&[Entry]> {
        match self.0.get(&sha)?.as_ref() {
            Object::Tree(entries) => Some(entries),
            Object::Blob(_) | Object::Commit(_) => None,
        }
    }

    pub(crate) fn commit(&self, sha: Sha) -> Option<&Commit> {
        match self.0.get(&sha)?.as_ref() {
            Object::Commit(commit) => Some(commit),
            Object::Blob(_) | Object::Tree(_) => None,
        }
    }

    /// Every file below a tree, by its path.
    pub(crate) fn files(&self, tree: Sha) -> Files {
        let all = self.walk(tree).into_iter();
        all.filter(|(_, mode, _)| *mode != Mode::Directory)
            .map(|(path, mode, sha)| (path, (mode, sha)))
            .collect()
    }

    /// Everything below a tree in git's order, each directory before what it holds.
    pub(crate) fn walk(&self, tree: Sha) -> Vec<(String, Mode, Sha)> {
        let mut found = Vec::new();
        self.collect(tree, "", &mut found);
        found
    }

    fn collect(&self, tree: Sha, prefix: &str, found: &mut Vec<(String, Mode, Sha)>) {
        for entry in self.tree(tree).unwrap_or_default() {
            let path = format!("{prefix}{}", entry.name);
            found.push((path.clone(), entry.mode, entry.sha));
            if entry.mode == Mode::Directory {
                self.collect(entry.sha, &format!("{path}/"), found);
            }
        }
    }

    /// What a path below a tree is; the root is the empty path.
    pub(crate) fn at(&self, tree: Sha, path: &str) -> Option<(Mode, Sha)> {
        let mut here = (Mode::Directory, tree);
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let entry = self.tree(here.1)?.iter().find(|entry| entry.name == name)?;
            here = (entry.mode, entry.sha);
        }
        Some(here)
    }

    /// Stores the trees that hold exactly these files; the root's name.
    pub(crate) fn put_files(&mut self, files: &Files) -> Sha {
        let mut entries: Vec<Entry> = Vec::new();
        let mut below: BTreeMap<&str, Files> = BTreeMap::new();
        for (path, &(mode, sha)) in files {
            match path.split_once('/') {
                None => entries.push(Entry {
                    mode,
                    name: path.clone(),
                    sha,
                }),
                Some((name, rest)) => {
                    below
                        .entry(name)
                        .or_default()
                        .insert(rest.to_owned(), (mode, sha));
                }
            }
        }
        for (name, files) in below {
            let sha = self.put_files(&files);
            entries.push(Entry {
                mode: Mode::Directory,
                name: name.to_owned(),
                sha,
            });
        }
        // Git sorts a directory as if its name ended in a slash.
        entries.sort_by_key(|entry| match entry.mode {
            Mode::Directory => format!("{}/", entry.name),
            Mode::File | Mode::Executable | Mode::Symlink => entry.name.clone(),
        });
        self.put(Object::Tree(entries))
    }

    /// A commit and everything before it.
    pub(crate) fn history(&self, commit: Sha) -> BTreeSet<Sha> {
        let mut seen = BTreeSet::new();
        let mut open = vec![commit];
        while let Some(sha) = open.pop() {
            if seen.insert(sha) {
                open.extend(
                    self.commit(sha)
                        .into_iter()
                        .flat_map(|commit| commit.parents.iter().copied()),
                );
            }
        }
        seen
    }

    /// The newest commit (by committer date) that both histories have.
    pub(crate) fn merge_base(&self, one: Sha, other: Sha) -> Option<Sha> {
        let common: Vec<Sha> = self
            .history(one)
            .intersection(&self.history(other))
            .copied()
            .collect();
        common
            .into_iter()
            .max_by_key(|sha| (self.commit(*sha).map(|commit| commit.committer.at), *sha))
    }

    /// Paths that differ between two trees, with what the second holds there.
    pub(crate) fn changes(&self, from: Sha, to: Sha) -> BTreeMap<String, Option<(Mode, Sha)>> {
        let (before, after) = (self.files(from), self.files(to));
        let mut changes = BTreeMap::new();
        for path in before.keys().chain(after.keys()) {
            let now = after.get(path);
            if before.get(path) != now {
                changes.insert(path.clone(), now.copied());
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(files: &[(&str, &str)]) -> (Objects, Sha) {
        let mut objects = Objects::default();
        let files = files
            .iter()
            .map(|(path, text)| {
                let sha = objects.put(Object::Blob(Bytes::from((*text).to_owned())));
                ((*path).to_owned(), (Mode::File, sha))
            })
            .collect();
        let root = objects.put_files(&files);
        (objects, root)
    }

    #[test]
    fn trees_sort_as_git_sorts_them() {
        let (objects, root) = objects(&[("lib/a", "1"), ("lib.rs", "2"), ("lib-b", "3")]);
        let names: Vec<&str> = objects
            .tree(root)
            .unwrap()
            .iter()
            .map(|entry| entry.name.as_str())
            .collect();
        assert_eq!(names, ["lib-b", "lib.rs", "lib"]);
        // Checked against `git write-tree` on the same three files.
        assert_eq!(root.to_string(), "b41e1ecafd24447af2785da3728eded2f75acdb9");
    }

    #[test]
    fn a_path_is_found_and_a_file_is_no_directory() {
        let (objects, root) = objects(&[("src/cart/total.rs", "x")]);
        assert_eq!(objects.at(root, "src/cart").unwrap().0, Mode::Directory);
        assert_eq!(objects.at(root, "src/cart/total.rs").unwrap().0, Mode::File);
        assert!(objects.at(root, "src/cart/total.rs/x").is_none());
        assert!(objects.at(root, "src/none").is_none());
    }
}
