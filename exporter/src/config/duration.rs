//! Durations as the file writes them: `5s`, `1m30s`, `500ms`, or a plain number of seconds.

use std::time::Duration;

/// Reads a duration; `None` if it is none, is negative, or does not fit.
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let number_end = rest.find(|it: char| !it.is_ascii_digit() && it != '.')?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail
            .find(|it: char| it.is_ascii_digit() || it == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let seconds = match unit {
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        sum = sum.checked_add(part)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(sum)
}

/// Writes a duration in its shortest form.
pub fn format(duration: Duration) -> String {
    const UNITS: [(u128, &str); 4] = [
        (3_600_000_000, "h"),
        (60_000_000, "m"),
        (1_000_000, "s"),
        (1000, "ms"),
    ];
    let micros = duration.as_micros();
    if micros == 0 {
        return "0s".into();
    }
    let unit = UNITS.iter().find(|(unit, _)| micros.is_multiple_of(*unit));
    let (unit, name) = unit.copied().unwrap_or((1, "us"));
    format!("{}{name}", micros / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_documents_is_read() {
        for (text, millis) in [
            ("5s", 5000),
            ("500ms", 500),
            ("1m", 60_000),
            ("1m30s", 90_000),
            ("1h", 3_600_000),
            ("5", 5000),
            ("0", 0),
            ("0.5", 500),
            ("1.5s", 1500),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "s",
            "5 apples",
            "-5",
            "-5s",
            "5x",
            "NaN",
            "inf",
            "1e400",
            "99999999999999999999h",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (micros, text) in [
            (0, "0s"),
            (500, "500us"),
            (1500, "1500us"),
            (1000, "1ms"),
            (500_000, "500ms"),
            (1_000_000, "1s"),
            (90_000_000, "90s"),
            (120_000_000, "2m"),
            (7_200_000_000, "2h"),
        ] {
            let duration = Duration::from_micros(micros);
            assert_eq!(format(duration), text);
            assert_eq!(parse(text), Some(duration));
        }
    }
}
