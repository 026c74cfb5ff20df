//! The last minutes of processor, memory, disks and network: drawn in ASCII, as the fonts of screens and terminals have little else in
//! common, and said in words beside it.

use corbel_model::ByteSize;
use corbel_node_api::NodeInfo;

use crate::trend::{Sample, Trend};

/// What a value of 0 to 1 looks like where it has one character; each is heavier than the one before.
const RAMP: [char; 6] = ['_', '.', ':', '+', '*', '#'];
/// Below this nothing is worth a high column, in bytes each second.
const LEAST_TOP: f64 = (1 << 20) as f64;
/// Columns of a narrow screen, and of one that is wide.
const NARROW: usize = 20;
const WIDE: usize = 60;

/// A figure: label, the lines of its picture, and what it is now.
pub(super) struct Graph {
    pub(super) label: &'static str,
    /// The words stand beside the first.
    pub(super) lines: Vec<String>,
    pub(super) words: String,
}

/// All four; `None` until there are two looks.
pub(super) fn graphs(trend: &Trend, node: &NodeInfo, columns: usize, rows: usize) -> Option<Vec<Graph>> {
    let now = trend.newest()?;
    let width = if columns >= 120 { WIDE } else { NARROW };
    let height = if rows >= 40 { 4 } else { 1 };
    let share = |label, figure: fn(&Sample) -> f64, words| Graph {
        label,
        lines: picture(&trend.last(width, figure), 1.0, height),
        words,
    };
    let rate = |label, figure: fn(&Sample) -> f64, words: String| {
        let values = trend.last(width, figure);
        let top = values.iter().flatten().copied().fold(LEAST_TOP, f64::max);
        Graph {
            label,
            lines: picture(&values, top, height),
            words: format!("{words} (top {})", speed(top)),
        }
    };
    let [one, five, fifteen] = node.load;
    let unit = if node.cpus == 1 { "CPU" } else { "CPUs" };
    // At most a hundred.
    let percent = |share: f64| (share.clamp(0.0, 1.0) * 100.0).round() as u8;
    let used = node.memory_total.saturating_sub(node.memory_available);
    Some(vec![
        share(
            "CPU",
            |sample| sample.cpu,
            format!(
                "{} % of {} {unit}, load {one:.2} {five:.2} {fifteen:.2}",
                percent(now.cpu),
                node.cpus
            ),
        ),
        share(
            "Memory",
            |sample| sample.memory,
            format!("{} of {} used", ByteSize(used), ByteSize(node.memory_total)),
        ),
        rate(
            "Disks",
            |sample| sample.read + sample.written,
            format!("read {}, write {}", speed(now.read), speed(now.written)),
        ),
        rate(
            "Network",
            |sample| sample.received + sample.sent,
            format!("in {}, out {}", speed(now.received), speed(now.sent)),
        ),
    ])
}

fn speed(bytes: f64) -> String {
    // Below what a u64 holds by far; a fraction of a byte is nothing.
    format!("{}/s", ByteSize(bytes.max(0.0) as u64))
}

/// `[__.:+#]`, or as many lines as `height`, the highest first, whose columns are filled from below.
fn picture(values: &[Option<f64>], top: f64, height: usize) -> Vec<String> {
    let framed = |line: String| format!("[{line}]");
    let shares = values
        .iter()
        .map(|value| value.map(|value| (value / top).clamp(0.0, 1.0)));
    if height == 1 {
        let last = RAMP.len() - 1;
        let mark = |share: f64| RAMP[((share * last as f64).ceil() as usize).min(last)];
        return vec![framed(shares.map(|share| share.map_or(' ', mark)).collect())];
    }
    let shares: Vec<Option<f64>> = shares.collect();
    let line = |row: usize| {
        let below = (height - 1 - row) as f64;
        let mark = |share: f64| match share * height as f64 - below {
            left if left >= 0.75 => '#',
            left if left > 0.25 => ':',
            left if left > 0.0 => '.',
            _ if row == height - 1 => '_',
            _ => ' ',
        };
        framed(shares.iter().map(|share| share.map_or(' ', mark)).collect())
    };
    (0..height).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_heavier_or_higher() {
        let values = [
            None,
            Some(0.0),
            Some(0.1),
            Some(0.5),
            Some(1.0),
            Some(9.0),
            Some(f64::NAN),
        ];
        assert_eq!(picture(&values, 1.0, 1), ["[ _.+##_]"]);
        assert_eq!(picture(&values, 1.0, 2), ["[    ## ]", "[ _.###_]"]);
    }
}
