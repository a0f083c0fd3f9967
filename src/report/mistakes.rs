//! The wrong predictions that the network was most confident about.

use super::Raster;
use crate::data::Split;
use crate::train::Predictions;

/// Number of pictures in a row of the sheet.
pub(super) const COLUMNS: usize = 5;
/// Length in pixels that a picture's longer side is enlarged to, approximately.
const SIDE: u32 = 96;
/// Length in pixels that a picture's longer side has at most.
const MOST_SIDE: u32 = 160;
/// Number of white pixels between the pictures of the sheet.
const GAP: u32 = 8;

/// A wrong prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mistake {
    /// Number of the image in its split, from 0.
    pub image: usize,
    /// The class of the image.
    pub label: usize,
    /// The class that the network predicted.
    pub predicted: usize,
    /// The probability that the network gave to that class.
    pub confidence: f64,
}

/// The `most` wrong predictions with the highest probabilities, highest first.
pub fn confident_mistakes(split: &Split, predictions: &Predictions, most: usize) -> Vec<Mistake> {
    let labels = split.labels().iter().map(|&label| usize::from(label));
    let mut mistakes: Vec<Mistake> = (labels.enumerate())
        .filter_map(|(image, label)| {
            let predicted = predictions.predicted(image).filter(|&predicted| predicted != label)?;
            Some(Mistake { image, label, predicted, confidence: *predictions.probabilities(image).get(predicted)? })
        })
        .collect();
    mistakes.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    mistakes.truncate(most);
    mistakes
}

/// Makes a picture of pixels `[h, w, c]`. One channel is grey; of more channels the first three are red, green and blue.
/// A picture with a side of more than 160 pixels is made smaller.
pub fn picture(pixels: &[u8], [height, width, channels]: [usize; 3]) -> Raster {
    let mut pixels = pixels.chunks_exact(channels.max(1));
    let picture = Raster::from_fn(width as u32, height as u32, |_, _| match *pixels.next().unwrap_or_default() {
        [red, green, blue, ..] => [red, green, blue],
        [grey, ..] => [grey; 3],
        [] => [0; 3],
    });
    let longest = width.max(height) as u32;
    if longest <= MOST_SIDE {
        return picture;
    }
    let [width, height] = picture.dimensions().map(|side| (side * MOST_SIDE / longest).max(1));
    picture.reduced(width, height)
}

/// Places `pictures` in rows of five, with each pixel enlarged to a square.
pub fn sheet(pictures: &[Raster]) -> Raster {
    let most = |axis: usize| pictures.iter().map(|picture| picture.dimensions()[axis]).max().unwrap_or(0);
    let [width, height] = [most(0), most(1)];
    let scale = (SIDE / width.max(height).max(1)).max(1);
    let [cell_width, cell_height] = [width, height].map(|side| side * scale + GAP);
    let rows = pictures.len().div_ceil(COLUMNS) as u32;
    let columns = pictures.len().min(COLUMNS) as u32;
    let mut sheet = Raster::from_fn(columns * cell_width + GAP, rows * cell_height + GAP, |_, _| [255; 3]);
    for (i, picture) in pictures.iter().enumerate() {
        let (x, y) = ((i % COLUMNS) as u32 * cell_width + GAP, (i / COLUMNS) as u32 * cell_height + GAP);
        sheet.put(&picture.enlarged(scale), x, y);
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Answer;

    #[test]
    fn the_surest_mistakes_come_first() {
        let split = Split::new([1, 1, 1], vec![0; 4], vec![0, 1, 0, 1]);
        let predictions =
            Predictions::new(Answer::Softmax { classes: 2 }, vec![0.0, 1.0, 0.0, 9.0, 0.0, 3.0, 2.0, 0.0]);
        let mistakes = confident_mistakes(&split, &predictions, 9);
        let found: Vec<_> = mistakes.iter().map(|m| (m.image, m.label, m.predicted)).collect();
        assert_eq!(found, [(2, 0, 1), (3, 1, 0), (0, 0, 1)]);
        assert!((mistakes[0].confidence - 1.0 / (1.0 + (-3f64).exp())).abs() < 1e-12);
        assert_eq!(confident_mistakes(&split, &predictions, 1), mistakes[..1]);
    }

    #[test]
    fn pictures_of_any_shape_are_drawn() {
        let grey = picture(&[0, 100, 200, 250, 5, 7], [2, 3, 1]);
        assert_eq!(grey.dimensions(), [3, 2]);
        assert_eq!(grey.pixel(0, 1), [250; 3]);
        let colour = picture(&[1, 2, 3, 9, 4, 5, 6, 9], [1, 2, 4]);
        assert_eq!(colour.pixel(1, 0), [4, 5, 6]);
        let large = picture(&vec![77; 400 * 300 * 3], [300, 400, 3]);
        assert_eq!(large.dimensions(), [160, 120]);
        assert_eq!(large.pixel(100, 100), [77; 3]);
    }

    #[test]
    fn the_sheet_enlarges_pixels_to_squares() {
        let picture = picture(&[10, 20, 30, 40], [2, 2, 1]);
        let sheet = sheet(&vec![picture; 6]);
        // 48 times as large, five in the first row.
        assert_eq!(sheet.dimensions(), [5 * 104 + 8, 2 * 104 + 8]);
        for (x, y, expected) in [(8, 8, 10), (55, 55, 10), (56, 55, 20), (103, 103, 40), (104, 103, 255), (8, 112, 10)]
        {
            assert_eq!(sheet.pixel(x, y), [expected; 3], "{x} {y}");
        }
        assert_eq!(sheet.pixel(120, 120), [255; 3]);
        assert!(!sheet.to_png().unwrap().is_empty());
        assert!(super::sheet(&[]).to_png().is_ok());
    }
}
