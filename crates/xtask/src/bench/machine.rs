//! What the figures were measured on.

use std::fs;

use crate::step::{self, command};

/// The machine in a line: processor, cores, memory, kernel.
pub(crate) fn describe() -> String {
    let processors = read("/proc/cpuinfo");
    let field = |name: &str| {
        processors.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == name).then(|| value.trim().to_owned())
        })
    };
    let model = field("model name").unwrap_or_else(|| "unknown processor".into());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = read("/proc/meminfo");
    let kilobytes = memory.lines().next().and_then(|line| line.split_whitespace().nth(1));
    let gigabytes = kilobytes.and_then(|kb| kb.parse::<f64>().ok()).map_or(0.0, |kb| kb / 1e6);
    let kernel = read("/proc/sys/kernel/osrelease");
    let rustc = step::reply(&mut command("rustc", &["--version"])).unwrap_or_default();
    format!("{model}, {cores} cores, {gigabytes:.0} GB memory, Linux {}, {rustc}", kernel.trim())
}

/// Processor seconds that a process has used so far, all its threads together.
pub(crate) fn cpu_seconds(pid: u32) -> Option<f64> {
    // The kernel reports hundredths of a second to user space on every Linux.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the fields begin after it.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / TICKS_PER_SECOND)
}

/// Resident memory of a process in megabytes.
pub(crate) fn resident_megabytes(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? * 1024.0 / 1e6)
}

fn read(file: &str) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{cpu_seconds, resident_megabytes};

    #[test]
    fn this_process_uses_memory_and_time() {
        let this = std::process::id();
        assert!(resident_megabytes(this).unwrap() > 0.5);
        assert!(cpu_seconds(this).unwrap() >= 0.0);
        assert!(cpu_seconds(u32::MAX).is_none());
    }
}
