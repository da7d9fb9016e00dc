//! What a durable write costs at least: 4 KiB and `fdatasync`.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// A page of a database.
const BYTES: usize = 4096;

/// A file of one page, which is written again and again: a growing one would cost more.
pub(crate) struct SyncedPage(File);

impl SyncedPage {
    /// Makes one in a folder, where it has no name.
    pub(crate) fn make_in(folder: &Path) -> anyhow::Result<Self> {
        let mut this = Self(tempfile::tempfile_in(folder)?);
        this.write()?;
        Ok(this)
    }

    /// Writes it, waits until it is on the disk, and answers how long that took. Blocks.
    pub(crate) fn write(&mut self) -> anyhow::Result<Duration> {
        let start = Instant::now();
        self.0.rewind()?;
        self.0.write_all(&[1; BYTES])?;
        self.0.sync_data()?;
        Ok(start.elapsed())
    }
}
