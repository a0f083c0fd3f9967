//! A report as data, before it becomes HTML or Markdown.

/// A text with tables, plots and pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// Its parts, in order.
    pub blocks: Vec<Block>,
}

/// A part of a document. All texts are plain; characters that are markup in a format are escaped when it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// The title of the blocks after it.
    Heading(String),
    /// One sentence or several.
    Paragraph(String),
    /// Important numbers, each with its name and its value.
    Figures(Vec<[String; 2]>),
    /// A table.
    Table(Table),
    /// Plots that stand side by side.
    Plots(Vec<Plot>),
    /// Small pictures.
    Gallery(Gallery),
}

/// Rows under the names of their columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The title, which says what it shows.
    pub title: String,
    /// Name of each column, and whether it holds numbers.
    pub columns: Vec<(&'static str, bool)>,
    /// The rows; each has a cell for every column.
    pub rows: Vec<Vec<String>>,
}

/// A plot, which is also a file of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Name of the file.
    pub file: String,
    /// The title, which says what it shows.
    pub title: String,
    /// Content of the file.
    pub svg: String,
    /// Explains how to read the plot; may be empty.
    pub caption: String,
    /// Whether the plot needs its full size to be readable.
    pub large: bool,
}

/// Small pictures, both one by one and together on one sheet.
#[derive(Clone, Debug, PartialEq)]
pub struct Gallery {
    /// Name of the sheet's file.
    pub file: String,
    /// The title, which says what it shows.
    pub title: String,
    /// All pictures in rows, as a PNG file.
    pub sheet: Vec<u8>,
    /// Number of pictures in a row of the sheet.
    pub columns: usize,
    /// The pictures.
    pub pictures: Vec<Picture>,
}

/// A picture of a gallery.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// A PNG file.
    pub png: Vec<u8>,
    /// The lines under the picture, the first of which is emphasised.
    pub lines: Vec<String>,
}

impl Document {
    /// Names and contents of the files that the document refers to.
    pub fn attachments(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        for block in &self.blocks {
            match block {
                Block::Plots(plots) => {
                    files.extend(plots.iter().map(|plot| (plot.file.clone(), plot.svg.clone().into_bytes())));
                }
                Block::Gallery(gallery) => files.push((gallery.file.clone(), gallery.sheet.clone())),
                _ => {}
            }
        }
        files
    }
}
