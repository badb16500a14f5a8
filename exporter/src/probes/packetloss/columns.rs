//! In which column of the table drops of which reason are counted.

use std::collections::BTreeMap;

use super::reasons::ROUTINE;

/// Subsystems that can have reasons of their own (`SUBSYSTEMS` in `bpf/packetloss.bpf.c`).
const SUBSYSTEMS: usize = 8;
/// Frees without a reason that nobody misses (`COLUMN_ROUTINE`).
const ROUTINE_COLUMN: u32 = 191;
/// Columns kept for a subsystem whose module is not loaded.
const RESERVED: u32 = 24;
/// Subsystems that have had reasons so far.
const KNOWN_SUBSYSTEMS: usize = 4;
const PREFIX: &str = "SKB_DROP_REASON_";

/// The columns.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// The first column of each subsystem.
    pub first: [u32; SUBSYSTEMS],
    /// How many columns each has.
    pub length: [u32; SUBSYSTEMS],
    /// The number of the reason that is none.
    pub not_specified: u32,
    names: BTreeMap<u32, String>,
}

impl Columns {
    /// Lays them out for the reasons of a kernel: numbers, whose upper half is the subsystem, and
    /// names.
    pub fn of(reasons: &[(u32, String)]) -> Self {
        let mut columns = Self::default();
        let known = |(number, name): &&(u32, String)| {
            let is_reason = *number >> 16 != 0 || name.starts_with("SKB_");
            is_reason && ((*number >> 16) as usize) < SUBSYSTEMS && !name.ends_with("_MAX")
        };
        for (number, _) in reasons.iter().filter(known) {
            let length = &mut columns.length[(number >> 16) as usize];
            *length = (*length).max((number & 0xffff) + 1);
        }
        let mut next = 0;
        for (subsystem, length) in columns.length.iter_mut().enumerate() {
            if *length == 0 && subsystem < KNOWN_SUBSYSTEMS {
                *length = RESERVED;
            }
            *length = (*length).min(ROUTINE_COLUMN - next);
            columns.first[subsystem] = next;
            next += *length;
        }
        for (number, name) in reasons.iter().filter(known) {
            let name = name.strip_prefix(PREFIX).unwrap_or(name);
            if name == "NOT_SPECIFIED" {
                columns.not_specified = *number;
            }
            let column = columns.first[(number >> 16) as usize] + (number & 0xffff);
            columns.names.insert(column, name.to_owned());
        }
        columns.names.insert(0, "OTHER".into());
        columns.names.insert(ROUTINE_COLUMN, ROUTINE.into());
        columns
    }

    /// The reason that is counted in a column.
    pub fn name(&self, column: usize) -> Option<&str> {
        let column = u32::try_from(column).ok()?;
        self.names.get(&column).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subsystem_has_columns_of_its_own() {
        let reasons = [
            (2, "SKB_DROP_REASON_NOT_SPECIFIED".to_owned()),
            (3, "SKB_DROP_REASON_NO_SOCKET".to_owned()),
            (4, "SKB_DROP_REASON_MAX".to_owned()),
            (3 << 16 | 1, "OVS_DROP_METER".to_owned()),
        ];
        let columns = Columns::of(&reasons);
        assert_eq!(columns.not_specified, 2);
        assert_eq!(columns.length[..5], [4, RESERVED, RESERVED, 2, 0]);
        assert_eq!(columns.name(3), Some("NO_SOCKET"));
        assert_eq!(
            columns.name(4 + 2 * RESERVED as usize + 1),
            Some("OVS_DROP_METER")
        );
        assert_eq!(columns.name(191), Some(ROUTINE));
        assert_eq!((columns.name(0), columns.name(1)), (Some("OTHER"), None));
    }
}
