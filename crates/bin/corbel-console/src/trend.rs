//! What the node did in the last minutes, from the counters that it tells at each look.

use std::collections::VecDeque;

use corbel_node_api::{Counters, NodeInfo};

/// Looks that are kept: four minutes at two seconds each.
pub(crate) const MOST: usize = 120;
/// Between two looks.
const LOOK_MILLISECONDS: u64 = 2000;

/// One look, compared with the one before.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Sample {
    /// Of all processors, 0 to 1.
    pub(crate) cpu: f64,
    /// Of all memory, 0 to 1.
    pub(crate) memory: f64,
    /// Bytes each second.
    pub(crate) read: f64,
    pub(crate) written: f64,
    pub(crate) received: f64,
    pub(crate) sent: f64,
}

/// The last looks, the oldest first. `None` stands for one that failed.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Trend {
    last: Option<Counters>,
    samples: VecDeque<Option<Sample>>,
}

impl Trend {
    /// Takes in what the node tells now.
    pub(crate) fn learn(&mut self, node: &NodeInfo) {
        let Some(now) = node.counters else { return };
        let Some(last) = self.last.replace(now) else { return };
        let Some(milliseconds) = now.at_milliseconds.checked_sub(last.at_milliseconds) else {
            // The node started anew.
            self.samples.clear();
            return;
        };
        if milliseconds == 0 {
            return;
        }
        let seconds = milliseconds as f64 / 1000.0;
        let rate = |of: fn(&Counters) -> u64| of(&now).saturating_sub(of(&last)) as f64 / seconds;
        let available = rate(|counters| counters.cpu_milliseconds);
        let memory = node.memory_total.saturating_sub(node.memory_available) as f64 / node.memory_total.max(1) as f64;
        let missed = (milliseconds / LOOK_MILLISECONDS).saturating_sub(1);
        for _ in 0..missed.min(MOST as u64) {
            self.push(None);
        }
        self.push(Some(Sample {
            cpu: rate(|counters| counters.cpu_busy_milliseconds) / available.max(1.0),
            memory,
            read: rate(|counters| counters.disk_read_bytes),
            written: rate(|counters| counters.disk_written_bytes),
            received: rate(|counters| counters.network_received_bytes),
            sent: rate(|counters| counters.network_sent_bytes),
        }));
    }

    fn push(&mut self, sample: Option<Sample>) {
        if self.samples.len() == MOST {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// The newest look that did not fail.
    pub(crate) fn newest(&self) -> Option<&Sample> {
        self.samples.iter().rev().flatten().next()
    }

    /// A figure of the last `count` looks, the newest last; the front is empty where there were fewer.
    pub(crate) fn last(&self, count: usize, figure: fn(&Sample) -> f64) -> Vec<Option<f64>> {
        let missing = count.saturating_sub(self.samples.len());
        let skipped = self.samples.len().saturating_sub(count);
        let samples = self.samples.iter().skip(skipped);
        std::iter::repeat_n(None, missing)
            .chain(samples.map(|sample| sample.as_ref().map(figure)))
            .collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::screen::tests::node;

    /// A look `seconds` after the start, of a node with one processor that is half busy and writes a MiB each second.
    pub(crate) fn look(seconds: u64) -> NodeInfo {
        let mut node = node();
        node.counters = Some(Counters {
            at_milliseconds: seconds * 1000,
            cpu_busy_milliseconds: seconds * 500,
            cpu_milliseconds: seconds * 1000,
            disk_written_bytes: seconds << 20,
            ..Counters::default()
        });
        node
    }

    #[test]
    fn rates_are_differences_and_a_gap_is_seen() {
        let mut trend = Trend::default();
        trend.learn(&look(100));
        assert_eq!(trend.newest(), None, "one look is no rate");
        trend.learn(&look(102));
        let newest = trend.newest().expect("a sample");
        assert_eq!(
            (newest.cpu, newest.written, newest.read),
            (0.5, f64::from(1 << 20), 0.0)
        );
        assert_eq!(newest.memory, 0.3);
        trend.learn(&look(102));
        trend.learn(&look(108));
        let cpu = trend.last(6, |sample| sample.cpu);
        assert_eq!(cpu, [None, None, Some(0.5), None, None, Some(0.5)]);
        trend.learn(&look(3));
        assert_eq!(trend.newest(), None, "another boot begins anew");
        for seconds in 4..1000 {
            trend.learn(&look(seconds * 2));
        }
        assert_eq!(trend.samples.len(), MOST);
    }
}
