//! Files that are there whole or not at all.

use crate::plot::Figure;
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file that gets its name when it is finished; dropped before that, it leaves nothing behind. What is
/// there and is no regular file, such as a device or a pipe, is written to as it is.
pub(super) struct PartialFile {
    path: PathBuf,
    /// None if it is written to as it is.
    temporary: Option<PathBuf>,
    writer: Option<BufWriter<File>>,
}

impl PartialFile {
    pub(super) fn create(path: &Path) -> Result<PartialFile> {
        let cannot = || format!("{}: cannot be written", path.display());
        if path.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory)).with_context(cannot);
        }
        // Through links, so that a link stays one.
        let path = path.canonicalize().unwrap_or(path.to_path_buf());
        if path.exists() && !path.is_file() {
            let file = File::options().write(true).open(&path).with_context(cannot)?;
            return Ok(PartialFile { path, temporary: None, writer: Some(BufWriter::new(file)) });
        }
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".partial-{}", std::process::id()));
        let temporary = path.with_file_name(name);
        let file = File::create(&temporary).with_context(cannot)?;
        Ok(PartialFile { path, temporary: Some(temporary), writer: Some(BufWriter::new(file)) })
    }

    pub(super) fn describe(&self) -> String {
        format!("{}: cannot be written", self.path.display())
    }

    fn discard(&self) {
        if let Some(temporary) = &self.temporary {
            let _ = fs::remove_file(temporary);
        }
    }

    pub(super) fn finish(&mut self) -> Result<()> {
        if let Some(mut writer) = self.writer.take() {
            let named = |temporary: &PathBuf| fs::rename(temporary, &self.path);
            let written = writer.flush().and_then(|()| self.temporary.as_ref().map_or(Ok(()), named));
            if written.is_err() {
                self.discard();
            }
            written.with_context(|| self.describe())?;
        }
        Ok(())
    }
}

impl Write for PartialFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.as_mut().map_or(Err(io::ErrorKind::BrokenPipe.into()), |writer| writer.write(bytes))
    }
    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            self.discard();
        }
    }
}

/// The folder of `--out`, known to be writable before the run begins.
pub(super) struct Folder {
    path: PathBuf,
    /// The topmost folder that was made for it, and so is removed again if nothing comes of it.
    made: Option<PathBuf>,
    files: Vec<PartialFile>,
}

impl Folder {
    pub(super) fn prepare(path: &Path) -> Result<Folder> {
        let made =
            path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).last();
        let made = made.map(Path::to_path_buf);
        let cannot = || format!("--out {}: cannot be written", path.display());
        fs::create_dir_all(path).with_context(cannot)?;
        let folder = Folder { path: path.to_path_buf(), made, files: Vec::new() };
        PartialFile::create(&path.join("summary.json")).with_context(cannot)?;
        Ok(folder)
    }

    /// Where a file of this name appears.
    pub(super) fn path_of(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// Adds a file; it appears with [`Folder::finish`].
    pub(super) fn add(&mut self, name: &str, content: impl AsRef<[u8]>) -> Result<()> {
        let mut file = PartialFile::create(&self.path.join(name))?;
        file.write_all(content.as_ref()).with_context(|| file.describe())?;
        self.files.push(file);
        Ok(())
    }

    /// Adds the three files of a figure.
    pub(super) fn add_figure(&mut self, figure: &Figure) -> Result<()> {
        self.add(&format!("{}.svg", figure.name), &figure.svg)?;
        self.add(&format!("{}.png", figure.name), &figure.png)?;
        self.add(&format!("{}.csv", figure.name), &figure.csv)
    }

    /// Lets all files appear, and names them.
    pub(super) fn finish(mut self) -> Result<Vec<String>> {
        for file in &mut self.files {
            file.finish()?;
        }
        self.made = None;
        Ok(self.files.iter().map(|file| file.path.display().to_string()).collect())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.files.clear();
        let Some(topmost) = self.made.take() else { return };
        // From the innermost on, and only what is empty.
        for folder in self.path.ancestors().take_while(|folder| folder.starts_with(&topmost)) {
            let _ = fs::remove_dir(folder);
        }
    }
}
