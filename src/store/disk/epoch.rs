//! Whether the page cache of an earlier process is still this one's.
//!
//! A process that dies leaves its last writes in the page cache: they are as good as new, and everything that arrived
//! can be kept. A power cut, or a file system that was mounted anew, takes them away, and what lies beyond the last
//! synced offset may be anything. The two look alike in the files; they differ in this text.

use std::fs;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

/// Unique for the life of the system, unlike the plain mount number, which is used again after an unmount.
const STATX_MNT_ID_UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);

/// Names the running system and the mount that `dir` lies on. `None` where the kernel can't tell mounts apart (before
/// 6.8): then nothing is trusted that was not synced.
pub(super) fn current(dir: &Path) -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let stat = statx(CWD, dir, AtFlags::empty(), STATX_MNT_ID_UNIQUE).ok()?;
    let unique = stat.stx_mask & STATX_MNT_ID_UNIQUE.bits() != 0;
    unique.then(|| format!("{}/{}", boot.trim(), stat.stx_mnt_id))
}
