//! A report as data, before it becomes HTML or Markdown.

/// A text with tables, plots and pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// What follows, in order.
    pub blocks: Vec<Block>,
}

/// A part of a document. All texts are plain: what is special to a format is escaped when it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// The title of what follows.
    Heading(String),
    /// A sentence or more.
    Paragraph(String),
    /// Large numbers: what each is, and how much.
    Figures(Vec<[String; 2]>),
    /// Rows under names.
    Table(Table),
    /// Plots of equal rank.
    Plots(Vec<Plot>),
    /// Small pictures.
    Gallery(Gallery),
}

/// Rows under names.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Names of the columns, and whether they hold numbers.
    pub columns: Vec<(&'static str, bool)>,
    /// The rows, as wide as there are columns.
    pub rows: Vec<Vec<String>>,
}

/// A plot that is a file of its own too.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Name of its file.
    pub file: String,
    /// What it shows.
    pub title: String,
    /// The file.
    pub svg: String,
    /// What must be known to read it; may be empty.
    pub caption: String,
    /// Whether it must not be made smaller.
    pub large: bool,
}

/// Small pictures, one by one and on one sheet.
#[derive(Clone, Debug, PartialEq)]
pub struct Gallery {
    /// Name of the sheet's file.
    pub file: String,
    /// What it shows.
    pub title: String,
    /// All pictures in rows, as a PNG file.
    pub sheet: Vec<u8>,
    /// Pictures in a row of the sheet.
    pub columns: usize,
    /// The pictures.
    pub pictures: Vec<Picture>,
}

/// A picture of a gallery.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// A PNG file.
    pub png: Vec<u8>,
    /// The lines under it; the first stands out.
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
