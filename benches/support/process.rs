//! CPU time and peak memory of one process, read from /proc, so that it works for servers that the bench did not
//! start itself.

use std::fs;

use rustix::process::Pid;

use crate::support::Failure;

/// A process whose use of the machine is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched(Pid);

impl Watched {
    pub(crate) fn new(pid: Pid) -> Self {
        Self(pid)
    }

    /// User and system time of all its threads, ended ones too, in seconds. The kernel counts in ticks of mostly
    /// 10 ms, so scenarios have to last for seconds.
    pub(crate) fn cpu_seconds(self) -> Result<f64, Failure> {
        let stat = self.read("stat")?;
        // The second field is the program's name in brackets and may itself hold blanks and brackets. Counting
        // from the last bracket on, user and system time (proc_pid_stat(5): 14 and 15) are the 12th and 13th.
        let (_, fields) = stat.rsplit_once(')').ok_or("a /proc stat file without a program name")?;
        let ticks =
            |index: usize| fields.split_ascii_whitespace().nth(index).and_then(|f| f.parse::<u32>().ok());
        let (Some(user), Some(system)) = (ticks(11), ticks(12)) else {
            return Err(format!("no times in a /proc stat file: {stat}").into());
        };
        let per_second = u32::try_from(rustix::param::clock_ticks_per_second())?;
        Ok((f64::from(user) + f64::from(system)) / f64::from(per_second))
    }

    /// The most memory that it had resident since the last `reset_peak`, in MiB. Pages of tmpfs belong to nobody
    /// here: they count only for a process that maps them.
    pub(crate) fn peak_mib(self) -> Result<f64, Failure> {
        let status = self.read("status")?;
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u32>().ok())
            .ok_or("no VmHWM in a /proc status file")?;
        Ok(f64::from(kib) / 1024.0)
    }

    /// Starts the peak anew from what is resident now. Where the kernel or the rights don't allow it the peak is
    /// that of the whole life of the process, which never flatters a server.
    pub(crate) fn reset_peak(self) -> bool {
        fs::write(self.path("clear_refs"), "5").is_ok()
    }

    fn path(self, file: &str) -> String {
        format!("/proc/{}/{file}", self.0.as_raw_pid())
    }

    fn read(self, file: &str) -> Result<String, Failure> {
        let path = self.path(file);
        fs::read_to_string(&path).map_err(|error| format!("{path}: {error}; has the server ended?").into())
    }
}
