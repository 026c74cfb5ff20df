//! `corbel install`: puts Corbel on a disk of a node that runs from its medium. What will be erased is said before anybody is asked.

mod auto;

use std::path::PathBuf;

use clap::Args;
use corbel_client::Client;
use corbel_model::install::parse_device;
use corbel_model::seed;
use corbel_node_api::{DataSize, DataWord, DiskMatch, InstallMode, InstallRequest, Planned, Size};

use crate::ask;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::follow::follow;
use crate::interrupt::Interrupts;
use crate::printer::Printer;
use crate::settings::{Context, read_line, read_text};

#[derive(Debug, Args)]
#[command(after_long_help = "\
A disk is a path such as /dev/sda (* and ? stand for other characters), a bus (ata, scsi, usb, nvme, virtio …), or a bus and
a serial number such as scsi:S3Z8NB0K. A disk that belongs to somebody else's storage must be named by its whole path.

Examples:
  corbel install --device /dev/sda --dry-run
  corbel install --device /dev/nvme0n1 --data /dev/sdb --size swap=4G --ask-admin-password --reboot
  corbel install --answers node-7.toml --yes")]
pub(crate) struct InstallArgs {
    /// The disk for the system; without it, the first that can be used
    #[arg(long, value_name = "DISK", value_parser = device)]
    device: Option<DiskMatch>,
    /// A further disk, whole, for VM storage; may be given several times
    #[arg(long, value_name = "DISK", value_parser = device)]
    data: Vec<DiskMatch>,
    /// Size of a part: esp, root, config, log, swap or data; data may also be rest or none
    #[arg(long = "size", value_name = "PART=SIZE")]
    sizes: Vec<String>,
    /// Answers in a corbel.toml with the table `install`; options win over it
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Name of the installed node
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// Keyboard layout of the installed node's own screen: the name of a keymap, such as de-latin1
    #[arg(long, value_name = "KEYMAP")]
    keyboard: Option<String>,
    /// Ask for the password of admin of the installed node
    #[arg(long, conflicts_with = "admin_password_file")]
    ask_admin_password: bool,
    /// Take the password of admin of the installed node from the first line of a file
    #[arg(long, value_name = "FILE")]
    admin_password_file: Option<PathBuf>,
    /// A kernel word for every boot, such as console=ttyS0; may be given several times
    #[arg(long = "word", value_name = "WORD")]
    words: Vec<String>,
    /// Make the system of a disk that carries Corbel anew; its configuration is lost
    #[arg(long)]
    reinstall: bool,
    /// Erase VM storage of Corbel that is found, instead of keeping it
    #[arg(long)]
    wipe_data: bool,
    /// Erase what a fake-RAID controller left on the disks
    #[arg(long)]
    wipe_fakeraid: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Reboot into the installed node when it is done
    #[arg(long)]
    reboot: bool,
    /// Do what kernel words and seed of this boot say, without asking anybody
    #[arg(long, exclusive = true)]
    auto: bool,
}

pub(super) fn device(text: &str) -> Result<DiskMatch, String> {
    match parse_device(text) {
        Ok(device) => Ok(DiskMatch::from(&device)),
        Err(error) => Err(error.problem),
    }
}

/// Runs the command.
pub(crate) async fn run(args: InstallArgs, context: &Context<'_>, interrupts: Interrupts) -> Result<(), Failure> {
    let client = context.client()?;
    if args.auto {
        return auto::run(&client, context.printer, &interrupts).await;
    }
    let (dry_run, yes) = (args.dry_run, args.yes);
    let request = request(args, context.printer)?;
    let planned = client
        .install(&InstallRequest {
            dry_run: true,
            ..request.clone()
        })
        .await?;
    if dry_run && context.printer.json {
        return context.printer.document(&planned.plan);
    }
    show(context.printer, &planned, dry_run)?;
    if dry_run {
        return Ok(());
    }
    if !yes {
        ask::confirm(context.printer, "Install Corbel?", "--yes").await?;
    }
    begin(&client, context.printer, &interrupts, &request).await
}

/// Begins what was planned, and follows it.
async fn begin(
    client: &Client,
    printer: &Printer,
    interrupts: &Interrupts,
    request: &InstallRequest,
) -> Result<(), Failure> {
    client.install(request).await?;
    follow(client, printer, interrupts).await
}

/// The plan for a person. As data when it is what was asked for, as talk before a question.
pub(crate) fn show(printer: &Printer, planned: &Planned, as_data: bool) -> Result<(), Failure> {
    let plan = &planned.plan;
    let mut lines = vec![];
    if plan.erases.is_empty() {
        lines.push("Nothing is erased.".to_owned());
    } else {
        lines.push("This will be ERASED:".to_owned());
        lines.extend(plan.erases.iter().map(|text| format!("  {text}")));
    }
    if !plan.keeps.is_empty() {
        lines.push("This stays:".to_owned());
        lines.extend(plan.keeps.iter().map(|text| format!("  {text}")));
    }
    lines.push("This will be done:".to_owned());
    lines.extend(plan.steps.iter().map(|text| format!("  {text}")));
    lines.extend(plan.warnings.iter().map(|text| format!("warning: {text}")));
    for line in lines {
        let line = crate::table::tame(&line);
        if as_data {
            printer.line(&line)?;
        } else {
            printer.talk(&line);
        }
    }
    Ok(())
}

fn request(args: InstallArgs, printer: &Printer) -> Result<InstallRequest, Failure> {
    let mut request = match &args.answers {
        None => InstallRequest::default(),
        Some(file) => {
            let text = read_text(file)?;
            let read = seed::parse(&text).map_err(|error| {
                let error = anyhow::Error::new(error).context(file.display().to_string());
                Failure::new(Exit::Refused, error)
            })?;
            let answers = read
                .install
                .ok_or_else(|| Failure::say(Exit::Refused, format!("{} has no table [install]", file.display())))?;
            InstallRequest {
                document: Some(text),
                ..InstallRequest::from(&answers.request)
            }
        }
    };
    if let Some(device) = args.device {
        request.boot = device;
    }
    if !args.data.is_empty() {
        request.data = args.data;
    }
    for text in &args.sizes {
        set_size(&mut request, text)?;
    }
    if args.reinstall {
        request.mode = InstallMode::Reinstall;
    }
    request.keep_data &= !args.wipe_data;
    request.wipe_fakeraid |= args.wipe_fakeraid;
    request.words.extend(args.words);
    request.hostname = args.hostname;
    request.keyboard = args.keyboard;
    request.reboot = args.reboot;
    request.admin_password = match (&args.admin_password_file, args.ask_admin_password) {
        (Some(file), _) => Some(read_line(file)?),
        (None, true) => Some(ask::new_password(
            printer,
            "admin on the installed node",
            "--admin-password-file FILE",
        )?),
        (None, false) => None,
    };
    Ok(request)
}

fn set_size(request: &mut InstallRequest, text: &str) -> Result<(), Failure> {
    let wrong = |problem: String| Failure::usage(format!("--size {text}: {problem}"));
    let (part, given) = text
        .split_once('=')
        .ok_or_else(|| wrong("give PART=SIZE, such as swap=4G".to_owned()))?;
    let parse = || given.parse().map(Size).map_err(|error| wrong(format!("{error}")));
    let sizes = &mut request.sizes;
    match part {
        "esp" => sizes.esp = Some(parse()?),
        "root" => sizes.root = Some(parse()?),
        "config" => sizes.config = Some(parse()?),
        "log" => sizes.log = Some(parse()?),
        "swap" => sizes.swap = Some(parse()?),
        "data" => {
            sizes.data = Some(match given {
                "rest" => DataSize::Word(DataWord::Rest),
                "none" => DataSize::Word(DataWord::None),
                _ => DataSize::Size(parse()?),
            });
        }
        _ => {
            return Err(wrong(format!(
                "{part} is no part: give esp, root, config, log, swap or data"
            )));
        }
    }
    Ok(())
}
