//! Zip archives whose members are not compressed: NumPy and Keras write such archives.

use std::collections::BTreeMap;
use std::io::Write;

use rawzip::path::EntryPath;
use rawzip::{CompressionMethod, Error, ZipArchive, ZipArchiveWriter, ZipVerification};

/// The members of an archive by name. Compressed members are refused, and so are members that share bytes. So all members
/// together are never longer than the archive.
///
/// # Errors
/// What is wrong with the archive, in words.
pub fn read_members(bytes: &[u8]) -> Result<BTreeMap<String, &[u8]>, String> {
    let damaged = |error: Error| format!("it is damaged ({error})");
    let archive = ZipArchive::from_slice(bytes).map_err(damaged)?;
    let (mut members, mut count, mut total) = (BTreeMap::new(), 0, 0);
    let mut entries = archive.entries();
    while let Some(header) = entries.next_entry().map_err(damaged)? {
        let name = String::from_utf8_lossy(header.file_path().as_bytes()).into_owned();
        if header.compression_method() != CompressionMethod::STORE {
            return Err(format!("member `{name}` is compressed; save it uncompressed, as `numpy.savez` does"));
        }
        let entry = archive.get_entry(header.wayfinder()).map_err(damaged)?;
        let (start, end) = entry.compressed_data_range();
        let data = &bytes[start as usize..end as usize];
        count += 1;
        total += data.len();
        if total > bytes.len() {
            return Err("it is damaged (members overlap)".into());
        }
        let found = ZipVerification { crc: rawzip::crc32(data), uncompressed_size: data.len() as u64 };
        entry.claim_verifier().valid(found).map_err(|error| format!("member `{name}` is damaged ({error})"))?;
        if members.insert(name.clone(), data).is_some() {
            return Err(format!("two members are called `{name}`"));
        }
    }
    if count != archive.entries_hint() {
        return Err("it is damaged (the number of members is wrong)".into());
    }
    Ok(members)
}

/// An archive of `members`; equal ones give equal bytes.
///
/// # Errors
/// A name that is too long.
pub fn write_members(members: &[(String, Vec<u8>)]) -> Result<Vec<u8>, Error> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    for (name, data) in members {
        let (mut entry, config) = archive.new_file(EntryPath::verbatim(name.as_bytes())).start()?;
        let mut writer = config.wrap(&mut entry);
        writer.write_all(data)?;
        let (_, descriptor) = writer.finish()?;
        entry.finish(descriptor)?;
    }
    archive.finish()
}
