//! Which files of a folder are to be one.
//!
//! Neighbours in the order of the log, so that names and rows stay in it. A merge is worth it when no
//! file makes up more than a quarter of the outcome: so a row is rewritten at most once each time that its file
//! grows fourfold, and the number of files grows with the logarithm of their rows. What nothing was added to
//! for long is merged as it is.

use crate::manifest::DataFile;

/// Files that one merge of files that still come takes, unless fewer make half of the target.
const FILES_MIN: usize = 8;
/// Files that one merge takes at most.
const FILES_MAX: usize = 500;

/// The first run of neighbours that is worth being merged. The files are all of one folder, in the order
/// of their names; `is_settled` says that none came to it for long.
pub(super) fn choose<'f>(
    files: &'f [&DataFile],
    target_bytes: u64,
    is_settled: bool,
) -> Option<&'f [&'f DataFile]> {
    let mut start = 0;
    while start < files.len() {
        let run = run_from(&files[start..], target_bytes);
        let chosen =
            if is_settled { (run.len() > 1).then_some(run) } else { ripe(run, target_bytes) };
        if chosen.is_some() {
            return chosen;
        }
        start += 1;
    }
    None
}

/// Neighbours from the first on that could be one file.
fn run_from<'f>(files: &'f [&'f DataFile], target_bytes: u64) -> &'f [&'f DataFile] {
    let mut bytes = 0;
    let fits = |file: &&&DataFile| {
        bytes += file.bytes;
        let is_alike = file.kind.is_some() && file.kind == files[0].kind;
        is_alike
            && file.table == files[0].table
            && file.bytes < target_bytes / 4
            && bytes <= target_bytes
    };
    &files[..files.iter().take(FILES_MAX).take_while(fits).count()]
}

/// The shortest beginning of a run that is worth it.
fn ripe<'f>(run: &'f [&'f DataFile], target_bytes: u64) -> Option<&'f [&'f DataFile]> {
    let (mut bytes, mut largest) = (0, 0);
    let is_ripe = |(at, file): (usize, &&DataFile)| {
        bytes += file.bytes;
        largest = largest.max(file.bytes);
        (at + 1 >= FILES_MIN || bytes >= target_bytes / 2) && largest * 4 <= bytes
    };
    let count = run.iter().enumerate().position(is_ripe)?;
    Some(&run[..=count])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: u64, kind: Option<&str>) -> DataFile {
        DataFile {
            table: Some("t".to_owned()),
            path: "t/part-1.ndjson".to_owned(),
            format: "ndjson".to_owned(),
            rows: 1,
            bytes,
            kind: kind.map(str::to_owned),
        }
    }

    #[test]
    fn neighbours_that_are_alike_and_small_are_merged() {
        let run = |sizes: &[u64]| -> Vec<DataFile> {
            sizes.iter().map(|bytes| file(*bytes, Some("a"))).collect()
        };
        let mut two_kinds = run(&[1; 12]);
        two_kinds[6].kind = Some("b".to_owned());
        let mut unknown = run(&[1; 8]);
        unknown[3].kind = None;
        for (case, files, is_settled, expected) in [
            ("too few", run(&[1; 7]), false, None),
            ("enough", run(&[1; 20]), false, Some(8)),
            ("one is most of it", run(&[8, 1, 1, 1, 1, 1, 1, 1]), false, None),
            ("behind one that is most of it", run(&[8, 1, 1, 1, 1, 1, 1, 1, 1]), false, Some(8)),
            ("half of the target", run(&[180, 180, 180, 180]), false, Some(4)),
            ("large ones stay", run(&[250; 9]), false, None),
            ("not beyond the target", run(&[240, 240, 240, 240, 240, 240]), true, Some(4)),
            ("another kind between", two_kinds.clone(), false, None),
            ("another kind between, and nothing comes", two_kinds, true, Some(6)),
            ("one of a version before", unknown, true, Some(3)),
            ("nothing comes", run(&[1, 1]), true, Some(2)),
            ("one alone", run(&[1]), true, None),
            ("nothing", Vec::new(), true, None),
        ] {
            let files: Vec<&DataFile> = files.iter().collect();
            let chosen = choose(&files, 1000, is_settled).map(<[_]>::len);
            assert_eq!(chosen, expected, "{case}");
        }
    }

    #[test]
    fn a_row_is_rewritten_a_few_times_and_few_files_are_left() {
        let mut files: Vec<DataFile> = Vec::new();
        let (mut written, mut rewritten) = (0, 0);
        for at in 0..5000_u64 {
            files.push(file(1 + at % 7, Some("a")));
            written += 1 + at % 7;
            loop {
                let all: Vec<&DataFile> = files.iter().collect();
                let Some(chosen) = choose(&all, 10_000, false) else { break };
                let (bytes, count) = (chosen.iter().map(|file| file.bytes).sum(), chosen.len());
                let start = (chosen.as_ptr() as usize - all.as_ptr() as usize) / size_of::<usize>();
                files.splice(start..start + count, [file(bytes, Some("a"))]);
                rewritten += bytes;
            }
        }
        assert!(rewritten < 6 * written, "{rewritten} of {written}");
        assert!(files.len() < 40, "{}", files.len());
    }
}
