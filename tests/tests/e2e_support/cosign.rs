//! The real cosign, second and third generation.

use std::path::{Path, PathBuf};
use std::process::Command;

use sealgate_tests::tools::{find, run};

/// A folder from which cosign runs, and which holds its keys and tokens.
#[derive(Debug, Clone)]
pub struct Cosign {
    folder: PathBuf,
}

impl Cosign {
    pub fn new(folder: &Path) -> Self {
        let folder = folder.join("cosign");
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }

    /// A file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Runs `cosign-v2` or `cosign-v3`, and fails the test if it fails.
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        let program = find(program).unwrap_or_else(|missing| panic!("{missing}"));
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("HOME", &self.folder)
            .env("DOCKER_CONFIG", &self.folder)
            .env("COSIGN_PASSWORD", "");
        run(&mut command).unwrap_or_else(|failed| panic!("{failed}"))
    }
}
