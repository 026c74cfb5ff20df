//! The figures of node and machines: what collectd has gathered, under the names and in the units that the field expects
//! (prometheus.io/docs/practices/naming, OpenMetrics 1.0). Nothing is measured here: there is one collector.

mod families;
mod read;

use std::sync::Arc;
use std::time::Duration;

use corbel_sys::Cancel;

use crate::Agent;
use families::{FAMILIES, Family, Kind};
use read::Sample;

/// While it exists, the configuration has switched collectd off.
pub(crate) const MONITORING_OFF: &str = "/run/corbel/monitoring-off";
/// Longer than collectd ever takes, shorter than whoever asks waits.
const DEADLINE: Duration = Duration::from_secs(8);

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum FiguresError {
    #[error("no figures are collected on this node: monitoring.collectd.enabled is false")]
    Off,
    #[error("collectd does not answer, so there are no figures: `systemctl status collectd` says why")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("collectd has no figures yet; try again in some seconds")]
    None,
}

/// How they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FiguresFormat {
    /// Prometheus' text format 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Agent {
    /// What collectd has gathered.
    ///
    /// # Errors
    /// When it is switched off, does not answer, or has just been started.
    pub async fn figures(&self, format: FiguresFormat) -> Result<String, FiguresError> {
        let facilities = Arc::clone(&self.facilities);
        let stop = Cancel::new();
        let asked = tokio::task::spawn_blocking({
            let stop = stop.clone();
            move || facilities.figures(&stop)
        });
        let answer = tokio::time::timeout(DEADLINE, asked).await;
        let text = answer.map_err(|late| {
            // The thread is given back.
            stop.cancel();
            FiguresError::Away(late.into())
        })?;
        let text = text.map_err(|panic| FiguresError::Away(panic.into()))??;
        let written = write(&text, format);
        if written.is_empty() {
            Err(FiguresError::None)
        } else {
            Ok(written)
        }
    }
}

/// Collectd's exposition with other names, labels and units; empty where nothing of it is known.
fn write(text: &str, format: FiguresFormat) -> String {
    let mut samples: Vec<Sample<'_>> = text.lines().filter_map(read::sample).collect();
    samples.sort_by(|a, b| a.name.cmp(b.name));
    let mut written = String::new();
    for family in FAMILIES {
        let from = samples.partition_point(|sample| sample.name < family.from);
        let own = samples[from..].iter().take_while(|sample| sample.name == family.from);
        let lines: String = own.filter_map(|sample| line(family, sample)).collect();
        if !lines.is_empty() {
            written += &head(family, format);
            written += &lines;
        }
    }
    if !written.is_empty() && format == FiguresFormat::OpenMetrics {
        written += "# EOF\n";
    }
    written
}

/// What stands above the samples. In OpenMetrics a counter's family has the name without `_total`.
fn head(family: &Family, format: FiguresFormat) -> String {
    let Family { name, help, kind, .. } = family;
    let (shown, unit) = match (kind, format) {
        (Kind::Counter, FiguresFormat::Prometheus) => (format!("{name}_total"), None),
        (_, FiguresFormat::Prometheus) => ((*name).to_owned(), None),
        (_, FiguresFormat::OpenMetrics) => {
            let unit = ["seconds", "bytes"]
                .into_iter()
                .find(|unit| name.ends_with(&format!("_{unit}")));
            ((*name).to_owned(), unit)
        }
    };
    let unit = unit.map(|unit| format!("# UNIT {shown} {unit}\n"));
    format!(
        "# HELP {shown} {help}\n# TYPE {shown} {}\n{}",
        kind.as_str(),
        unit.unwrap_or_default()
    )
}

fn line(family: &Family, sample: &Sample<'_>) -> Option<String> {
    let mut labels = Vec::new();
    for (theirs, ours) in family.labels {
        let value = sample.label(theirs)?;
        labels.push(format!("{ours}=\"{value}\""));
    }
    if family.leaves_out(sample) {
        return None;
    }
    let labels = match labels.is_empty() {
        true => String::new(),
        false => format!("{{{}}}", labels.join(",")),
    };
    let suffix = if family.kind == Kind::Counter { "_total" } else { "" };
    Some(format!(
        "{}{suffix}{labels} {}\n",
        family.name,
        value(sample, family.divisor)?
    ))
}

/// Without loss where the unit is the same.
fn value(sample: &Sample<'_>, divisor: f64) -> Option<String> {
    let number: f64 = sample.value.parse().ok()?;
    if !number.is_finite() {
        return None;
    }
    Some(match divisor {
        1.0 => sample.value.to_owned(),
        divisor => (number / divisor).to_string(),
    })
}

#[cfg(test)]
mod tests;
