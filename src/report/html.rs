//! Writes a document as one HTML file that needs no other file.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::document::{Block, Document, Gallery, Plot, Table};
use super::palette::{DARK, hex};

const STYLE: &str = include_str!("report.css");
/// Tables with more rows are folded up at first.
const MOST_ROWS: usize = 25;

/// Writes `document` as HTML that is also well-formed XML.
pub fn to_html(document: &Document) -> String {
    let title = escape(&document.title);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n<title>{title}</title>\n\
         <style>\n{STYLE}{}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n",
        dark_plots()
    );
    for block in &document.blocks {
        html += &match block {
            Block::Heading(text) => format!("<h2>{}</h2>\n", escape(text)),
            Block::Paragraph(text) => format!("<p>{}</p>\n", escape(text)),
            Block::Figures(figures) => list_figures(figures),
            Block::Table(table) => tabulate(table),
            Block::Plots(plots) => show_plots(plots),
            Block::Gallery(gallery) => show_gallery(gallery),
        };
    }
    html + "</main>\n</body>\n</html>\n"
}

/// CSS rules that give the plots their colours on a dark page.
fn dark_plots() -> String {
    let rules = DARK.iter().map(|&(light, dark)| {
        let (light, dark) = (hex(light), hex(dark));
        format!("svg [fill=\"{light}\"] {{ fill: {dark}; }}\nsvg [stroke=\"{light}\"] {{ stroke: {dark}; }}\n")
    });
    format!("@media (prefers-color-scheme: dark) {{\n{}}}\n", rules.collect::<String>())
}

fn list_figures(figures: &[[String; 2]]) -> String {
    let items =
        figures.iter().map(|[name, value]| format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(value)));
    format!("<dl>\n{}</dl>\n", items.collect::<String>())
}

fn tabulate(table: &Table) -> String {
    let class = |numeric: bool| if numeric { " class=\"number\"" } else { "" };
    let head = table.columns.iter().map(|&(name, numeric)| format!("<th{}>{}</th>", class(numeric), escape(name)));
    let rows = table.rows.iter().map(|row| {
        let cells = row.iter().zip(&table.columns);
        let cells = cells.map(|(cell, &(_, numeric))| format!("<td{}>{}</td>", class(numeric), escape(cell)));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    });
    let (head, rows) = (head.collect::<String>(), rows.collect::<String>());
    let title = escape(&table.title);
    let body = format!(
        "<div class=\"scroll\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    );
    if table.rows.len() > MOST_ROWS {
        format!("<details>\n<summary>{title} ({} rows)</summary>\n{body}</details>\n", table.rows.len())
    } else {
        format!("<section>\n<h3>{title}</h3>\n{body}</section>\n")
    }
}

fn show_plots(plots: &[Plot]) -> String {
    let figures = plots.iter().map(|plot| {
        let class = if plot.large { " class=\"large\"" } else { "" };
        let caption = match plot.caption.as_str() {
            "" => String::new(),
            caption => format!("<figcaption>{}</figcaption>\n", escape(caption)),
        };
        let title = escape(&plot.title);
        format!(
            "<figure{class}>\n<div class=\"scroll\" role=\"img\" aria-label=\"{title}\">{}</div>\n{caption}</figure>\n",
            plot.svg
        )
    });
    format!("<div class=\"plots\">\n{}</div>\n", figures.collect::<String>())
}

fn show_gallery(gallery: &Gallery) -> String {
    let figures = gallery.pictures.iter().map(|picture| {
        let lines: Vec<String> = picture.lines.iter().map(|line| escape(line)).collect();
        let [title, rest @ ..] = &lines[..] else { return String::new() };
        let (alt, rest) = (lines.join(", "), rest.join("<br/>"));
        let data = BASE64_STANDARD.encode(&picture.png);
        format!(
            "<figure><img alt=\"{alt}\" src=\"data:image/png;base64,{data}\"/>\
             <figcaption><b>{title}</b><br/>{rest}</figcaption></figure>\n"
        )
    });
    format!("<h3>{}</h3>\n<div class=\"gallery\">\n{}</div>\n", escape(&gallery.title), figures.collect::<String>())
}

/// Escapes text for HTML. Control characters become spaces, because XML does not allow them.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\n' => escaped.push('\n'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
