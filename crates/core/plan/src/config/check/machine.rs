//! Whether the machine has what a document asks of its hardware. What is not known of it is not looked at.

use corbel_model::ByteSize;
use corbel_model::performance::{CpuList, HugePages};
use corbel_model::seed::Seed;

use super::Problem;

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
    problems
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
        let virtual_one = Machine {
            governors: Some(vec![]),
            ..Machine::default()
        };
        assert!(problems("governor = \"powersave\"", &virtual_one)[0].contains("hypervisor governs"));
    }
}
