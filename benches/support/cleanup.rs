//! What must be gone when a bench ends, however it ends: its children, and gigabytes of files in memory.
//!
//! The ordinary end and a panic run the `Drop` of `Server` and `WorkDir`. A signal runs none, so both are also
//! entered here, and a thread that waits for signals clears what is entered.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fs, io, thread};

use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use crate::support::Failure;

struct Leftovers {
    children: Vec<Pid>,
    dir: Option<PathBuf>,
}

static LEFTOVERS: Mutex<Leftovers> = Mutex::new(Leftovers { children: Vec::new(), dir: None });

fn leftovers() -> MutexGuard<'static, Leftovers> {
    LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a child that a signal to the bench will end too. The lock is held meanwhile: a child must not start
/// between the clearing and the exit.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Child> {
    let mut leftovers = leftovers();
    let child = command.spawn()?;
    leftovers.children.push(Pid::from_child(&child));
    Ok(child)
}

/// Ends a child and waits for it. Its number leaves the list before anyone else can be given that number.
pub(crate) fn end(child: &mut Child) {
    let mut leftovers = leftovers();
    let pid = Pid::from_child(child);
    // Killed, not asked: all is measured by now, and a server that drains would only delay the next round.
    // It may have ended by itself, which is as good.
    let _ = child.kill();
    let _ = child.wait();
    leftovers.children.retain(|other| *other != pid);
}

/// Enters the directory that is to be removed on a signal.
pub(crate) fn remember_dir(dir: &Path) {
    leftovers().dir = Some(dir.to_owned());
}

/// From here on SIGINT, SIGTERM and SIGHUP clear up before they end the bench.
pub(crate) fn on_signals() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut interrupt, mut terminate, mut hangup) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?)
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        // Held until the process is gone, so that no new child starts.
        let leftovers = leftovers();
        for child in &leftovers.children {
            let _ = kill_process(*child, Signal::KILL);
        }
        if let Some(dir) = &leftovers.dir {
            // A child that is still dying may add a file meanwhile; a second pass takes it.
            let _ = fs::remove_dir_all(dir).or_else(|_| fs::remove_dir_all(dir));
        }
        std::process::exit(130)
    })?;
    Ok(())
}
