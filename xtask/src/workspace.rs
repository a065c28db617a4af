//! The workspace as `cargo metadata` tells it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process;

/// The members of the workspace and where it lies.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Workspace {
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    pub(crate) target_directory: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One member.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) version: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) readme: Option<PathBuf>,
    pub(crate) keywords: Vec<String>,
    pub(crate) categories: Vec<String>,
    /// The registries it may be published to; `None` for any, empty for none.
    pub(crate) publish: Option<Vec<String>>,
}

/// One line of a manifest's dependency tables.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for `[dependencies]`, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

/// A library, binary, example, test or benchmark.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
}

impl Workspace {
    /// Asks cargo about the workspace that xtask was built in.
    pub(crate) fn load() -> Result<Workspace> {
        let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest_dir.parent().context("xtask lies at the root of the file system")?;
        let output = process::capture(
            process::cargo(root).args(["metadata", "--no-deps", "--format-version", "1"]),
            Duration::from_secs(300),
        )?;
        if !output.status.success() {
            bail!("cargo metadata failed: {}", output.stderr.trim());
        }
        serde_json::from_str(&output.stdout).context("cargo metadata printed something unexpected")
    }

    /// The packages under `crates/`, by name.
    pub(crate) fn crates(&self) -> Vec<&Package> {
        let folder = self.root.join("crates");
        let mut crates: Vec<&Package> =
            self.packages.iter().filter(|package| package.manifest_path.starts_with(&folder)).collect();
        crates.sort_by(|a, b| a.name.cmp(&b.name));
        crates
    }

    /// `path` as seen from the root of the workspace, for messages.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

impl Package {
    /// The folder of the manifest.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new("."))
    }

    /// True unless `publish = false`.
    pub(crate) fn is_published(&self) -> bool {
        self.publish.as_ref().is_none_or(|registries| !registries.is_empty())
    }

    /// What a published package has and this one lacks.
    pub(crate) fn missing_metadata(&self) -> Vec<&'static str> {
        let is_empty = |text: &Option<String>| text.as_deref().is_none_or(str::is_empty);
        let readme = self.readme.as_ref().is_some_and(|readme| self.folder().join(readme).is_file());
        [
            ("description", is_empty(&self.description)),
            ("license", is_empty(&self.license)),
            ("readme", !readme),
            ("keywords", self.keywords.is_empty()),
            ("categories", self.categories.is_empty()),
        ]
        .into_iter()
        .filter_map(|(name, is_missing)| is_missing.then_some(name))
        .collect()
    }

    /// True if others can depend on it.
    pub(crate) fn is_library(&self) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "lib"))
    }

    /// The names of its programs under `examples/`.
    pub(crate) fn examples(&self) -> Vec<&str> {
        self.targets
            .iter()
            .filter(|target| target.kind.iter().any(|kind| kind == "example"))
            .map(|target| target.name.as_str())
            .collect()
    }
}

/// All files below `folder` with one of `extensions`, sorted, without what is built, downloaded or
/// hidden.
pub(crate) fn files(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    const SKIPPED: [&str; 4] = ["target", "node_modules", "jabiru-data", "corpus"];
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| format!("can't read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            if entry.file_type()?.is_dir() {
                if !SKIPPED.contains(&&*name) {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
