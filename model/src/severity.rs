//! What severities are called: OpenTelemetry's numbers, their classes, and the words that applications write.

/// Classes of `severity_number`: each holds four numbers, from 1 on.
pub const CLASSES: [&str; 6] = ["trace", "debug", "info", "warn", "error", "fatal"];

/// Words of loggers, lower-case, with their number (log data model, appendix B; syslog's names as its receivers map them).
const WORDS: [(&str, i32); 26] = [
    ("trace", 1),
    ("verbose", 1),
    ("finest", 1),
    ("finer", 3),
    ("debug", 5),
    ("dbg", 5),
    ("fine", 5),
    ("info", 9),
    ("information", 9),
    ("informational", 9),
    ("config", 9),
    ("notice", 10),
    ("warn", 13),
    ("warning", 13),
    ("error", 17),
    ("err", 17),
    ("severe", 17),
    ("failure", 17),
    ("crit", 18),
    ("alert", 19),
    ("fatal", 21),
    ("critical", 21),
    ("panic", 21),
    ("dpanic", 21),
    ("emerg", 21),
    ("emergency", 21),
];

/// The class of a number; 0 and what OpenTelemetry has no class for are `unspecified`.
pub fn class(number: i32) -> &'static str {
    usize::try_from(number - 1).ok().and_then(|at| CLASSES.get(at / 4)).copied().unwrap_or("unspecified")
}

/// The number a word stands for, in any case: `WARNING` is 13.
pub fn number(word: &str) -> Option<i32> {
    WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, number)| *number)
}

/// Severities of syslog, 0 (emergency) to 7 (debug).
pub fn of_syslog(severity: u8) -> Option<i32> {
    [21, 19, 18, 17, 13, 10, 9, 5].get(usize::from(severity)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_words() {
        let classes: Vec<&str> = [0, 1, 4, 5, 9, 12, 13, 17, 21, 24, 25, -3].map(class).to_vec();
        let expect = ["unspecified", "trace", "trace", "debug", "info", "info", "warn", "error", "fatal", "fatal", "unspecified", "unspecified"];
        assert_eq!(classes, expect);
        for name in CLASSES {
            assert_eq!(number(name).map(class), Some(name));
        }
        assert_eq!((number("WARNING"), number("Emerg"), number("errors")), (Some(13), Some(21), None));
    }
}
