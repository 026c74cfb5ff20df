//! Some of the judged states are really booted: what the checker says of them must be what the machine does.

use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path};

use anyhow::{Context as _, ensure};
use corbel_e2e::{Disk, Firmware, Run, Server, talk::talk};
use corbel_layout::{Extent, ReadAt as _};

use crate::{
    check::{Checker, Verdict},
    recording::{About, Recording},
    release::Release,
    replay::{Name, replay},
    report::Booted,
    state::State,
};

/// A state to boot, and what should start.
struct Candidate {
    number: usize,
    name: Name,
    version: String,
}

/// Boots `count` states of the recording in `folder`, as far apart as they can be, and compares what answers with what was
/// judged. The server's disk is the state meanwhile.
///
/// # Errors
/// When a state does not come up, or with another version than was judged.
pub async fn boot_states(
    run: &Run,
    server: &mut Server,
    firmware: Firmware,
    folder: &Path,
    count: usize,
) -> anyhow::Result<Vec<Booted>> {
    let about = About::read(folder)?;
    let open = |iso: &Option<std::path::PathBuf>| iso.as_ref().map(|iso| Release::open(&folder.join(iso))).transpose();
    let (old, new) = (open(&about.old)?, open(&about.new)?);
    let recording = Recording::open(folder)?;
    let all = candidates(&recording, &about, firmware, old.as_ref(), new.as_ref())?;
    ensure!(!all.is_empty(), "nothing in {} would boot", folder.display());
    let image = folder.join("booted.img");
    let own = server.disks().first().context("the server has no disk")?.clone();
    let mut booted = Vec::new();
    for number in 0..count.min(all.len()) {
        let Candidate { number, name, version } = &all[number * all.len() / count.min(all.len())];
        write_state(&recording, *number, &image)?;
        if let Some(disk) = server.disks().first_mut() {
            *disk = Disk {
                file: image.clone(),
                log: None,
                ..own.clone()
            };
        }
        talk(&format!(
            "booting {}, {name}: {version} should start",
            about.operation.name()
        ));
        let node = server
            .boot_installed(run)
            .await
            .with_context(|| format!("the state {name}"))?;
        let found = node.info().await?.version;
        ensure!(
            found == *version,
            "of the state {name} {version} should start, and {found} did"
        );
        booted.push(Booted {
            operation: about.operation,
            state: name.to_string(),
            version: found,
        });
    }
    if let Some(disk) = server.disks().first_mut() {
        *disk = own;
    }
    std::fs::remove_file(&image).with_context(|| format!("cannot remove {}", image.display()))?;
    Ok(booted)
}

/// States that differ from each other in what decides, and from which a system starts.
fn candidates(
    recording: &Recording,
    about: &About,
    firmware: Firmware,
    old: Option<&Release>,
    new: Option<&Release>,
) -> anyhow::Result<Vec<Candidate>> {
    let mut checker = Checker::new(recording, about.operation, old, new)?;
    let (mut found, mut number) = (Vec::new(), 0);
    let judged: anyhow::Result<()> = replay(recording, |name, state| {
        let seen = checker.distinct();
        let outcome = checker.check(state)?;
        let verdict = match firmware {
            Firmware::Uefi => Some(outcome.uefi),
            Firmware::Bios => outcome.bios,
        };
        let release = match verdict {
            Some(Verdict::Old) => old,
            Some(Verdict::New) => new,
            _ => None,
        };
        if let Some(release) = release
            && checker.distinct() > seen
        {
            let version = release.version.clone();
            found.push(Candidate { number, name, version });
        }
        number += 1;
        Ok(())
    });
    judged?;
    Ok(found)
}

/// Writes the state of this number to a sparse file.
fn write_state(recording: &Recording, wanted: usize, image: &Path) -> anyhow::Result<()> {
    let mut number = 0;
    // The first `Err` ends the replay; here it means that the state was found.
    let written = replay(recording, |_, state| {
        number += 1;
        if number - 1 == wanted {
            Err(copy(state, image))
        } else {
            Ok(())
        }
    });
    match written {
        Err(copied) => copied.with_context(|| format!("cannot write {}", image.display())),
        Ok(()) => anyhow::bail!("the recording has no state {wanted}"),
    }
}

fn copy(state: &State<'_>, image: &Path) -> io::Result<()> {
    let file = File::create(image)?;
    file.set_len(state.size())?;
    let mut buffer = vec![0; 1 << 20];
    let whole = Extent {
        offset: 0,
        length: state.size(),
    };
    for range in state.content(whole)? {
        let mut at = range.start;
        while at < range.end {
            let piece = &mut buffer[..(range.end - at).min(1 << 20) as usize];
            state.read_at(at, piece)?;
            file.write_all_at(piece, at)?;
            at += piece.len() as u64;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Recorder;

    #[test]
    fn a_state_is_written_as_it_reads() {
        let mut recorder = Recorder::new(512, 1 << 20);
        recorder.write(4096, &[1; 1024]);
        recorder.flush();
        recorder.write(1 << 19, &[2; 512]);
        let recording = recorder.finish();
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        let mut states = Vec::new();
        let read: io::Result<()> = replay(&recording, |_, state| {
            let mut bytes = vec![0; 1 << 20];
            state.read_at(0, &mut bytes)?;
            states.push(bytes);
            Ok(())
        });
        read.unwrap();
        for (number, expected) in states.iter().enumerate() {
            write_state(&recording, number, &image).unwrap();
            assert_eq!(std::fs::read(&image).unwrap(), *expected);
        }
        assert!(write_state(&recording, states.len(), &image).is_err());
    }
}
