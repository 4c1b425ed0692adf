//! A directory of a test's own.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A fresh directory under the system's temporary one, with a path short enough for a socket.
/// Removed with all its content when dropped, unless `VISOR_E2E_KEEP` is set.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    owned: bool,
}

impl Directory {
    /// Creates one, open to every user: some tests start programs as another one.
    ///
    /// # Panics
    /// If it cannot be created.
    #[must_use]
    pub fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("visor-e2e-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).expect("create the test's directory");
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(&path, open).expect("open the test's directory");
        Self { path, owned: true }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same directory once more; the first one owns it and must live longer.
    #[must_use]
    pub(super) fn share(&self) -> Self {
        Self {
            path: self.path.clone(),
            owned: false,
        }
    }

    /// The path of a file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file in it; `{dir}` in the text stands for the directory.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.file(name);
        std::fs::write(&path, self.fill(text)).expect("write a test's file");
        path
    }

    /// Writes an executable script in it; `{dir}` stands for the directory.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.write(name, text);
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("make a script executable");
        path
    }

    /// What a file in it holds; nothing if there is none.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        let bytes = std::fs::read(self.file(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// `text` with `{dir}` replaced by the path.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        text.replace("{dir}", &self.path.to_string_lossy())
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.owned && std::env::var_os("VISOR_E2E_KEEP").is_none() {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
