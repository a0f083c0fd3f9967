//! Writes a document as Markdown in GitHub's dialect, which refers to files beside it.

use super::document::{Block, Document, Gallery, Picture, Plot, Table};

/// Writes `document` as Markdown; it refers to the files of [`Document::attachments`].
pub fn to_markdown(document: &Document) -> String {
    let mut markdown = format!("# {}\n", escape(&document.title));
    for block in &document.blocks {
        markdown += &match block {
            Block::Heading(text) => format!("\n## {}\n", escape(text)),
            Block::Paragraph(text) => format!("\n{}\n", escape(text)),
            Block::Figures(figures) => {
                let rows = figures.iter().map(|[name, value]| [name, value].map(|text| escape(text)).to_vec());
                tabulate(&[("", false), ("", true)], rows)
            }
            Block::Table(Table { title, columns, rows }) => {
                let rows = rows.iter().map(|row| row.iter().map(|cell| escape(cell)).collect());
                format!("\n### {}\n{}", escape(title), tabulate(columns, rows))
            }
            Block::Plots(plots) => plots.iter().map(show_plot).collect(),
            Block::Gallery(gallery) => show_gallery(gallery),
        };
    }
    markdown
}

/// Writes a table whose cells are already Markdown.
fn tabulate(columns: &[(&str, bool)], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = columns.iter().map(|(name, _)| escape(name)).collect();
    let rule: Vec<String> = columns.iter().map(|(_, numeric)| if *numeric { "---:" } else { "---" }.into()).collect();
    let rows: String = rows.map(|row| line(&row)).collect();
    format!("\n{}{}{rows}", line(&head), line(&rule))
}

fn show_plot(plot: &Plot) -> String {
    let caption = if plot.caption.is_empty() { String::new() } else { format!("\n{}\n", escape(&plot.caption)) };
    format!("\n![{}]({})\n{caption}", escape(&plot.title), plot.file)
}

/// Writes the sheet, and a table with a cell for each picture on it.
fn show_gallery(gallery: &Gallery) -> String {
    let columns = vec![("", false); gallery.columns.min(gallery.pictures.len())];
    let rows = gallery.pictures.chunks(gallery.columns.max(1)).map(|row| {
        let mut cells: Vec<String> = row.iter().map(caption).collect();
        cells.resize(columns.len(), String::new());
        cells
    });
    let title = escape(&gallery.title);
    format!("\n### {title}\n\n![{title}]({})\n{}", gallery.file, tabulate(&columns, rows))
}

fn caption(picture: &Picture) -> String {
    let lines: Vec<String> = picture.lines.iter().map(|line| escape(line)).collect();
    lines.join("<br>")
}

/// Escapes text for Markdown, both for lines and for cells of a table.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' {
            escaped += "<br>";
            continue;
        }
        if c.is_control() {
            escaped.push(' ');
            continue;
        }
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '&' | '~' | '$') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
