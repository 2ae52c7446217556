//! The pages of the program's code that only its start needed.
//!
//! The kernel maps a program's code in pieces of 64 KB around what runs, and lets go of none while
//! there is memory. Migrations, settings and the reading of tables touch two thirds of the pieces;
//! calls come back to less than half.

use std::{ffi::c_void, fs, io, ops::Range};

use rustix::mm::{Advice, madvise};

/// Lets go of the code that is in memory, and says how many bytes of address space that concerns.
/// What runs again is mapped again from the file, from the system's cache as a rule. Memory that is
/// locked stays, which is an error.
pub(crate) fn release() -> io::Result<usize> {
    let program = fs::read_link("/proc/self/exe")?;
    let maps = fs::read_to_string("/proc/self/maps")?;
    let code = maps.lines().filter_map(|line| code_of(line, &program.to_string_lossy()));
    code.map(|addresses| release_range(&addresses)).sum()
}

/// A private mapping of a file that may be run and not be written.
#[derive(Debug, Eq, PartialEq)]
struct Code(Range<usize>);

/// The addresses that a line of `/proc/self/maps` (proc(5)) tells of, if code of the program is there.
fn code_of(line: &str, program: &str) -> Option<Code> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let is_code = fields.next()? == "r-xp";
    let [_offset, _device, _inode] = [fields.next()?, fields.next()?, fields.next()?];
    if !is_code || fields.next()?.trim_start() != program {
        return None;
    }
    let address = |text| usize::from_str_radix(text, 16).ok();
    Some(Code(address(start)?..address(end)?))
}

#[expect(
    unsafe_code,
    reason = "no safe call gives mapped pages back; see below why this one is sound"
)]
fn release_range(Code(addresses): &Code) -> io::Result<usize> {
    let start = std::ptr::without_provenance_mut::<c_void>(addresses.start);
    // SAFETY: dropping the pages of a private mapping loses what was written to them. To these nothing
    // was, because they cannot be written, and position-independent code needs no relocations; what is
    // read next comes from the same file, which the kernel refuses to change while it runs.
    unsafe { madvise(start, addresses.len(), Advice::LinuxDontNeed)? };
    Ok(addresses.len())
}

#[cfg(test)]
mod tests {
    use super::{Code, code_of, release};

    #[test]
    fn only_code_of_the_program_is_let_go_of() {
        let line = |access, file| format!("7f00a000-7f00c000 {access} 00001000 fe:00 77   {file}");
        let code = |access, file| code_of(&line(access, file), "/opt/the gate");
        assert_eq!(code("r-xp", "/opt/the gate"), Some(Code(0x7f00_a000..0x7f00_c000)));
        for (access, file) in [
            ("r--p", "/opt/the gate"),
            ("rwxp", "/opt/the gate"),
            ("r-xs", "/opt/the gate"),
            ("r-xp", "/opt/the gate (deleted)"),
            ("r-xp", "/lib/libc.so.6"),
            ("r-xp", "[vdso]"),
        ] {
            assert_eq!(code(access, file), None, "{access} {file}");
        }
        assert_eq!(code_of("7f00a000-7f00c000 r-xp 00000000 00:00 0", "/opt/the gate"), None);
        assert_eq!(code_of("", ""), None);
    }

    #[test]
    fn a_program_goes_on_without_the_code_of_its_start() {
        assert!(release().unwrap() > 0);
        only_code_of_the_program_is_let_go_of();
    }
}
