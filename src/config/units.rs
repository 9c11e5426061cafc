//! Sizes, durations and counts as people write them.

use std::{str::FromStr, time::Duration};

use super::Invalid;

/// What a byte count can be at most: file offsets are signed 64-bit numbers in every system call.
const LARGEST_SIZE: u64 = i64::MAX.unsigned_abs();

/// The longest duration taken, one hundred years: far beyond it, adding one to the clock would overflow.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// `--max-size`: a number of bytes, or no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxSize(
    /// Bytes; `None` is no limit.
    pub Option<u64>,
);

impl FromStr for MaxSize {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.eq_ignore_ascii_case("none") {
            return Ok(Self(None));
        }
        match parse_size(text)? {
            0 => Err(Invalid::new("would refuse every upload; give none for no limit")),
            bytes => Ok(Self(Some(bytes))),
        }
    }
}

/// A number of bytes, where none is 0.
pub(crate) fn parse_amount(text: &str) -> Result<u64, Invalid> {
    if text.eq_ignore_ascii_case("none") { Ok(0) } else { parse_size(text) }
}

/// Bytes from `1048576`, `500MB` (500·10⁶) or `10GiB` (10·2³⁰); upper and lower case are the same.
fn parse_size(text: &str) -> Result<u64, Invalid> {
    const WRONG: Invalid =
        Invalid::new("is not a size; give bytes or a size such as 500MB or 10GiB, or none");
    const LARGE: Invalid = Invalid::new("is too large; a file holds at most 8EiB");
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    if digits.is_empty() {
        return Err(WRONG);
    }
    let factor: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return Err(WRONG),
    };
    // Only digits are left, so the one way to fail is to be too large.
    let count: u64 = digits.parse().map_err(|_| LARGE)?;
    count.checked_mul(factor).filter(|&bytes| bytes <= LARGEST_SIZE).ok_or(LARGE)
}

/// `--expire-after`: how long an unfinished upload is kept after its last byte, or for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpireAfter(
    /// `None` is never.
    pub Option<Duration>,
);

impl FromStr for ExpireAfter {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.eq_ignore_ascii_case("never") {
            return Ok(Self(None));
        }
        let after = parse_duration(text).ok_or(Invalid::new(
            "is not a duration; give a number with its unit such as 90m or 7d, or never",
        ))?;
        if after.is_zero() {
            return Err(Invalid::new("would expire every upload at once; give never to keep them"));
        }
        check_longest(after).map(|after| Self(Some(after)))
    }
}

const NOT_A_TIME: Invalid =
    Invalid::new("is not a duration; give a number with its unit such as 500ms, 10s or 2m");

/// A limit on waiting: never zero, which would refuse everybody.
pub(crate) fn parse_timeout(text: &str) -> Result<Duration, Invalid> {
    let limit = parse_duration(text).ok_or(NOT_A_TIME)?;
    if limit.is_zero() {
        return Err(Invalid::new("leaves no time at all; give more than 0s, such as 10s or 2m"));
    }
    check_longest(limit)
}

/// A time of grace, which may be zero: do not wait.
pub(crate) fn parse_grace(text: &str) -> Result<Duration, Invalid> {
    check_longest(parse_duration(text).ok_or(NOT_A_TIME)?)
}

fn parse_duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}

fn check_longest(duration: Duration) -> Result<Duration, Invalid> {
    if duration > LONGEST {
        return Err(Invalid::new("is too long; give at most 100years"));
    }
    Ok(duration)
}

/// How many connections may be open at once.
pub(crate) fn parse_connections(text: &str) -> Result<u32, Invalid> {
    match text.parse() {
        Ok(count @ 1..=1_000_000) => Ok(count),
        _ => Err(Invalid::new("is not a number of connections; give a whole number from 1 to 1000000")),
    }
}

/// `--max-connections-per-peer`: how many connections one address may have open at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerLimit(
    /// `None` is any number.
    pub Option<u32>,
);

impl FromStr for PeerLimit {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.parse() {
            Ok(count @ 1..=1_000_000) => Ok(Self(Some(count))),
            _ if text.eq_ignore_ascii_case("none") => Ok(Self(None)),
            _ => Err(Invalid::new(
                "is not a number of connections; give a whole number from 1 to 1000000, or none",
            )),
        }
    }
}

/// A switch, where it has a value: in the environment. On the command line it has none, in the file true or false.
pub(crate) fn parse_switch(text: &str) -> Result<bool, Invalid> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(Invalid::new("is not a switch; give true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_decimal_or_binary_units() {
        let cases = [
            ("1", 1),
            ("1048576", 1 << 20),
            ("512B", 512),
            ("500MB", 500_000_000),
            ("500mb", 500_000_000),
            ("10 GiB", 10 << 30),
            ("9223372036854775807", i64::MAX.unsigned_abs()),
        ];
        for (text, bytes) in cases {
            assert_eq!(text.parse(), Ok(MaxSize(Some(bytes))), "{text}");
        }
        assert_eq!("none".parse(), Ok(MaxSize(None)));
        assert_eq!((parse_amount("none"), parse_amount("0"), parse_amount("1kB")), (Ok(0), Ok(0), Ok(1000)));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "x", "10 apples", "10G", "-1", "1.5GiB", "1e6", "GiB", "٣", "0", "0GiB"] {
            assert!(text.parse::<MaxSize>().is_err(), "{text}");
        }
        for text in ["9223372036854775808", "99999999999999999999999", "9000000TiB", "18446744073709551615KB"]
        {
            let error = text.parse::<MaxSize>().unwrap_err();
            assert!(error.to_string().starts_with("is too large"), "{text}: {error}");
        }
    }

    #[test]
    fn durations_carry_their_unit() {
        assert_eq!("7d".parse(), Ok(ExpireAfter(Some(Duration::from_secs(7 * 86_400)))));
        assert_eq!("1h 30m".parse(), Ok(ExpireAfter(Some(Duration::from_secs(5_400)))));
        assert_eq!("never".parse(), Ok(ExpireAfter(None)));
        assert_eq!(parse_timeout("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_grace("0s"), Ok(Duration::ZERO));
        for text in ["", "10", "0s", "soon", "-1s", "200years", "99999999999999999999s"] {
            assert!(text.parse::<ExpireAfter>().is_err(), "{text}");
            assert!(parse_timeout(text).is_err(), "{text}");
        }
    }

    #[test]
    fn connections_are_counted_from_one() {
        assert_eq!(parse_connections("10000"), Ok(10_000));
        for text in ["0", "-1", "many", "1000001", "99999999999"] {
            assert!(parse_connections(text).is_err(), "{text}");
            assert!(text.parse::<PeerLimit>().is_err(), "{text}");
        }
        assert_eq!("none".parse(), Ok(PeerLimit(None)));
        assert_eq!("7".parse(), Ok(PeerLimit(Some(7))));
    }
}
