//! Writes numbers as people read them.

/// Writes a count with commas: `122,570`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a number of bytes as Keras does, in powers of 1024: `478.79 KB`.
pub fn bytes(bytes: u64) -> String {
    scaled(bytes, 1024.0, &["B", "KB", "MB", "GB", "TB"])
}

/// Writes a number of floating-point operations in powers of 1000: `30.97 MFLOP`.
pub fn flops(flops: u64) -> String {
    scaled(flops, 1000.0, &["FLOP", "KFLOP", "MFLOP", "GFLOP", "TFLOP"])
}

fn scaled(number: u64, base: f64, units: &[&str]) -> String {
    let mut value = number as f64;
    let mut place = 0;
    while value >= base && place + 1 < units.len() {
        value /= base;
        place += 1;
    }
    format!("{value:.2} {}", units[place])
}

/// Writes a share in percent: `71.25 %`.
pub fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// The noun for `count` things.
pub fn plural(count: usize, noun: &str) -> String {
    if count == 1 { noun.into() } else { format!("{noun}s") }
}

/// Writes a time: `3 min 20 s`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_those_of_keras() {
        assert_eq!([0, 896, 18_496, 1_234_567].map(count), ["0", "896", "18,496", "1,234,567"]);
        assert_eq!([0, 122_570 * 4].map(bytes), ["0.00 B", "478.79 KB"]);
        assert_eq!(flops(30_970_000), "30.97 MFLOP");
    }
}
