//! Archives made of other archives.

use std::io::Write;

use rawzip::path::EntryPath;
use rawzip::{ZipArchive, ZipArchiveWriter};

const KERAS: &[u8] = include_bytes!("../fixtures/network.keras");

/// The archive that Keras wrote, with other contents where they are given.
pub fn keras_archive(config: Option<&[u8]>, weights: Option<&[u8]>) -> Vec<u8> {
    let [whole_config, whole_weights] = ["config.json", "model.weights.h5"].map(keras_member);
    zip(&[("config.json", config.unwrap_or(&whole_config)), ("model.weights.h5", weights.unwrap_or(&whole_weights))])
}

/// A member of the archive that Keras wrote.
pub fn keras_member(name: &str) -> Vec<u8> {
    let archive = ZipArchive::from_slice(KERAS).unwrap();
    let mut entries = archive.entries();
    loop {
        let entry = entries.next_entry().unwrap().unwrap();
        if entry.file_path().as_bytes() == name.as_bytes() {
            return archive.get_entry(entry.wayfinder()).unwrap().data().to_vec();
        }
    }
}

/// An archive of members that are stored as they are.
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    for (name, data) in members {
        let (mut entry, config) = archive.new_file(EntryPath::verbatim(name.as_bytes())).start().unwrap();
        let mut writer = config.wrap(&mut entry);
        writer.write_all(data).unwrap();
        let (_, descriptor) = writer.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap()
}
