//! Random changes of training images.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How training images are changed, anew in each step. Written as a list, such as `flip,crop:4,cutout:8`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Augmentation {
    /// Left to right, every second image.
    pub flip: bool,
    /// Most pixels that an image is moved by, up or down and left or right; what it leaves is black.
    pub crop: usize,
    /// Side of a black square on each image, in pixels.
    pub cutout: usize,
}

impl fmt::Display for Augmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sized = |name: &str, pixels: usize| (pixels > 0).then(|| format!("{name}:{pixels}"));
        let parts = [self.flip.then(|| "flip".into()), sized("crop", self.crop), sized("cutout", self.cutout)];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Augmentation {
    type Err = String;

    /// No text at all is no change.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut augmentation = Self::default();
        if text.is_empty() {
            return Ok(augmentation);
        }
        for part in text.split(',') {
            let before = augmentation;
            let (name, pixels) = match part.split_once(':') {
                Some((name, pixels)) => (name, Some(pixels)),
                None => (part, None),
            };
            let size = || match pixels.map(str::parse) {
                Some(Ok(pixels)) if pixels > 0 => Ok(pixels),
                _ => Err(format!("`{part}` needs a number of pixels above 0, as in `{name}:4`")),
            };
            match name {
                "flip" if pixels.is_none() => augmentation.flip = true,
                "crop" => augmentation.crop = size()?,
                "cutout" => augmentation.cutout = size()?,
                _ => return Err(format!("`{part}` is no change of images; give flip, crop:PIXELS or cutout:PIXELS")),
            }
            let given_before = match name {
                "flip" => before.flip,
                "crop" => before.crop > 0,
                _ => before.cutout > 0,
            };
            if given_before {
                return Err(format!("`{name}` is there twice; give it once"));
            }
        }
        Ok(augmentation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_what_is_wrong_is_said() {
        let all = Augmentation { flip: true, crop: 4, cutout: 8 };
        assert_eq!("flip,crop:4,cutout:8".parse(), Ok(all));
        assert_eq!("cutout:8,crop:4,flip".parse(), Ok(all));
        assert_eq!("crop:2".parse(), Ok(Augmentation { crop: 2, ..Augmentation::default() }));
        for text in ["", "flip", "crop:2", "flip,crop:4,cutout:8"] {
            assert_eq!(text.parse::<Augmentation>().unwrap().to_string(), text);
        }
        for (text, words) in [
            (",", "`` is no change of images; give flip, crop:PIXELS or cutout:PIXELS"),
            ("rotate:3", "`rotate:3` is no change"),
            ("flip:2", "`flip:2` is no change"),
            ("flip,", "`` is no change"),
            ("crop", "`crop` needs a number of pixels above 0, as in `crop:4`"),
            ("cutout:0", "`cutout:0` needs a number"),
            ("crop:-1", "`crop:-1` needs a number"),
            ("crop:4,crop:4", "`crop` is there twice"),
            ("flip,flip", "`flip` is there twice"),
        ] {
            let error = text.parse::<Augmentation>().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
