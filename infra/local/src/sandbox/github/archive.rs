//! Archives of a commit, as the vendor packs them.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use super::object::{Mode, Sha};
use super::store::Objects;

/// Archives made so far. They follow from repository name and commit, so worlds may share them.
#[derive(Clone, Default)]
pub(crate) struct Archives(Arc<Mutex<BTreeMap<(String, Sha), Bytes>>>);

impl Archives {
    /// The `.tar.gz` of a commit; none where the commit is not in the repository.
    pub(crate) fn get(&self, repo: &str, objects: &Objects, commit: Sha) -> Option<Bytes> {
        let key = (repo.to_owned(), commit);
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = made.get(&key) {
            return Some(bytes.clone());
        }
        let bytes = Bytes::from(pack(repo, objects, commit).ok()??);
        made.insert(key, bytes.clone());
        Some(bytes)
    }
}

type Tar = Builder<GzEncoder<Vec<u8>>>;

fn pack(repo: &str, objects: &Objects, commit: Sha) -> io::Result<Option<Vec<u8>>> {
    let Some(found) = objects.commit(commit) else {
        return Ok(None);
    };
    let mtime = found.committer.at_ms() / 1000;
    let mut tar = Builder::new(GzBuilder::new().mtime(0).write(Vec::new(), Compression::fast()));
    // Like git's own archives, it opens with a global header that names the commit; readers have to skip it.
    let comment = format!("52 comment={commit}\n");
    let mut header = header(EntryType::XGlobalHeader, 0o666, mtime, comment.len());
    tar.append_data(&mut header, "pax_global_header", comment.as_bytes())?;
    let top = format!("{}-{}", repo.replace('/', "-"), commit.short());
    append(
        &mut tar,
        EntryType::Directory,
        0o775,
        mtime,
        &format!("{top}/"),
        &[],
    )?;
    for (path, mode, sha) in objects.walk(found.tree) {
        let path = format!("{top}/{path}");
        let content = objects
            .blob(sha)
            .map(|content| content.as_ref())
            .unwrap_or_default();
        match mode {
            Mode::Directory => append(
                &mut tar,
                EntryType::Directory,
                0o775,
                mtime,
                &format!("{path}/"),
                &[],
            )?,
            Mode::File => append(&mut tar, EntryType::Regular, 0o664, mtime, &path, content)?,
            Mode::Executable => append(&mut tar, EntryType::Regular, 0o775, mtime, &path, content)?,
            Mode::Symlink => {
                let mut header = self::header(EntryType::Symlink, 0o777, mtime, 0);
                tar.append_link(&mut header, &path, String::from_utf8_lossy(content).as_ref())?;
            }
        }
    }
    tar.into_inner()?.finish().map(Some)
}

fn append(
    tar: &mut Tar,
    kind: EntryType,
    mode: u32,
    mtime: u64,
    path: &str,
    content: &[u8],
) -> io::Result<()> {
    let mut header = header(kind, mode, mtime, content.len());
    tar.append_data(&mut header, path, content)
}

fn header(kind: EntryType, mode: u32, mtime: u64, size: usize) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(mtime);
    header.set_size(size as u64);
    header.set_uid(0);
    header.set_gid(0);
    header
}
