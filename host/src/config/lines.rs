//! From the number of a character to its line, column and byte.

/// Where each line of a text begins.
pub(super) struct Lines {
    /// Character and byte, in order; the first line begins at zero.
    starts: Vec<(usize, usize)>,
}

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let chars = text.char_indices().enumerate();
        let after = chars.filter(|(_, (_, c))| *c == '\n').map(|(n, (byte, _))| (n + 1, byte + 1));
        Self { starts: std::iter::once((0, 0)).chain(after).collect() }
    }

    /// Line and column of a character, counted from 1.
    pub(super) fn line_and_column(&self, character: usize) -> (usize, usize) {
        let (line, (start, _)) = self.line(character);
        (line + 1, character - start + 1)
    }

    /// The byte at which a character begins; the end of the text, if it has no such character.
    pub(super) fn byte(&self, text: &str, character: usize) -> usize {
        let (_, (start, byte)) = self.line(character);
        let rest = text.get(byte..).unwrap_or_default();
        rest.char_indices().nth(character - start).map_or(text.len(), |(offset, _)| byte + offset)
    }

    fn line(&self, character: usize) -> (usize, (usize, usize)) {
        let after = self.starts.partition_point(|(start, _)| *start <= character);
        let line = after.saturating_sub(1);
        (line, self.starts.get(line).copied().unwrap_or_default())
    }
}
