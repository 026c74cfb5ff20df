//! Whether the machine has what a document asks of its hardware. What is not known of it is not looked at.

use corbel_model::ByteSize;
use corbel_model::kernel_dump::{KernelDump, Target};
use corbel_model::performance::{CpuList, HugePages};
use corbel_model::seed::Seed;

use super::Problem;
use crate::dump::set_aside;

/// The machine as far as a document may ask something of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Machine {
    /// Processors that are on.
    pub cpus: Option<CpuList>,
    pub memory: Option<ByteSize>,
    /// Of the processors' frequency; none where firmware or a hypervisor governs it.
    pub governors: Option<Vec<String>>,
    /// Sizes of huge pages.
    pub page_sizes: Option<Vec<ByteSize>>,
    /// What this boot has set aside for the kernel that saves a dump.
    pub dump_memory: Option<ByteSize>,
}

/// What stays for everything but huge pages: a node that gives more away does not come up again.
const LEAST_LEFT: ByteSize = ByteSize::mib(512);

/// Everything that this machine has not.
pub fn check_machine(seed: &Seed, machine: &Machine) -> Vec<Problem> {
    let performance = &seed.performance;
    let mut problems = Vec::new();
    if let (Some(isolated), Some(cpus)) = (&performance.isolated_cpus, &machine.cpus) {
        let key = "performance.isolated_cpus";
        if let Some(cpu) = isolated.iter().find(|cpu| !cpus.contains(*cpu)) {
            let problem = format!("there is no processor {cpu}: this machine has {cpus}");
            problems.push(Problem::new(key, problem));
        } else if cpus.without(isolated).is_none() {
            let problem = "takes every processor: leave the node one of its own, better two";
            problems.push(Problem::new(key, problem));
        }
    }
    if let (Some(governor), Some(there)) = (&performance.governor, &machine.governors)
        && !there.iter().any(|one| one == governor.as_str())
    {
        let problem = match there.is_empty() {
            true => {
                "firmware or a hypervisor governs the frequency of this machine's processors: leave it out".to_owned()
            }
            false => format!("this machine has no governor {governor}: it has {}", there.join(", ")),
        };
        problems.push(Problem::new("performance.governor", problem));
    }
    pages(performance.huge_pages, machine, &mut problems);
    dump(&seed.kernel_dump, machine, &mut problems);
    problems
}

fn dump(dump: &KernelDump, machine: &Machine, problems: &mut Vec<Problem>) {
    if dump.target == Target::Off {
        return;
    }
    let now = machine.dump_memory.filter(|memory| memory.bytes() > 0);
    let Some(memory) = now.or_else(|| machine.memory.map(set_aside)) else {
        return;
    };
    if memory.bytes() == 0 {
        let problem = "is not possible on this machine: it needs 1.5 GiB of memory, and better 2 GiB";
        problems.push(Problem::new("kernel_dump.target", problem));
    } else if let Some(asked) = dump.memory.filter(|asked| *asked > memory) {
        let problem = format!(
            "{asked} is more than the {memory} that this machine sets aside at its start: give less, or the kernel word crashkernel"
        );
        problems.push(Problem::new("kernel_dump.memory", problem));
    }
}

/// What somebody should know of a document on this machine though it is right.
pub fn machine_warnings(seed: &Seed, machine: &Machine) -> Vec<String> {
    let waits = seed.kernel_dump.target != Target::Off && machine.dump_memory == Some(ByteSize(0));
    let sentence = "memory for dumps of the kernel is set aside at the next start of the node: until it is restarted, nothing is saved";
    waits.then(|| sentence.to_owned()).into_iter().collect()
}

fn pages(pages: HugePages, machine: &Machine, problems: &mut Vec<Problem>) {
    let key = |name: &str| format!("performance.huge_pages.{name}");
    let sizes = [
        ("of_2_mib", pages.of_2_mib, HugePages::SMALL),
        ("of_1_gib", pages.of_1_gib, HugePages::LARGE),
    ];
    let asked = || {
        sizes
            .into_iter()
            .filter(|(_, pages, _)| pages.is_some_and(|pages| pages > 0))
    };
    if let Some(there) = &machine.page_sizes {
        for (name, _, size) in asked().filter(|(_, _, size)| !there.contains(size)) {
            let problem = format!("this machine's processors have no pages of {size}");
            problems.push(Problem::new(key(name), problem));
        }
    }
    let (Some(memory), Some((name, ..))) = (machine.memory, asked().next()) else {
        return;
    };
    let bytes = pages.bytes();
    if bytes.bytes().saturating_add(LEAST_LEFT.bytes()) > memory.bytes() {
        let problem = format!(
            "{bytes} of huge pages leave less than {LEAST_LEFT} of this machine's {memory} for everything else"
        );
        problems.push(Problem::new(key(name), problem));
    }
}

#[cfg(test)]
mod tests {
    use corbel_model::seed::parse;

    use super::*;

    fn problems(lines: &str, machine: &Machine) -> Vec<String> {
        let seed = parse(&format!("version = 1\n[performance]\n{lines}")).expect("a document");
        check_machine(&seed, machine).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_the_machine_has_not_is_named() {
        let machine = Machine {
            cpus: "0-7".parse().ok(),
            memory: Some(ByteSize::gib(16)),
            governors: Some(vec!["performance".into(), "powersave".into()]),
            page_sizes: Some(vec![HugePages::SMALL]),
            dump_memory: Some(ByteSize(0)),
        };
        let good = "isolated_cpus = \"2-7\"\ngovernor = \"powersave\"\nhuge_pages.of_2_mib = \"8 GiB\"\n";
        assert!(problems(good, &machine).is_empty());
        for (lines, part) in [
            (
                "isolated_cpus = \"6-8\"",
                "performance.isolated_cpus: there is no processor 8: this machine has 0-7",
            ),
            (
                "isolated_cpus = \"0-7\"",
                "performance.isolated_cpus: takes every processor",
            ),
            (
                "governor = \"schedutil\"",
                "performance.governor: this machine has no governor schedutil: it has performance, powersave",
            ),
            (
                "huge_pages.of_2_mib = \"16 GiB\"",
                "performance.huge_pages.of_2_mib: 16 GiB of huge pages leave less than 512 MiB of this machine's 16 GiB",
            ),
            (
                "huge_pages.of_1_gib = 1",
                "performance.huge_pages.of_1_gib: this machine's processors have no pages of 1 GiB",
            ),
        ] {
            let found = problems(lines, &machine);
            assert!(found.len() == 1 && found[0].starts_with(part), "{found:?}");
            assert!(
                problems(lines, &Machine::default()).is_empty(),
                "what is not known is not looked at"
            );
        }
        let dump = |lines: &str, machine: &Machine| {
            let seed = parse(&format!("version = 1\n[kernel_dump]\n{lines}")).expect("a document");
            let problems: Vec<_> = check_machine(&seed, machine).iter().map(ToString::to_string).collect();
            (problems, machine_warnings(&seed, machine).len())
        };
        assert_eq!(dump("target = \"local\"", &machine), (vec![], 1));
        assert_eq!(dump("", &machine), (vec![], 0));
        let (refused, _) = dump("target = \"local\"\nmemory = \"1 GiB\"", &machine);
        assert!(
            refused[0].starts_with("kernel_dump.memory: 1 GiB is more than the 256 MiB that"),
            "{refused:?}"
        );
        let small = Machine {
            memory: Some(ByteSize::mib(950)),
            ..machine.clone()
        };
        assert!(dump("target = \"local\"", &small).0[0].starts_with("kernel_dump.target: is not possible"));
        let virtual_one = Machine {
            governors: Some(vec![]),
            ..Machine::default()
        };
        assert!(problems("governor = \"powersave\"", &virtual_one)[0].contains("hypervisor governs"));
    }
}
