//! Waiting for a condition, with a limit: the only way in which tests let time pass.

use std::time::{Duration, Instant};

use anyhow::bail;

/// How often a condition is looked at: often enough to measure by, seldom enough to leave the processor to the node.
const PERIOD: Duration = Duration::from_millis(100);

/// Looks again and again until `look` gives a value. An error from `look` ends the waiting: it means that the value cannot
/// come any more.
///
/// # Errors
/// What `look` failed with, or that `what` did not happen within `limit`.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = look().await? {
            return Ok(value);
        }
        if start.elapsed() > limit {
            bail!("waited {} s in vain: {what}", limit.as_secs());
        }
        tokio::time::sleep(PERIOD).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn gives_the_value_or_says_what_was_waited_for() {
        let mut looks = 0;
        let value = until("third look", Duration::from_secs(5), async || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        });
        assert_eq!(value.await.unwrap(), 3);
        let error = until::<()>("rain", Duration::ZERO, async || Ok(None))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "waited 0 s in vain: rain");
    }
}
