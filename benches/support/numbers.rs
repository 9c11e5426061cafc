//! Sizes as people write them, and the median.

use crate::support::Failure;

/// Bytes in one MiB.
pub(crate) const MIB: u64 = 1 << 20;
/// Bytes in one GiB.
pub(crate) const GIB: u64 = 1 << 30;

/// Reads `4GiB`, `256MiB`, `64KiB`, `4G` or a plain number of bytes.
pub(crate) fn parse_size(text: &str) -> Result<u64, Failure> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" | "B" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => MIB,
        "G" | "GiB" => GIB,
        other => return Err(format!("`{other}` is no unit of size; use KiB, MiB or GiB").into()),
    };
    let bytes = number.parse::<u64>()?.checked_mul(factor).ok_or("that size is beyond 64 bits")?;
    if bytes == 0 { Err("a size of 0 measures nothing".into()) } else { Ok(bytes) }
}

/// Writes a size so that `parse_size` reads it back, in the largest unit without a remainder.
pub(crate) fn show_size(bytes: u64) -> String {
    match bytes {
        b if b.is_multiple_of(GIB) => format!("{} GiB", b / GIB),
        b if b.is_multiple_of(MIB) => format!("{} MiB", b / MIB),
        b if b.is_multiple_of(1 << 10) => format!("{} KiB", b >> 10),
        b => format!("{b} B"),
    }
}

/// The middle value: one disturbed round among three must not move the result, as it would move a mean.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(sorted.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}
