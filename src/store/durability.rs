//! When a byte counts as kept.

/// What has to have happened to bytes before an offset that counts them is told to anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// They are on the disk: a power cut loses nothing that was acknowledged.
    Strict,
    /// The system has them: a crash of the daemon loses nothing, a power cut may.
    Relaxed,
}
