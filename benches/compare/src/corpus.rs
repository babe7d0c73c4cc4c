//! The bodies of `benches/corpus/`.

use std::{fs, path::Path};

use bytes::Bytes;

#[derive(Clone, Debug)]
pub struct Body {
    pub name: String,
    pub bytes: Bytes,
}

/// All bodies by name, or only the given one.
pub fn bodies(only: Option<&str>) -> Vec<Body> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let mut bodies: Vec<Body> = fs::read_dir(folder)
        .expect("there is a corpus")
        .filter_map(|entry| {
            let path = entry.expect("the corpus can be listed").path();
            let name = path
                .file_name()?
                .to_str()?
                .strip_suffix(".json")?
                .to_owned();
            let bytes = fs::read(&path).expect("a body can be read").into();
            Some(Body { name, bytes })
        })
        .filter(|body| only.is_none_or(|only| only == body.name))
        .collect();
    bodies.sort_by(|a, b| a.name.cmp(&b.name));
    bodies
}
