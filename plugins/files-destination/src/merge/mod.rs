//! Small files become larger ones, a little with each commit.
//!
//! A merge is a commit of its own: it names the new file and the old ones that it stands for. Its rows
//! are written over many calls, so no commit waits for more than a few megabytes of it. What fails here
//! costs no row: the files stay as they are, and a line of the log says so.

mod job;
mod output;
mod parquet;
mod plan;

use std::collections::{BTreeSet, HashSet};

use cartridge_warp_sdk::{Failure, log as lines};

use crate::log::Log;
use crate::manifest::DataFile;
use crate::options::Options;
use job::Job;

/// Bytes of files that are read behind one commit, at least.
const STEP_BYTES: u64 = 1 << 20;
/// Behind a commit that wrote more than that, for each of its bytes: more than a row is rewritten on the
/// average.
const STEP_PER_BYTE_WRITTEN: u64 = 4;
/// Commits that a merge takes, about, at most: it would begin anew with the run.
const STEPS_MAX: u64 = 8;
/// Files of a commit for each of which there may be a merge behind it, beside the one that is always.
const MERGED_BY_ONE_MIN: usize = 4;
/// Folders that are looked at for one merge.
const FOLDERS_MAX: usize = 20;

/// The merges of one schema.
#[derive(Default)]
pub(crate) struct Merger {
    job: Option<Job>,
    /// Folders that may have something to merge.
    due: BTreeSet<String>,
    /// Paths of files that could not be merged.
    set_aside: HashSet<String>,
    /// The checkpoint at which all folders were looked at.
    checkpoint: Option<u64>,
}

impl Merger {
    /// Goes on, behind a commit.
    ///
    /// # Errors
    /// Where the merge's own commit failed: then it is not known any more what is committed.
    pub(crate) fn step(&mut self, log: &mut Log, options: &Options) -> Result<(), Failure> {
        if !options.compact {
            return Ok(());
        }
        let (files, bytes) = self.note_news(log);
        let is_current = |job: &mut Job| job.is_current(log.state());
        if let Some(outdated) = self.job.take_if(|job| !is_current(job)) {
            outdated.give_up();
        }
        let mut bytes_left = STEP_BYTES.max(bytes.saturating_mul(STEP_PER_BYTE_WRITTEN));
        // Each takes the place of several files.
        for _ in 0..=files / MERGED_BY_ONE_MIN {
            let Some(mut job) = self.take_job(log, options) else { break };
            match job.advance(log, bytes_left.max(job.bytes() / STEPS_MAX)) {
                Ok((bytes, true)) => {
                    self.commit(job, log, options)?;
                    bytes_left = bytes_left.saturating_sub(bytes);
                }
                Ok((_, false)) => {
                    self.job = Some(job);
                    break;
                }
                Err(failure) => {
                    self.set_aside(job.files(), &failure);
                    job.give_up();
                }
            }
            if bytes_left == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Which folders the last commit added to; how many files and bytes.
    fn note_news(&mut self, log: &Log) -> (usize, u64) {
        if self.checkpoint != Some(log.checkpoint()) {
            self.checkpoint = Some(log.checkpoint());
            let folder = |file: &DataFile| file.folder_and_name().0.to_owned();
            self.due.extend(log.state().files.iter().map(folder));
        }
        let number = log.state().number;
        let news = log.state().files.iter().rev();
        let (mut files, mut bytes) = (0, 0);
        for file in news.take_while(|file| number_of(file) == Some(number)) {
            self.due.insert(file.folder_and_name().0.to_owned());
            files += 1;
            bytes += file.bytes;
        }
        (files, bytes)
    }

    /// The merge that is under way, or one that begins where there is something to merge.
    fn take_job(&mut self, log: &Log, options: &Options) -> Option<Job> {
        if let Some(job) = self.job.take() {
            return Some(job);
        }
        for _ in 0..FOLDERS_MAX {
            let folder = self.due.pop_first()?;
            let Some(files) = self.choose(log, options, &folder) else { continue };
            // There may be more to merge after this.
            self.due.insert(folder);
            match Job::begin(log, &files, options) {
                Ok(job) => return Some(job),
                Err(failure) => self.set_aside(&files, &failure),
            }
        }
        None
    }

    fn choose(&self, log: &Log, options: &Options, folder: &str) -> Option<Vec<DataFile>> {
        let all = log.state().files.iter();
        let mut files: Vec<&DataFile> =
            all.filter(|file| file.folder_and_name().0 == folder).collect();
        files.sort_by_key(|file| file.folder_and_name().1);
        let newest = files.last().and_then(|file| number_of(file))?;
        let is_settled = newest.saturating_add(options.checkpoint_commits) <= log.state().number;
        let mergeable = files.split(|file| self.set_aside.contains(&file.path));
        let mut chosen = mergeable
            .filter_map(|files| plan::choose(files, options.target_file_bytes, is_settled));
        Some(chosen.next()?.iter().map(|file| (*file).clone()).collect())
    }

    fn set_aside(&mut self, files: &[DataFile], failure: &Failure) {
        let folder = files[0].folder_and_name().0;
        let fields = [("folder", folder), ("code", &failure.code), ("message", &failure.message)];
        lines::warn(
            "files could not be merged; they stay as they are until the next start",
            &fields,
        );
        self.set_aside.extend(files.iter().map(|file| file.path.clone()));
    }

    fn commit(&mut self, job: Job, log: &mut Log, options: &Options) -> Result<(), Failure> {
        let files = job.files().to_vec();
        match job.finish(log) {
            Ok((file, replaced)) => {
                let mut commit = log.next();
                (commit.files, commit.replaced) = (vec![file], replaced);
                log.commit(commit, options.checkpoint_commits)
            }
            Err(failure) => {
                self.set_aside(&files, &failure);
                Ok(())
            }
        }
    }
}

/// The number of the commit by which a file has its place in the order.
fn number_of(file: &DataFile) -> Option<u64> {
    file.folder_and_name().1.strip_prefix("part-")?.split('-').next()?.parse().ok()
}
