//! The certificates that are trusted: files in a folder.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use globset::GlobBuilder;

use super::certificate::Certificate;

/// Certificates by what names them.
#[derive(Debug)]
pub(super) struct Store(HashMap<String, Certificate>);

impl Store {
    /// Reads every file of a folder, or those that a pattern in the last part of the path matches.
    pub(super) fn open(path: &str) -> Result<Self, String> {
        let mut all = HashMap::new();
        for file in files(Path::new(path))? {
            let shown = file.display();
            let pem = fs::read(&file).map_err(|error| format!("could not read `{shown}`: {error}"))?;
            let certificate = Certificate::read(&pem).map_err(|error| format!("`{shown}`: {error}"))?;
            if certificate.has_expired() {
                return Err(format!("`{shown}`: the certificate `{}` has expired", certificate.id()));
            }
            if let Some(twice) = all.insert(certificate.id().to_owned(), certificate) {
                return Err(format!("`{shown}`: the certificate `{}` is there twice", twice.id()));
            }
        }
        match all.is_empty() {
            true => Err(format!("`{path}` holds no certificate")),
            false => Ok(Self(all)),
        }
    }

    #[cfg(test)]
    pub(super) fn of(all: impl IntoIterator<Item = Certificate>) -> Self {
        Self(all.into_iter().map(|one| (one.id().to_owned(), one)).collect())
    }

    pub(super) fn get(&self, id: &str) -> Option<&Certificate> {
        self.0.get(id)
    }
}

fn files(path: &Path) -> Result<Vec<PathBuf>, String> {
    let (folder, pattern) = match path.is_dir() {
        true => (path, "*".into()),
        false => (path.parent().unwrap_or(path), path.file_name().unwrap_or_default().to_string_lossy()),
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let matcher = GlobBuilder::new(&pattern)
        .literal_separator(true)
        .build()
        .map_err(|error| format!("`{}` is no pattern: {error}", path.display()))?
        .compile_matcher();
    let unreadable = |error| {
        format!("could not list `{}`: {error} (a pattern may be in the last part only)", folder.display())
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        // As `glob` of Python: a star is not for hidden files.
        let hidden = name.as_encoded_bytes().starts_with(b".") && !pattern.starts_with('.');
        if !hidden && matcher.is_match(Path::new(&name)) && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}
