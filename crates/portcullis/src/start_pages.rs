//! The pages of the program's file that its start mapped, most of which only it needed.
//!
//! The kernel maps a program in pieces of 64 KB around what is read, and lets go of none while there
//! is memory. Relocation, migrations, settings and the reading of tables, and calls, touch three
//! quarters of the pieces; calls alone touch half.

use std::{ffi::c_void, fs, io};

use rustix::mm::{Advice, madvise};

/// Lets go of the code and the constants that are in memory, and says how many bytes that were. What
/// is needed again is mapped again from the file, from the system's cache as a rule. Memory that is
/// locked stays, which is an error.
pub(crate) fn release() -> io::Result<u64> {
    let program = fs::read_link("/proc/self/exe")?;
    let maps = fs::read_to_string("/proc/self/smaps")?;
    let pristine = pristine(&maps, &program.to_string_lossy());
    pristine.iter().try_fold(0, |bytes, mapping| Ok(bytes + release_mapping(mapping)?))
}

/// A private mapping of a file that cannot be written and of which nothing ever was.
#[derive(Debug, Eq, PartialEq)]
struct Mapping {
    start: usize,
    length: usize,
    /// Bytes of it that are in memory.
    resident: u64,
    /// Whether the kernel has told that no page of it was written.
    is_pristine: bool,
}

/// What `/proc/self/smaps` (proc(5)) tells of the program's file. Pages that were written, by
/// relocation for one, are counted there as anonymous or as swapped.
fn pristine(maps: &str, program: &str) -> Vec<Mapping> {
    let mut found: Vec<Mapping> = Vec::new();
    // Whether what follows tells of the mapping that was found last.
    let mut is_told = false;
    for line in maps.lines() {
        let Some((name, value)) = line.split_once(':').filter(|(name, _)| !name.contains(' '))
        else {
            let mapping = mapping(line, program);
            is_told = mapping.is_some();
            found.extend(mapping);
            continue;
        };
        let Some(last) = found.last_mut().filter(|_| is_told) else { continue };
        let kilobytes: Option<u64> =
            value.trim().strip_suffix(" kB").and_then(|kb| kb.parse().ok());
        match (name, kilobytes) {
            ("Rss", Some(kilobytes)) => last.resident = kilobytes * 1024,
            ("Anonymous", count) => last.is_pristine = count == Some(0),
            ("Swap", count) if count != Some(0) => {
                is_told = false;
                found.pop();
            }
            _ => {}
        }
    }
    found.retain(|mapping| mapping.is_pristine);
    found
}

/// The mapping that a first line tells of, if it is one of the program's and cannot be written.
fn mapping(line: &str, program: &str) -> Option<Mapping> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let access = fields.next()?;
    let [_offset, _device, _inode] = [fields.next()?, fields.next()?, fields.next()?];
    if !matches!(access, "r-xp" | "r--p") || fields.next()?.trim_start() != program {
        return None;
    }
    let address = |text| usize::from_str_radix(text, 16).ok();
    let start = address(start)?;
    Some(Mapping {
        start,
        length: address(end)?.checked_sub(start)?,
        resident: 0,
        is_pristine: false,
    })
}

#[expect(unsafe_code, reason = "no safe call gives mapped pages back; below is why this is sound")]
fn release_mapping(mapping: &Mapping) -> io::Result<u64> {
    let start = std::ptr::without_provenance_mut::<c_void>(mapping.start);
    // SAFETY: of pages that are as the file has them, this does what the kernel may do at any time
    // when memory gets short. These are: the kernel has just told that none was written, and none can
    // be. They are still the program's: nothing unmaps it while it runs.
    unsafe { madvise(start, mapping.length, Advice::LinuxDontNeed)? };
    Ok(mapping.resident)
}

#[cfg(test)]
mod tests {
    use super::{Mapping, pristine, release};

    fn told(access: &str, file: &str, anonymous: u32, swap: u32) -> String {
        format!(
            "7f00a000-7f00c000 {access} 00001000 fe:00 77   {file}\nSize: 8 kB\nRss: 4 kB\n\
             Anonymous: {anonymous} kB\nSwap: {swap} kB\nVmFlags: rd ex mr\n"
        )
    }

    #[test]
    fn only_what_was_never_written_of_the_program_is_let_go_of() {
        let found = |access, file, anonymous, swap| {
            let other = told("r-xp", "/lib/libc.so.6", 0, 0);
            let maps = [other.clone(), told(access, file, anonymous, swap), other];
            pristine(&maps.concat(), "/opt/the gate")
        };
        let all = [Mapping { start: 0x7f00_a000, length: 8192, resident: 4096, is_pristine: true }];
        assert_eq!(found("r-xp", "/opt/the gate", 0, 0), all);
        assert_eq!(found("r--p", "/opt/the gate", 0, 0), all);
        for (access, file, anonymous, swap) in [
            ("r--p", "/opt/the gate", 4, 0),
            ("r--p", "/opt/the gate", 0, 4),
            ("rw-p", "/opt/the gate", 0, 0),
            ("rwxp", "/opt/the gate", 0, 0),
            ("r-xs", "/opt/the gate", 0, 0),
            ("r-xp", "/opt/the gate (deleted)", 0, 0),
            ("r-xp", "/opt/the", 0, 0),
            ("r-xp", "[vdso]", 0, 0),
        ] {
            let found = found(access, file, anonymous, swap);
            assert_eq!(found, [], "{access} {file} {anonymous} {swap}");
        }
        let silent = "7f00a000-7f00c000 r-xp 00001000 fe:00 77 /a\nRss: 4 kB\nSwap: 0 kB";
        assert_eq!(pristine(silent, "/a"), [], "nothing is told of what was written");
        assert_eq!(pristine("7f00a000-7f00c000 r-xp 00000000 00:00 0\nRss: 4 kB", "/a"), []);
        assert_eq!(pristine("7f00c000-7f00a000 r-xp 0 00:00 0 /a\n-\n:\n", "/a"), []);
    }

    #[test]
    fn a_program_goes_on_without_the_pages_of_its_start() {
        assert!(release().unwrap() > 0);
        only_what_was_never_written_of_the_program_is_let_go_of();
    }
}
