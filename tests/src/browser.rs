//! A browser without a screen, driven over its DevTools pipe: JSON messages that end with a zero byte.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::patience::wait_until;

/// Far longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(120);
/// Gathers what the page's policy forbade, before any script of the page runs.
const WATCH: &str = "window.forbidden = []; document.addEventListener('securitypolicyviolation', \
                     (it) => window.forbidden.push(`${it.violatedDirective} ${it.blockedURI}`));";

/// One page in a Chromium of its own. Dropping it ends that.
pub struct Browser {
    child: Child,
    into: ChildStdin,
    heard: Receiver<Value>,
    session: Value,
    last: u64,
    events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    /// An empty page.
    ///
    /// # Panics
    /// When there is no `chromium`, or it does not answer, as all of these do.
    pub fn start() -> Self {
        let profile = tempfile::tempdir().expect("a temporary directory");
        let directory = format!("--user-data-dir={}", profile.path().display());
        // Chromium reads from descriptor 3 and writes to 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh"])
            .args(["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu"])
            .args(["--no-first-run", "--disable-dev-shm-usage", &directory])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let into = child.stdin.take().expect("piped");
        let mut from = BufReader::new(child.stdout.take().expect("piped"));
        let (tell, heard) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while from.read_until(0, &mut message).is_ok_and(|count| count > 0) {
                message.pop();
                let told = serde_json::from_slice(&message).map(|message| tell.send(message));
                if !matches!(told, Ok(Ok(()))) {
                    break;
                }
                message.clear();
            }
        });
        let (session, events) = (Value::Null, Vec::new());
        let mut browser = Self { child, into, heard, session, last: 0, events, _profile: profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let target = json!({"targetId": target["targetId"], "flatten": true});
        browser.session = browser.call("Target.attachToTarget", target)["sessionId"].clone();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WATCH }));
        browser
    }

    /// What the browser answers to a command of the protocol.
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": parameters});
        if !self.session.is_null() {
            message["sessionId"] = self.session.clone();
        }
        write!(self.into, "{message}\0").expect("chromium is installed: scripts/setup.sh tests");
        loop {
            let heard = self.heard.recv_timeout(PATIENCE).expect("chromium answers");
            if heard["id"] == self.last {
                assert!(heard["error"].is_null(), "{method}: {heard}");
                return heard["result"].clone();
            }
            self.events.push(heard);
        }
    }

    /// Goes to an address, and waits until all of it is there.
    pub fn open(&mut self, address: &str) {
        self.call("Page.navigate", json!({ "url": address }));
        self.wait("the page is there", "document.readyState === 'complete'");
    }

    /// The value of an expression in the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page.
    pub fn wait(&mut self, what: &str, expression: &str) {
        wait_until(&format!("{what}: {expression}"), || self.value(expression) == true);
    }

    /// Text as from a keyboard, into what has the focus.
    pub fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// A key, by its name in the DOM.
    pub fn press(&mut self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            _ => 32,
        };
        let text = if key == "Enter" { "\r" } else { "" };
        let pressed = json!({"type": "keyDown", "key": key, "code": key, "text": text,
            "windowsVirtualKeyCode": code});
        self.call("Input.dispatchKeyEvent", pressed);
        let let_go =
            json!({"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code});
        self.call("Input.dispatchKeyEvent", let_go);
    }

    /// Clicks the control of this name as soon as it is there.
    pub fn click(&mut self, name: &str) {
        let found = control(name);
        self.wait("there is such a control", &format!("{found} !== undefined"));
        self.value(&format!("{found}.click()"));
    }

    /// The width in pixels, and whether the person wants it dark.
    pub fn show(&mut self, width: u32, dark: bool) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Leaves a picture of the whole page in `CARTRIDGE_WARP_TEST_PICTURES`, for people, where that is set.
    pub fn picture(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("CARTRIDGE_WARP_TEST_PICTURES") else { return };
        let taken = self.call("Page.captureScreenshot", json!({"captureBeyondViewport": true}));
        let file = std::path::Path::new(&folder).join(format!("{name}.png"));
        let file = std::fs::File::create(file).expect("the folder is there");
        let mut decode = Command::new("base64");
        let mut decoding =
            decode.arg("-d").stdin(Stdio::piped()).stdout(file).spawn().expect("it decodes");
        let picture = taken["data"].as_str().unwrap_or_default();
        decoding.stdin.take().expect("piped").write_all(picture.as_bytes()).expect("it reads");
        decoding.wait().expect("it ends");
    }

    /// What went wrong in the page so far: exceptions, what its policy forbade, requests to others than `origin`.
    pub fn wrongs(&mut self, origin: &str) -> Vec<String> {
        let forbidden = self.value("window.forbidden");
        let mut wrongs: Vec<String> =
            forbidden.as_array().into_iter().flatten().map(Value::to_string).collect();
        for event in &self.events {
            let asked = event["params"]["request"]["url"].as_str().unwrap_or(origin);
            let is_wrong =
                event["method"] == "Runtime.exceptionThrown" || !asked.starts_with(origin);
            if is_wrong {
                wrongs.push(event.to_string());
            }
        }
        wrongs
    }
}

/// An expression for the visible control that a person, or a reader of the screen, knows by this name.
pub fn control(name: &str) -> String {
    let name = Value::from(name);
    format!(
        "[...document.querySelectorAll('button')].find((it) => (it.getAttribute('aria-label') ?? \
         it.textContent) === {name} && it.checkVisibility() && !it.disabled)"
    )
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The end of its pipe ends it, with the processes that it started.
        drop(write!(self.into, "{}\0", json!({"id": 0, "method": "Browser.close"})));
        let ended = std::time::Instant::now();
        while self.child.try_wait().is_ok_and(|it| it.is_none())
            && ended.elapsed() < Duration::from_secs(10)
        {
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
