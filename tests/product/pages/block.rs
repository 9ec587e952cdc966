//! What a page asks its reader to do.

/// One thing to do.
pub enum Step {
    /// Write this file.
    File { name: String, text: String },
    /// Run this command of that line, which shows these lines.
    Command { line: usize, text: String, shown: Vec<String> },
}

/// The steps of a page in their order.
pub fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = page.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        let Some(kind) = line.trim_start().strip_prefix("```") else { continue };
        let inside: Vec<&str> = lines
            .by_ref()
            .map(|(line, _)| line.get(indent..).unwrap_or_default())
            .take_while(|line| *line != "```")
            .collect();
        match kind {
            "console" => commands(&inside, number + 1, &mut steps),
            _ => steps.extend(file(&inside)),
        }
    }
    steps
}

fn commands(inside: &[&str], first: usize, steps: &mut Vec<Step>) {
    for (line, number) in inside.iter().zip(first..) {
        if let Some(command) = line.strip_prefix("$ ") {
            let text = command.to_owned();
            steps.push(Step::Command { line: number, text, shown: Vec::new() });
            continue;
        }
        let Some(Step::Command { text, shown, .. }) = steps.last_mut() else { continue };
        match line.strip_prefix("> ") {
            Some(more) if shown.is_empty() => text.extend(["\n", more]),
            _ => shown.push((*line).to_owned()),
        }
    }
}

/// The file whose name is in a comment in the first line: `# shop.yaml`, `-- shop.sql`.
fn file(inside: &[&str]) -> Option<Step> {
    let first = inside.first()?;
    let name = first.strip_prefix("# ").or_else(|| first.strip_prefix("-- "))?;
    let is_name = name.contains('.') && !name.contains([' ', ':']);
    let text = inside.iter().map(|line| format!("{line}\n")).collect();
    is_name.then(|| Step::File { name: name.to_owned(), text })
}
