//! What the table's header says about the machine, and the processor time of a server, from `/proc`.

use anyhow::{Context, Result, bail};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::{fs, path::Path, thread, time::Duration};

/// The processor's model and how many cores there are.
pub fn processor() -> Result<String> {
    let text = fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    Ok(format!("{model}, {cores} cores"))
}

/// Keeps this thread, and every process that it starts from now on, on one processor: a client and a server that share it hand a command over at once,
/// while between two of them a sleeping one has to be woken, which in a virtual machine takes longer than the command, or not, as chance has it.
pub fn stay_on_one_processor() -> Result<()> {
    let allowed = sched_getaffinity(None).context("cannot read the affinity")?;
    let Some(last) = (0..CpuSet::MAX_CPU).rev().find(|cpu| allowed.is_set(*cpu)) else {
        bail!("there is no processor to run on");
    };
    let mut one = CpuSet::new();
    one.set(last);
    sched_setaffinity(None, &one).context("cannot set the affinity")
}

/// The kind of file system that a folder is on.
pub fn file_system(folder: &Path) -> Result<String> {
    let folder = fs::canonicalize(folder).with_context(|| format!("{} is gone", folder.display()))?;
    let mounts = fs::read_to_string("/proc/self/mounts").context("cannot read /proc/self/mounts")?;
    let kind = kind_of(&mounts, &folder);
    Ok(kind.unwrap_or("unknown").to_owned())
}

/// The file system with the longest mount point above `folder`; of several at one point the last is the visible one.
fn kind_of<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((Path::new(words.next()?), words.next()?))
        })
        .filter(|(point, _)| folder.starts_with(point))
        .max_by_key(|(point, _)| point.components().count())
        .map(|(_, kind)| kind)
}

/// Processor time so far of all threads that a process has at the moment; the time of one that ends while they are read is lost with it.
pub fn processor_time(pid: u32) -> Result<Duration> {
    let folder = format!("/proc/{pid}/task");
    let mut nanoseconds = 0;
    for task in fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))? {
        let path = task?.path();
        let text = match fs::read_to_string(path.join("schedstat")) {
            Ok(text) => text,
            Err(_) if !path.exists() => continue,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let first = text.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
        nanoseconds += first.with_context(|| format!("{} has no number", path.display()))?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    // Lines as Linux's proc_pid_mounts(5) describes them.
    #[test]
    fn file_system_is_that_of_the_closest_mount_point() {
        let mounts =
            "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\ntmpfs /tmp/deep ramfs rw 0 0\n/dev/x /tmp xfs rw 0 0\n";
        assert_eq!(kind_of(mounts, Path::new("/home/me")), Some("ext4"));
        assert_eq!(kind_of(mounts, Path::new("/tmp/a")), Some("xfs"));
        assert_eq!(kind_of(mounts, Path::new("/tmp/deep/a")), Some("ramfs"));
        assert_eq!(kind_of(mounts, Path::new("/tmpfiles")), Some("ext4"));
        assert_eq!(kind_of("", Path::new("/")), None);
    }

    #[test]
    fn one_processor_is_left_for_what_is_started() {
        let left = std::thread::spawn(|| {
            stay_on_one_processor().expect("Linux");
            thread::available_parallelism().map_or(0, usize::from)
        });
        assert_eq!(left.join().expect("no panic"), 1);
    }

    #[test]
    fn processor_time_grows_with_work() {
        let pid = std::process::id();
        let (started, before) = (Instant::now(), processor_time(pid).expect("Linux"));
        while processor_time(pid).expect("Linux") < before + Duration::from_millis(1) {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "a minute's work is not booked"
            );
        }
    }
}
