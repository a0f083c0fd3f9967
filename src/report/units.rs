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
