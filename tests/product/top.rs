//! `top`: the running pipeline on one screen.

#![allow(clippy::expect_used)] // Helpers of tests are tests, too.

use std::{
    io::{Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use cartridge_warp_tests::{Pipeline, Running, wait_until};
use serde_json::{Value, json};

/// A run of some small tables.
fn following(tables: usize) -> (Pipeline, Running) {
    let mut pipeline = Pipeline::new();
    for number in 0..tables {
        pipeline.write(&format!("orders{number:02}.ndjson"), "{\"id\":1}\n{\"id\":2}\n");
    }
    pipeline.set("control", json!({"socket": "./socket"}));
    let mut running = pipeline.start();
    running.wait_for("following changes");
    running.wait_for("taking orders");
    (pipeline, running)
}

/// A shell at a terminal of a hundred columns and twenty lines.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    shown: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Terminal {
    fn run(pipeline: &Pipeline, arguments: &[&str]) -> Self {
        let command = pipeline.command(arguments);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(|word| format!("'{}'", word.display())).collect();
        let words = words.join(" ");
        let line = format!("trap : INT; stty cols 100 rows 20; {words}; echo ended $?; stty -a");
        // `script` gives it a terminal of its own, and passes on what is written here.
        let mut script = Command::new("script");
        script.args(["-qfec", &line, "/dev/null"]).env("TERM", "xterm");
        script.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        script.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = script.spawn().expect("script is there: it is of util-linux");
        let (keys, mut out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let shown = Arc::<Mutex<String>>::default();
        let kept = Arc::clone(&shown);
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut bytes) {
                kept.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { child, keys, shown, reader }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// What is on the screen now.
    fn screen(&self) -> String {
        self.shown().rsplit("\u{1b}[H").next().unwrap_or_default().to_owned()
    }

    /// All that was shown, once the shell has ended.
    fn end(mut self) -> String {
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", self.shown());
            thread::sleep(Duration::from_millis(20));
        }
        self.reader.join().unwrap();
        let shown = self.shown.lock().unwrap();
        shown.clone()
    }
}

#[test]
fn it_is_shown_again_and_again_until_a_key_ends_it() {
    let (pipeline, running) = following(30);
    let mut terminal = Terminal::run(&pipeline, &["top", "--every", "100ms", "--sort", "name"]);
    wait_until("it is shown", || terminal.screen().contains("1 to 14 of 30 tables by name"));
    let screen = terminal.screen();
    assert!(screen.contains("All is well") && screen.contains("shop.orders00"), "{screen}");
    assert!(screen.lines().count() <= 20, "{screen}");
    terminal.press("\u{1b}[Bj");
    wait_until("it turns", || terminal.screen().contains("3 to 16 of 30 tables"));
    terminal.press("s");
    wait_until("it sorts otherwise", || terminal.screen().contains("1 to 14 of 30 tables by lag"));
    assert!(pipeline.run(&["pause", "orders07"]).status.success());
    wait_until("what is done is seen", || terminal.screen().contains("! 1 tables are paused"));
    running.signal(15);
    wait_until("its end is seen", || {
        terminal.screen().contains("q quits") && !terminal.screen().contains("orders00")
    });
    terminal.press("q");
    let shown = terminal.end();
    let (_, after) = shown.rsplit_once("\u{1b}[?1049l").expect("the screen of before is back");
    assert!(after.contains("ended 0"), "{after}");
    assert!(after.contains(" icanon") && after.contains(" echo "), "{after}");
}

#[test]
fn an_interrupt_leaves_the_terminal_as_it_was() {
    let (pipeline, _running) = following(2);
    let mut terminal = Terminal::run(&pipeline, &["top"]);
    wait_until("it is shown", || terminal.screen().contains("shop.orders00"));
    terminal.press("\u{3}");
    let shown = terminal.end();
    let (_, after) = shown.rsplit_once("\u{1b}[?1049l").expect("the screen of before is back");
    assert!(after.contains(" icanon") && after.contains(" echo "), "{after}");
}

#[test]
fn without_a_terminal_it_is_shown_once() {
    let (pipeline, running) = following(3);
    let once = pipeline.run(&["--output", "human", "top", "--sort", "name"]);
    assert!(once.status.success(), "{}", once.stderr);
    assert!(
        !once.stdout.contains('\u{1b}') && once.stdout.contains("1 to 3 of 3 tables"),
        "{}",
        once.stdout
    );
    let json = pipeline.run(&["--output", "json", "top"]);
    let seen: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(seen["overview"]["total"]["tables"]["streaming"], 3, "{seen}");
    assert_eq!(seen["tables"]["found"], 3, "{seen}");
    drop(running);
    let none = pipeline.run(&["top"]);
    assert_eq!(none.status.code(), Some(1), "{}", none.stdout);
    assert!(none.words().contains("no run of pipeline"), "{}", none.stderr);
}
