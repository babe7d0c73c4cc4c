//! The files of a server in local mode, which returns paths on its disk.

use std::path::PathBuf;

use http::{HeaderValue, Uri};

use super::{base_url::BaseUrl, url::escaped};
use crate::client::Error;

/// How files with a path on the server's disk are read.
#[derive(Clone, Debug, Default)]
pub(super) enum LocalFiles {
    #[default]
    Refused,
    /// The server's disk is that of this machine.
    SamePath,
    /// The server's folder is mounted here at another path.
    Folder { server: Box<str>, ours: PathBuf },
    /// The server's folder is served over HTTP.
    Url { server: Box<str>, base: BaseUrl },
}

/// The location of a file for this process.
#[derive(Debug)]
pub(super) enum FilePlace {
    Disk(PathBuf),
    Web(Uri, Option<HeaderValue>),
}

impl LocalFiles {
    /// Locates the file with this path on the server's disk.
    ///
    /// # Errors
    ///
    /// When the path isn't below the server's folder, or no such path may be opened. The error doesn't contain the path,
    /// because the token is a part of it.
    pub(super) fn find(&self, path: &str) -> Result<FilePlace, Error> {
        match self {
            Self::Refused => Err(Error::invalid(
                "an absolute path is opened only with `local_files`",
            )),
            Self::SamePath => Ok(FilePlace::Disk(path.into())),
            Self::Folder { server, ours } => {
                let below = below(path, server)?;
                Ok(FilePlace::Disk(
                    below.iter().fold(ours.clone(), |all, name| all.join(name)),
                ))
            }
            Self::Url { server, base } => {
                let below = escaped(&below(path, server)?.join("/"));
                let uri = base.join(&["/", &below])?;
                Ok(FilePlace::Web(uri, base.authorization().cloned()))
            }
        }
    }
}

/// The components of a path below a folder.
fn below<'a>(path: &'a str, folder: &str) -> Result<Vec<&'a str>, Error> {
    let names = after(path, folder).unwrap_or_default();
    // A server must not lead this process out of the folder.
    // On Windows a colon would open a stream of a file. The server's folder for a token has one in its name.
    let unfit: &[char] = if cfg!(windows) {
        &['\\', '\0', ':']
    } else {
        &['\\', '\0']
    };
    let is_plain = |name: &&str| *name != ".." && !name.contains(unfit);
    if names.is_empty() || !names.iter().all(is_plain) {
        return Err(Error::local_file(
            "the file isn't below the server's folder of `local_files_at`",
        ));
    }
    Ok(names)
}

fn after<'a>(path: &'a str, folder: &str) -> Option<Vec<&'a str>> {
    let is_windows = !folder.starts_with('/');
    let (path, folder) = (names(path, is_windows), names(folder, is_windows));
    let is_same = |(ours, theirs): (&&str, &&str)| {
        // Windows ignores the case.
        ours == theirs || (is_windows && ours.eq_ignore_ascii_case(theirs))
    };
    let starts = path.len() > folder.len() && folder.iter().zip(&path).all(is_same);
    starts.then(|| path[folder.len()..].to_vec())
}

fn names(path: &str, is_windows: bool) -> Vec<&str> {
    let is_slash = |c| c == '/' || (is_windows && c == '\\');
    let names = path.split(is_slash);
    names
        .filter(|name| !name.is_empty() && *name != ".")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(server: &str) -> LocalFiles {
        LocalFiles::Folder {
            server: server.into(),
            ours: "/mnt/tg".into(),
        }
    }

    #[test]
    fn f18_the_servers_folder_is_mounted_at_another_path() {
        for (server, path, here) in [
            (
                "/var/lib/tg",
                "/var/lib/tg/1:a/v/f.mp4",
                Some("/mnt/tg/1:a/v/f.mp4"),
            ),
            (
                "/var/lib/tg/1:a",
                "/var/lib/tg/1:a/v/f.mp4",
                Some("/mnt/tg/v/f.mp4"),
            ),
            (
                "/var/lib/tg/1:a/",
                "/var//lib/tg/1:a/./f",
                Some("/mnt/tg/f"),
            ),
            ("/", "/f", Some("/mnt/tg/f")),
            ("/var/lib/tg", "/var/lib/tg2/f", None),
            ("/var/lib/tg", "/var/lib/tg", None),
            ("/var/lib/tg", "/var/lib/tg/../f", None),
            ("/var/lib/tg", "/etc/passwd", None),
            ("C:\\tg", "c:\\TG\\v\\f", Some("/mnt/tg/v/f")),
            ("C:\\tg", "D:\\tg\\f", None),
            ("/tg", "/tg/a\\..\\b", None),
        ] {
            let found = folder(server).find(path);
            let found = match &found {
                Ok(FilePlace::Disk(path)) => path.to_str(),
                _ => None,
            };
            assert_eq!(found, here, "{path} in {server}");
        }
    }

    #[test]
    fn f18_the_servers_folder_is_served_over_http() {
        let files = LocalFiles::Url {
            server: "/var/lib/tg".into(),
            base: BaseUrl::parse("http://user:pass@files:8080/tg/").unwrap(),
        };
        let FilePlace::Web(uri, header) = files.find("/var/lib/tg/1/a b.mp4").unwrap() else {
            panic!("it is served over http");
        };
        assert_eq!(uri, "http://files:8080/tg/1/a%20b.mp4");
        assert!(header.is_some());
        assert!(files.find("/etc/passwd").is_err());
        for (name, escaped) in [
            ("1:a", "1%3Aa"),
            ("a#b?c", "a%23b%3Fc"),
            ("a%2fb%", "a%252fb%25"),
            ("a+b&c=d;e", "a%2Bb%26c%3Dd%3Be"),
            ("\u{e9}\u{1f4a9}", "%C3%A9%F0%9F%92%A9"),
            ("a\n\u{7f}", "a%0A%7F"),
            ("...", "..."),
            (".a/..b/c..", ".a/..b/c.."),
            ("a//./b", "a/b"),
        ] {
            let found = files.find(&format!("/var/lib/tg/{name}"));
            let Ok(FilePlace::Web(uri, _)) = found else {
                panic!("{name} is served over http");
            };
            assert_eq!(uri, *format!("http://files:8080/tg/{escaped}"), "{name}");
        }
        for name in ["..", "a/../b", "a/..", "a\\b", "a\0", "", ".", "/"] {
            assert!(
                files.find(&format!("/var/lib/tg/{name}")).is_err(),
                "{name}"
            );
        }
    }
}
