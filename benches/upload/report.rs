//! What is made of the measurements: medians, ratios, a table for people and JSON for programs.

use std::fmt::Write;

use serde::Serialize;

use crate::scenario::{Sample, Scenario};
use crate::support::numbers::median;

/// Most CPU per GiB, as a multiple of the bare loop's.
const CPU_BAR: f64 = 1.3;
/// Least throughput of big uploads, as a part of the bare loop's.
const RATE_BAR: f64 = 0.85;
/// Least small uploads per second, as a part of the bare loop's.
const SMALL_BAR: f64 = 0.3;
/// Most memory in any scenario, in MiB.
const MEMORY_BAR: f64 = 64.0;

/// All rounds of one server in one scenario. A round that failed stays in the row as `None`.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) scenario: Scenario,
    pub(crate) server: String,
    /// Whether the bars are for this one: they are promises of resumed, not of its peers.
    pub(crate) ours: bool,
    pub(crate) rounds: Vec<Option<Sample>>,
    pub(crate) summary: Summary,
}

/// The medians of a row.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Summary {
    rate: Option<f64>,
    cpu: Option<f64>,
    /// The highest of all rounds: a peak is not a matter of luck.
    peak_mib: Option<f64>,
    rate_ratio: Option<f64>,
    cpu_ratio: Option<f64>,
    bars: Vec<Bar>,
}

#[derive(Clone, Debug, Serialize)]
struct Bar {
    text: String,
    met: Option<bool>,
}

impl Row {
    pub(crate) fn new(scenario: Scenario, server: &str, ours: bool) -> Self {
        Self { scenario, server: server.to_owned(), ours, rounds: Vec::new(), summary: Summary::default() }
    }

    /// Ratios are taken within a round and then their median: what disturbs the machine for a while then disturbs
    /// both sides of a ratio.
    pub(crate) fn summarize(&mut self, bare: &[Option<Sample>]) {
        let of = |value: fn(&Sample) -> Option<f64>| median(self.rounds.iter().flatten().filter_map(value));
        let ratio = |value: fn(&Sample) -> Option<f64>| {
            let both = self.rounds.iter().zip(bare);
            median(both.filter_map(|(mine, bare)| Some(value(mine.as_ref()?)? / value(bare.as_ref()?)?)))
        };
        let peak = self.rounds.iter().flatten().filter_map(|sample| sample.peak_mib);
        let mut summary = Summary {
            rate: of(|sample| Some(sample.rate)),
            cpu: of(|sample| sample.cpu),
            peak_mib: peak.reduce(f64::max),
            rate_ratio: ratio(|sample| Some(sample.rate)),
            // A tick of the kernel's clock may be all there is in a short run, and 0 is no divisor.
            cpu_ratio: ratio(|sample| sample.cpu).filter(|ratio| ratio.is_finite()),
            bars: Vec::new(),
        };
        if self.ours {
            let least = if self.scenario == Scenario::Small { SMALL_BAR } else { RATE_BAR };
            let rate = summary.rate_ratio.map(|ratio| ratio >= least);
            summary.bars.push(Bar { text: format!("rate ≥ {least} ×"), met: rate });
            if self.scenario != Scenario::Small {
                let cpu = summary.cpu_ratio.map(|ratio| ratio <= CPU_BAR);
                summary.bars.push(Bar { text: format!("CPU ≤ {CPU_BAR} ×"), met: cpu });
            }
            let memory = summary.peak_mib.map(|peak| peak < MEMORY_BAR);
            summary.bars.push(Bar { text: format!("memory < {MEMORY_BAR} MiB"), met: memory });
        }
        self.summary = summary;
    }
}

/// The Markdown table of all rows.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| scenario | server | rate | × bare | server CPU | × bare | peak memory | bars |\n\
         |---|---|--:|--:|--:|--:|--:|---|\n",
    );
    for row in rows {
        let Summary { rate, cpu, peak_mib, rate_ratio, cpu_ratio, bars } = &row.summary;
        let (name, per_second, per_unit, digits) = match row.scenario {
            Scenario::Big => ("one big PATCH", "MiB/s", "s/GiB", 2),
            Scenario::Parallel => ("four parallel PATCHes", "MiB/s", "s/GiB", 2),
            Scenario::Small => ("small uploads", "/s", "µs each", 1),
        };
        let failed = row.rounds.iter().filter(|round| round.is_none()).count();
        let mut bars: Vec<String> = bars.iter().map(Bar::show).collect();
        if failed > 0 {
            bars.push(format!("**{failed} of {} rounds failed**", row.rounds.len()));
        }
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} | {} |",
            row.server,
            show(*rate, 0, per_second),
            show(*rate_ratio, 2, ""),
            show(*cpu, digits, per_unit),
            show(*cpu_ratio, 2, ""),
            show(*peak_mib, 1, "MiB"),
            bars.join("; "),
        );
    }
    text
}

impl Bar {
    fn show(&self) -> String {
        match self.met {
            Some(true) => format!("{}: met", self.text),
            Some(false) => format!("{}: **missed**", self.text),
            None => format!("{}: not measured", self.text),
        }
    }
}

fn show(value: Option<f64>, digits: usize, unit: &str) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$} {unit}").trim_end().to_owned())
}
