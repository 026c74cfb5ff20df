//! GRUB's environment block: the file in which GRUB for BIOS keeps which slot is good and how often the other may be tried.
//!
//! The format is that of the GRUB manual, "Environment block": a signature line, lines `name=value`, filled up with `#`. GRUB
//! writes the block over the sectors where the file lies. Corbel keeps all variables in the first 512 bytes, so that what
//! changes is one sector, which a power cut leaves old or new.

use crate::slot::Slot;

/// Bytes of the file: the size that GRUB's own tools make.
pub const BLOCK_BYTES: usize = 1024;
/// Bytes that may hold variables: the smallest sector.
const SECTOR: usize = 512;
/// GRUB_ENVBLK_SIGNATURE in GRUB's include/grub/lib/envblk.h.
const SIGNATURE: &str = "# GRUB Environment Block\n";

/// The most tries that a trial can have: GRUB's script counts with one digit.
pub const MOST_TRIES: u8 = 9;

/// Why bytes are not an environment block, or variables do not fit one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrubEnvError {
    #[error("the GRUB environment block has {found} bytes, expected {BLOCK_BYTES}")]
    Size { found: usize },
    #[error("the GRUB environment block does not begin with its signature")]
    Signature,
    #[error("the GRUB environment block has a line that is no variable: {line:?}")]
    Line { line: String },
    #[error("the GRUB variable {name} has the value {value:?}, expected {expected}")]
    Value {
        name: &'static str,
        value: String,
        expected: &'static str,
    },
    #[error("the GRUB variables need {bytes} bytes, and the first sector has {SECTOR}")]
    TooMuch { bytes: usize },
}

/// A slot on trial and the boots that it has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trial {
    pub slot: Slot,
    /// 0 to [`MOST_TRIES`]; with 0 the loader takes the good slot.
    pub tries: u8,
}

/// What the block says to `grub.cfg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrubEnv {
    /// The slot that was last healthy.
    pub good: Slot,
    /// The slot that is being tried, if one is.
    pub trial: Option<Trial>,
}

/// The variables of a block, in order.
///
/// # Errors
/// Another size, no signature, or a line without `=`.
pub fn parse_variables(block: &[u8]) -> Result<Vec<(String, String)>, GrubEnvError> {
    if block.len() != BLOCK_BYTES {
        return Err(GrubEnvError::Size { found: block.len() });
    }
    let mut rest = block
        .strip_prefix(SIGNATURE.as_bytes())
        .ok_or(GrubEnvError::Signature)?;
    let mut variables = Vec::new();
    while let Some(first) = rest.first().filter(|byte| **byte != b'#') {
        let _ = first;
        let (line, after) = take_line(rest);
        let text = String::from_utf8_lossy(&line).into_owned();
        let Some((name, value)) = text.split_once('=') else {
            return Err(GrubEnvError::Line { line: text });
        };
        variables.push((name.to_owned(), value.to_owned()));
        rest = after;
    }
    Ok(variables)
}

/// A line with its escapes undone, and what follows. A backslash keeps the byte behind it, a line break too.
fn take_line(block: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut line = Vec::new();
    let mut at = 0;
    while let Some(byte) = block.get(at) {
        at += 1;
        match byte {
            b'\n' => break,
            b'\\' => {
                line.extend(block.get(at));
                at += 1;
            }
            other => line.push(*other),
        }
    }
    (line, block.get(at..).unwrap_or_default())
}

/// A block of [`BLOCK_BYTES`] bytes with these variables in its first sector.
///
/// # Errors
/// [`GrubEnvError::TooMuch`].
pub fn render_variables(variables: &[(&str, &str)]) -> Result<Vec<u8>, GrubEnvError> {
    let mut block = SIGNATURE.as_bytes().to_vec();
    for (name, value) in variables {
        block.extend_from_slice(name.as_bytes());
        block.push(b'=');
        for byte in value.bytes() {
            if matches!(byte, b'\\' | b'\n') {
                block.push(b'\\');
            }
            block.push(byte);
        }
        block.push(b'\n');
    }
    if block.len() > SECTOR {
        return Err(GrubEnvError::TooMuch { bytes: block.len() });
    }
    block.resize(BLOCK_BYTES, b'#');
    Ok(block)
}

impl GrubEnv {
    /// Reads a block; variables of others are ignored. A missing or empty `trial` is none, a missing `tries` is 0.
    ///
    /// # Errors
    /// No block, a missing or wrong `good`, or a wrong `trial` or `tries`.
    pub fn parse(block: &[u8]) -> Result<Self, GrubEnvError> {
        let variables = parse_variables(block)?;
        let value = |name: &str| {
            let found = variables.iter().find(|(n, _)| n == name);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let slot = |name: &'static str| {
            value(name).parse().map_err(|_| GrubEnvError::Value {
                name,
                value: value(name).to_owned(),
                expected: "a or b",
            })
        };
        let good = slot("good")?;
        if value("trial").is_empty() {
            return Ok(Self { good, trial: None });
        }
        let tries = match value("tries") {
            "" => 0,
            text => one_digit(text).ok_or_else(|| GrubEnvError::Value {
                name: "tries",
                value: text.to_owned(),
                expected: "one digit",
            })?,
        };
        let slot = slot("trial")?;
        Ok(Self {
            good,
            trial: Some(Trial { slot, tries }),
        })
    }

    /// The block that says this; more tries than [`MOST_TRIES`] are as many.
    pub fn render(self) -> Vec<u8> {
        let (trial, tries) = self
            .trial
            .map_or(("", 0), |t| (t.slot.letter(), t.tries.min(MOST_TRIES)));
        let tries = tries.to_string();
        // Every name and value is one of a few letters: that fits.
        render_variables(&[("good", self.good.letter()), ("trial", trial), ("tries", &tries)]).unwrap_or_default()
    }
}

fn one_digit(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [digit @ b'0'..=b'9'] => Some(digit - b'0'),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
