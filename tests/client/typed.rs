//! Finds a method's type by its name, and puts files into every place for one.

use std::path::PathBuf;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tower_telegram::{
    InlineMethod, Method, Reply,
    client::{ApiRequest, ApiResponse},
    types::{InputFile, ParseError},
};

/// A method with its type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Typed {
    pub(crate) name: &'static str,
    /// Reads parameters as the type, and encodes a call of it.
    pub(crate) call: fn(&Value) -> ApiRequest,
    /// Reads a result as the type that the method returns, and writes it back.
    pub(crate) returned: fn(&ApiResponse) -> Value,
    /// Whether a result can be read as the type that the method returns.
    pub(crate) decode: fn(&str) -> Result<(), ParseError>,
    /// Whether parameters can be read as the type.
    #[cfg_attr(not(feature = "serde-all"), allow(dead_code))]
    pub(crate) can_be_read: fn(&str) -> bool,
    /// The same call with a file in each place for one.
    pub(crate) uploading: Option<fn(&Value, &mut Files) -> ApiRequest>,
    /// The same as a reply.
    pub(crate) reply: Option<fn(&Value, &mut Files) -> Reply>,
}

impl Typed {
    pub(crate) const fn of<M>() -> Self
    where
        M: Method<Output: Serialize> + DeserializeOwned,
    {
        Self {
            name: M::NAME,
            call: |parameters| call(&read::<M>(parameters)),
            returned: |response| {
                let output = response.decode::<M>();
                let output = output.unwrap_or_else(|error| panic!("{error:?}"));
                serde_json::to_value(output).expect("it can be written")
            },
            decode: |result| M::decode(result).map(drop),
            can_be_read: |parameters| serde_json::from_str::<M>(parameters).is_ok(),
            uploading: None,
            reply: None,
        }
    }

    pub(crate) const fn uploading<M>() -> Self
    where
        M: Method<Output: Serialize> + DeserializeOwned + Attach,
    {
        let mut typed = Self::of::<M>();
        typed.uploading = Some(|parameters, files| call(&with_files::<M>(parameters, files)));
        typed
    }

    pub(crate) const fn uploading_in_replies<M>() -> Self
    where
        M: InlineMethod<Output: Serialize> + DeserializeOwned + Attach,
    {
        let mut typed = Self::uploading::<M>();
        typed.reply = Some(|parameters, files| {
            Reply::method_call(&with_files::<M>(parameters, files)).expect("a reply")
        });
        typed
    }
}

fn read<M: DeserializeOwned>(parameters: &Value) -> M {
    // From text, because the crate's own reader takes that.
    let text = parameters.to_string();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn call<M: Method>(method: &M) -> ApiRequest {
    ApiRequest::new(method).unwrap_or_else(|error| panic!("{error:?}"))
}

fn with_files<M: DeserializeOwned + Attach>(parameters: &Value, files: &mut Files) -> M {
    let mut method = read::<M>(parameters);
    method.attach(files);
    method
}

/// The source of an upload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Source {
    Bytes,
    Path,
    /// A path with another file name than its own.
    RenamedPath,
    Reader,
    ReaderWithoutLength,
}

/// A file that was put into a place.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) part: String,
    pub(crate) name: String,
    pub(crate) content: Bytes,
}

/// Makes files to upload, from one source after the other.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) given: Vec<Given>,
    sources: Vec<Source>,
    made: usize,
    folder: PathBuf,
    /// The content of every file, if it is to be the same.
    pub(crate) content: Option<&'static [u8]>,
}

const NAMES: [&str; 7] = [
    "a.png",
    "with \"quotes\".txt",
    "\u{fc}n\u{ef} \u{1f389}.jpg",
    "line\r\nbreak: x",
    "back\\slash %41.txt",
    "semi; colon=.x",
    "'single' = \t.y",
];

impl Files {
    pub(crate) fn new(sources: &[Source]) -> Self {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("tower-telegram-files-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        Self {
            given: Vec::new(),
            sources: sources.to_vec(),
            made: 0,
            folder,
            content: None,
        }
    }

    /// Begins another message.
    pub(crate) fn begin(&mut self) {
        self.given.clear();
    }

    /// Whether the length of each file is known.
    pub(crate) fn make(&mut self) -> InputFile {
        let number = self.made;
        self.made += 1;
        let source = self.sources[number % self.sources.len()];
        let name = NAMES[number / self.sources.len() % NAMES.len()];
        let content = self.content(number);
        let length = content.len() as u64;
        let file = match source {
            Source::Bytes => InputFile::bytes(name, content.clone()),
            Source::Path => InputFile::path(self.write(number, name, &content)),
            Source::RenamedPath => {
                InputFile::path(self.write(number, "x", &content)).file_name(name)
            }
            Source::Reader => {
                let reader = std::io::Cursor::new(content.clone());
                InputFile::reader(name, reader, Some(length))
            }
            Source::ReaderWithoutLength => {
                InputFile::reader(name, std::io::Cursor::new(content.clone()), None)
            }
        };
        let part = file.as_upload().expect("an upload").part_name();
        self.given.push(Given {
            part,
            name: name.to_owned(),
            content,
        });
        file
    }

    fn content(&self, number: usize) -> Bytes {
        if let Some(content) = self.content {
            return Bytes::from_static(content);
        }
        match number % 5 {
            0 => Bytes::new(),
            1 => Bytes::from(format!("\r\n--{number}--\r\n")),
            // More than one read returns.
            2 => Bytes::from(vec![u8::try_from(number % 251).unwrap_or(0); 70_000]),
            _ => Bytes::from(format!("content {number}\0\u{e9}")),
        }
    }

    fn write(&self, number: usize, name: &str, content: &[u8]) -> PathBuf {
        let folder = self.folder.join(number.to_string());
        std::fs::create_dir(&folder).expect("a folder");
        let path = folder.join(name);
        std::fs::write(&path, content).expect("a file");
        path
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // A file that can't be deleted is in the system's temporary folder.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Puts a file into each place for one.
pub(crate) trait Attach {
    fn attach(&mut self, files: &mut Files);
}

impl Attach for InputFile {
    fn attach(&mut self, files: &mut Files) {
        *self = files.make();
    }
}

impl<T: Attach> Attach for Option<T> {
    fn attach(&mut self, files: &mut Files) {
        if let Some(value) = self {
            value.attach(files);
        }
    }
}

impl<T: Attach> Attach for Vec<T> {
    fn attach(&mut self, files: &mut Files) {
        for value in self {
            value.attach(files);
        }
    }
}

impl<T: Attach> Attach for Box<T> {
    fn attach(&mut self, files: &mut Files) {
        (**self).attach(files);
    }
}
