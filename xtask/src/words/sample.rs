//! Sentences of the documentation, chosen at random.

use super::{
    passages::{self, PassageKind, is_test},
    tree::{TextFile, is_generated},
};

/// A sentence and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sentence {
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) text: String,
}

/// That many sentences of the hand-written docs, tests excluded, each place once. The same seed chooses
/// the same sentences of the same texts.
pub(super) fn choose(files: &[TextFile], count: usize, seed: u64) -> Vec<Sentence> {
    let mut all: Vec<Sentence> = files.iter().flat_map(of).collect();
    let mut random = SplitMix(seed);
    let mut chosen = Vec::new();
    while chosen.len() < count && !all.is_empty() {
        chosen.push(all.swap_remove(random.below(all.len())));
    }
    chosen
}

fn of(file: &TextFile) -> Vec<Sentence> {
    if is_generated(&file.text) || is_test(&file.path) {
        return Vec::new();
    }
    let passages = passages::of(file).into_iter();
    let docs = passages.filter(|passage| passage.kind == PassageKind::Doc);
    docs.flat_map(|passage| sentences(&file.path, &passage.lines))
        .collect()
}

/// The sentences of a passage: parts of four words or more that end with a full stop and a space.
fn sentences(path: &str, lines: &[(usize, String)]) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    let mut start = 0;
    for (line, text) in lines {
        for word in text.split_whitespace() {
            if words.is_empty() {
                start = *line;
            }
            words.push(word);
            if word
                .trim_end_matches(['*', '"', ')'])
                .ends_with(['.', '?', '!'])
            {
                sentences.push((start, std::mem::take(&mut words)));
            }
        }
    }
    sentences.push((start, words));
    sentences.retain(|(_, words)| words.len() > 3);
    let sentence = |(line, words): (usize, Vec<&str>)| Sentence {
        path: path.to_owned(),
        line,
        text: words.join(" "),
    };
    sentences.into_iter().map(sentence).collect()
}

/// Sebastiano Vigna's `SplitMix64`: random enough to choose sentences, and the same everywhere.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let limit = u128::try_from(limit).unwrap_or(u128::MAX);
        let below = (u128::from(z ^ (z >> 31)) * limit) >> 64;
        usize::try_from(below).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sentences: &[Sentence]) -> Vec<&str> {
        sentences
            .iter()
            .map(|sentence| sentence.text.as_str())
            .collect()
    }

    fn files() -> Vec<TextFile> {
        let doc = |n: usize| {
            format!("/// This is sentence number {n}. And here is\n/// another one, {n}.\n")
        };
        let text = (0..20).map(doc).collect::<Vec<_>>().join("fn a() {}\n");
        vec![TextFile {
            path: "src/a.rs".to_owned(),
            text,
        }]
    }

    #[test]
    fn a_seed_chooses_the_same_sentences_each_time() {
        let files = files();
        let chosen = choose(&files, 10, 7);
        assert_eq!(chosen, choose(&files, 10, 7));
        assert_ne!(chosen, choose(&files, 10, 8));
        let mut different = texts(&chosen);
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), 10);
    }

    #[test]
    fn all_are_chosen_where_there_are_too_few() {
        assert_eq!(choose(&files(), 1_000, 1).len(), 40);
    }

    #[test]
    fn sentences_go_over_lines_and_know_where_they_begin() {
        let all = of(&files()[0]);
        assert_eq!(
            texts(&all[..2]),
            ["This is sentence number 0.", "And here is another one, 0."]
        );
        assert_eq!((all[1].line, all[2].line), (1, 4));
    }
}
