//! A page that an experiment writes in the end: its file is opened before anything is measured.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Failure;

/// A page that is to be written.
#[derive(Debug)]
pub(super) struct Page {
    file: File,
    path: PathBuf,
}

impl Page {
    /// Opens its file: what cannot be written is found out before there is something to lose. A
    /// page that is there already stays until it is overwritten.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|error| unwritable(path, &error))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Writes it.
    pub(super) fn write(mut self, html: &str) -> Result<(), Failure> {
        let written = self.overwrite(html);
        written.map_err(|error| unwritable(&self.path, &error))
    }

    fn overwrite(&mut self, html: &str) -> io::Result<()> {
        // A pipe has no length.
        if self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        self.file.write_all(html.as_bytes())
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!("{} cannot be written: {error}", path.display()))
}
