use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tar::{Builder, Header};

use super::*;

fn header(kind: EntryType, mode: u32, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size as u64);
    header
}

/// A gzipped tar of `(path, mode, bytes)` below `top/`, with a folder and a link as GitHub writes them.
fn packed(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    tar.append_data(&mut header(EntryType::Directory, 0o775, 0), "top/", io::empty())
        .unwrap();
    for (path, mode, bytes) in files {
        let mut header = header(EntryType::Regular, *mode, bytes.len());
        tar.append_data(&mut header, format!("top/{path}"), *bytes)
            .unwrap();
    }
    let mut link = header(EntryType::Symlink, 0o777, 0);
    tar.append_link(&mut link, "top/link", "/etc/passwd").unwrap();
    tar.into_inner().unwrap().finish().unwrap()
}

/// A gzipped tar with one entry whose name is written into the header as it is.
fn packed_raw(name: &[u8]) -> Vec<u8> {
    let mut header = header(EntryType::Regular, 0o644, 2);
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_cksum();
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(header.as_bytes()).unwrap();
    let mut block = [0; 512];
    block[..2].copy_from_slice(b"hi");
    gz.write_all(&block).unwrap();
    gz.write_all(&[0; 1024]).unwrap();
    gz.finish().unwrap()
}

fn small() -> ArchiveLimits {
    ArchiveLimits {
        packed_bytes_max: 1 << 20,
        unpacked_bytes_max: 16 * 1024,
        file_bytes_max: 100,
        files_max: 3,
    }
}

#[test]
fn text_files_come_out_below_the_top_folder_in_order() {
    let long = format!("src/{}/deep.rs", "d".repeat(150));
    let bytes = packed(&[
        ("b.sh", 0o755, b"#!/bin/sh\n"),
        ("a/x.rs", 0o664, "fn ä() {}\n".as_bytes()),
        (&long, 0o644, b""),
    ]);
    let archive = unpack(&bytes, &small()).unwrap();
    let files: Vec<(&str, &str, &str)> = archive
        .files
        .iter()
        .map(|file| (file.path.as_str(), file.mode, file.text.as_str()))
        .collect();
    assert_eq!(
        files,
        [
            ("a/x.rs", "100644", "fn ä() {}\n"),
            ("b.sh", "100755", "#!/bin/sh\n"),
            (long.as_str(), "100644", "")
        ]
    );
    assert_eq!(
        archive.skipped,
        Skipped {
            irregular: 1,
            ..Skipped::default()
        }
    );
}

#[test]
fn binaries_links_and_oversized_files_are_counted_not_kept() {
    let bytes = packed(&[
        ("a.png", 0o644, &[0x89, 0xff]),
        ("b.bin", 0o644, b"a\0b"),
        ("big.txt", 0o644, &[b'a'; 101]),
    ]);
    let archive = unpack(&bytes, &small()).unwrap();
    assert!(archive.files.is_empty());
    assert_eq!(
        archive.skipped,
        Skipped {
            irregular: 1,
            oversized: 1,
            binary: 2
        }
    );
}

#[test]
fn a_path_that_leaves_the_root_is_left_out() {
    for name in [
        "/etc/passwd",
        "top/../x",
        "top//x",
        "top/./x",
        "top/a\\b",
        "x",
        "top/",
        "top/\u{7f}/..",
    ] {
        let archive = unpack(&packed_raw(name.as_bytes()), &small()).unwrap();
        assert!(archive.files.is_empty(), "{name}");
    }
    assert_eq!(unpack(&packed_raw(b"top/x"), &small()).unwrap().files.len(), 1);
    assert_eq!(
        unpack(&packed_raw(b"top/\xff"), &small())
            .unwrap()
            .skipped
            .irregular,
        1
    );
}

#[test]
fn an_archive_over_its_limits_is_refused_whole() {
    let bomb = packed(&[("a.txt", 0o644, &[b'a'; 64 * 1024])]);
    assert!(bomb.len() < 2048);
    assert_eq!(
        unpack(&bomb, &small()),
        Err(ArchiveError::TooLarge {
            what: "unpacked bytes",
            limit: 16 * 1024
        })
    );
    let many: Vec<(String, u32, &[u8])> = (0..4)
        .map(|n| (format!("{n}.rs"), 0o644, b"x".as_slice()))
        .collect();
    let many: Vec<(&str, u32, &[u8])> = many
        .iter()
        .map(|(path, mode, bytes)| (path.as_str(), *mode, *bytes))
        .collect();
    assert_eq!(
        unpack(&packed(&many), &small()),
        Err(ArchiveError::TooLarge {
            what: "files",
            limit: 3
        })
    );
    assert!(unpack(&packed(&many[..3]), &small()).is_ok());
}

#[test]
fn what_is_no_archive_is_damaged() {
    for bytes in [b"".as_slice(), b"<html>", b"\x1f\x8b\x08\x00"] {
        assert_eq!(unpack(bytes, &small()), Err(ArchiveError::Damaged));
    }
}

proptest! {
    #[test]
    fn a_cut_or_damaged_archive_never_passes_for_a_whole_one(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let whole = packed(&[("a.rs", 0o644, b"fn a() {}"), ("b.rs", 0o644, b"fn b() {}")]);
        let files = unpack(&whole, &small()).unwrap().files;
        let at = at.index(whole.len());
        prop_assert_eq!(unpack(&whole[..at], &small()), Err(ArchiveError::Damaged));
        let mut damaged = whole;
        damaged[at] ^= flip;
        // A changed byte of gzip's own header may pass; a changed file may not.
        if let Ok(archive) = unpack(&damaged, &small()) {
            prop_assert_eq!(archive.files, files);
        }
    }
}
