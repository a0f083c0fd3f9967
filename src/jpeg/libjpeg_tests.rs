//! Pictures that libjpeg-turbo's `cjpeg` makes in all ways that it has, against the pixels of its `djpeg`.
//!
//! `WGRAD_JPEGS` says how many (80 if it is not set). Without the programs (Debian's `libjpeg-turbo-progs`) nothing is
//! tested, which is an error in CI on Linux, where `CI` is set.

use std::io::Write;
use std::process::{Command, Stdio};

use super::{Fault, Jpeg};

/// Random numbers (PCG).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end
    }

    fn of<T: Clone>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())].clone()
    }
}

/// Output of a program that is given `input`; nothing if it fails.
fn pipe(program: &str, options: &[String], input: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new(program);
    command.args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    });
    output.status.success().then_some(output.stdout)
}

/// Gradients, edges and noise as a PPM file.
fn picture(random: &mut Random, [h, w]: [usize; 2]) -> Vec<u8> {
    let mut pixels = format!("P6 {w} {h} 255\n").into_bytes();
    let noise = random.of(&[1, 8, 60, 255]);
    let edge = 1 + random.below(40);
    for y in 0..h {
        for x in 0..w {
            let stripe = 90 * usize::from(((x + y) / edge).is_multiple_of(3));
            for base in [x * 200 / w, y * 200 / h, (x + y) * 120 / (w + h) + stripe] {
                pixels.push((base + random.below(noise)).min(255) as u8);
            }
        }
    }
    pixels
}

/// A random scan script.
fn script(random: &mut Random, is_progressive: bool) -> String {
    if !is_progressive {
        return random.of(&["0; 1; 2;", "0 1; 2;", "0; 1 2;", "2; 0; 1;", "0 2; 1;"]).into();
    }
    let mut scans = Vec::new();
    let low = random.below(3);
    let groups = random.of(&[&["0 1 2"][..], &["0", "1", "2"], &["0 1", "2"], &["2", "0 1"]]);
    scans.extend(groups.iter().map(|group| format!("{group}: 0-0, 0, {low};")));
    // Scans of the rest, and further bits of all: each list in its order, the lists mixed.
    let mut lists: Vec<Vec<String>> = Vec::new();
    let further = |low: usize, what: &str| (0..low).rev().map(|bit| format!("{what}, {}, {bit};", bit + 1)).collect();
    lists.extend(groups.iter().map(|group| further(low, &format!("{group}: 0-0"))));
    for component in 0..3 {
        let mut start = 1;
        while start < 64 {
            let end = if random.below(3) == 0 { 63 } else { (start + random.below(30)).min(63) };
            let low = random.below(4);
            let band = format!("{component}: {start}-{end}");
            let mut list = vec![format!("{band}, 0, {low};")];
            list.extend::<Vec<String>>(further(low, &band));
            lists.push(list);
            start = end + 1;
        }
    }
    lists.retain(|list| !list.is_empty());
    while !lists.is_empty() {
        let place = random.below(lists.len());
        scans.push(lists[place].remove(0));
        lists.retain(|list| !list.is_empty());
    }
    scans.join("\n")
}

/// What telephones and panoramas put behind the end, and worse.
fn trailer(random: &mut Random, jpeg: &[u8]) -> Vec<u8> {
    match random.below(5) {
        0 => Vec::new(),
        1 => jpeg.to_vec(),
        2 => b"\xff\xda\0\x08\x01\x01\0\0\0\x10\0".repeat(300),
        3 => (0..5000).map(|_| random.below(256) as u8).collect(),
        _ => [&b"\0\0\0\x18ftypmp42"[..], &[0xff; 999], &jpeg[jpeg.len() / 2..]].concat(),
    }
}

fn decode(jpeg: &[u8], reduction: usize) -> Result<Vec<u8>, Fault> {
    let mut pixels = Vec::new();
    Jpeg::new(jpeg)?.decode(reduction, &mut |row| {
        pixels.extend_from_slice(row);
        Ok::<_, Fault>(())
    })?;
    Ok(pixels)
}

/// The pixels of a PNM file.
fn pixels(pnm: &[u8]) -> &[u8] {
    let header = pnm.iter().enumerate().filter(|(_, byte)| byte.is_ascii_whitespace()).nth(3).unwrap().0;
    &pnm[header + 1..]
}

/// Whether there is something to compare with.
fn has_libjpeg() -> bool {
    let found = pipe("djpeg", &["-version".into()], b"").is_some();
    let may_miss = !cfg!(target_os = "linux") || std::env::var_os("CI").is_none();
    assert!(found || may_miss, "cjpeg and djpeg are missing; install libjpeg-turbo-progs");
    if !found {
        println!("not tested: cjpeg and djpeg are missing");
    }
    found
}

#[test]
fn inks_become_the_colours_of_libjpeg() {
    if !has_libjpeg() {
        return;
    }
    let cmyk = include_bytes!("../../tests/fixtures/cmyk.jpg");
    let adobe = cmyk.windows(5).position(|window| window == b"Adobe").unwrap();
    for transform in [0, 2] {
        let mut jpeg = cmyk.to_vec();
        jpeg[adobe + 11] = transform;
        let expected = pipe("djpeg", &["-pnm".into()], &jpeg).unwrap();
        let (found, expected) = (decode(&jpeg, 1).unwrap(), pixels(&expected));
        assert_eq!(found.len(), expected.len());
        assert!(found == expected, "transform {transform}");
    }
}

#[test]
fn other_codings_are_refused_by_name() {
    let cmyk = include_bytes!("../../tests/fixtures/cmyk.jpg");
    let frame = cmyk.windows(2).position(|window| window == [0xff, 0xc0]).unwrap();
    for (at, value, name) in [
        (1, 0xc3, "lossless"),
        (1, 0xc5, "hierarchical"),
        (1, 0xc9, "arithmetic"),
        (4, 12, "more than 8 bits"),
        (9, 2, "components"),
    ] {
        let mut jpeg = cmyk.to_vec();
        jpeg[frame + at] = value;
        if at == 9 {
            // Two components: a shorter list.
            jpeg.drain(frame + 16..frame + 22);
            jpeg[frame + 3] -= 6;
        }
        let fault = decode(&jpeg, 1).unwrap_err();
        assert!(matches!(fault, Fault::Unsupported(what) if what.contains(name)), "{name}: {fault:?}");
    }
    if has_libjpeg() {
        let ppm = picture(&mut Random(1), [20, 30]);
        let jpeg = pipe("cjpeg", &["-arithmetic".into()], &ppm).unwrap();
        assert_eq!(decode(&jpeg, 1), Err(Fault::Unsupported("a JPEG with arithmetic coding")));
    }
}

#[test]
fn pixels_are_those_of_libjpeg() {
    if !has_libjpeg() {
        return;
    }
    let count = std::env::var("WGRAD_JPEGS").map_or(80, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scans.txt");
    let (mut equal, mut unsupported) = (0, 0);
    for seed in 0..count {
        let mut random = Random(seed * 7919 + 1);
        let size = [1 + random.below(if seed % 4 == 0 { 9 } else { 120 }), 1 + random.below(150)];
        let ppm = picture(&mut random, size);
        let mut options: Vec<String> = vec!["-quality".into(), random.of(&["3", "40", "75", "92", "100"]).into()];
        let is_progressive = random.below(2) == 0;
        let is_grey = random.below(8) == 0;
        match random.below(4) {
            _ if is_grey => options.push("-grayscale".into()),
            0 => options.push(if is_progressive { "-progressive" } else { "-optimize" }.into()),
            1 => {}
            _ => {
                std::fs::write(&path, script(&mut random, is_progressive)).unwrap();
                options.extend(["-scans".into(), path.display().to_string()]);
            }
        }
        if random.below(4) > 0 {
            let usual = ["2x2", "2x1", "1x2", "1x1", "4x1", "4x2", "1x4", "2x2,1x1,2x1", "2x1,2x1,1x1", "1x1,2x2,1x1"];
            let odd = |random: &mut Random| format!("{}x{}", 1 + random.below(4), 1 + random.below(4));
            let sampling = match random.below(3) {
                0 => [odd(&mut random), odd(&mut random), odd(&mut random)].join(","),
                _ => random.of(&usual).into(),
            };
            options.extend(["-sample".into(), sampling]);
        }
        if random.below(3) == 0 {
            options.extend(["-restart".into(), random.of(&["1", "1B", "3B", "17B"]).into()]);
        }
        if random.below(9) == 0 {
            options.push("-rgb".into());
        }
        let Some(jpeg) = pipe("cjpeg", &options, &ppm) else { continue };
        let whole = [&jpeg[..], &trailer(&mut random, &jpeg)].concat();
        for reduction in [1, 2, 4, 8] {
            let what = format!("{seed}, {size:?}, 1/{reduction}: cjpeg {}", options.join(" "));
            let expected = pipe("djpeg", &["-pnm".into(), "-scale".into(), format!("1/{reduction}")], &jpeg);
            match (decode(&whole, reduction), expected) {
                (Ok(found), Some(expected)) => {
                    let expected = pixels(&expected);
                    let differ = found.iter().zip(expected).filter(|(a, b)| a != b).count();
                    assert_eq!((found.len(), differ), (expected.len(), 0), "{what}");
                    equal += 1;
                }
                (Err(Fault::Unsupported(_)), None) => unsupported += 1,
                (found, expected) => panic!("{what}: {:?} {:?}", found.err(), expected.map(|pixels| pixels.len())),
            }
        }
        if decode(&jpeg, 1).is_err() {
            continue;
        }
        // Cut, with and without a new end.
        let ends = jpeg.len() - 2;
        for len in [random.below(ends), random.below(ends), ends - 1] {
            let cut = [&jpeg[..len], b"\xff\xd9"].concat();
            for bytes in [&cut[..], &jpeg[..len]] {
                assert!(decode(bytes, 1).is_err(), "{seed}: cut at {len} of {ends}: cjpeg {}", options.join(" "));
            }
        }
    }
    println!("{equal} pictures are equal, {unsupported} are refused by libjpeg too");
    assert!(equal > 2 * count, "only {equal} pictures");
}
