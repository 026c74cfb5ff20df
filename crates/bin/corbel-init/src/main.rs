//! The first program of the machine: PID 1 of the initrd. It finds the root image, has the kernel verify it, mounts it with
//! its volatile overlays, and hands over to systemd.
//!
//! ```text
//! kernel ─> basics ─> modules ─> medium found? ─> verity ─> squashfs at /sysroot ─> overlays ─> switch root ─> systemd
//!                        ^   └── not yet ──┘                                    └ shell (rescue) ┘
//!            any failure ─> one message ─> shell (rescue, but not with a damaged root) or reboot
//! ```
//! On an installed node (`corbel.slot`) the medium is the partition of that slot, and a watchdog runs from here on.
//! Linked statically and kept small: every byte here is unpacked before anything else happens.

mod basics;
mod fail;
mod log;
mod medium;
mod modules;
mod overlay;
mod root;
mod shell;
mod slot;
mod switch;
mod watchdog;
mod words;

fn main() {
    fail::reboot_on_panic();
    let words = basics::prepare();
    let Err(error) = boot(&words);
    fail::end(&words, &error)
}

/// Everything from the modules to systemd; returns only when something failed.
fn boot(words: &words::Words) -> anyhow::Result<std::convert::Infallible> {
    let root_hash = words.root_hash()?;
    let mut modules = modules::Modules::load_index();
    modules.load_early();
    let mut watchdog = watchdog::Watchdog::new(words.slot.is_some());
    let source = root::mount(words, &root_hash, &mut modules, &mut watchdog)?;
    watchdog.ensure(&mut modules);
    // Only now: with a damaged root there is no shell. Without a console the boot goes on, which is what serves best.
    // An installed node has a password to ask for, which is on a file system that is not mounted here: the system asks.
    if words.rescue
        && words.slot.is_none()
        && let Err(error) = shell::run(&shell::greeting(&source))
    {
        log::error(format!("no rescue shell: {error:#}"));
    }
    overlay::mount_all()?;
    if let root::Source::Installed { disk, .. } = &source
        && let Some(id) = slot::machine_id(std::path::Path::new(disk))
    {
        overlay::write_machine_id(&id)?;
    }
    // 16 MiB of memory that a node which never installs has better uses for.
    if matches!(source, root::Source::Network) && !words.stateless {
        overlay::copy_from_initramfs("release")?;
    }
    watchdog.leave_running();
    overlay::record(&source, &root_hash)?;
    switch::into_system(words)
}
