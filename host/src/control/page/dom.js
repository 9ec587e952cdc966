// Elements without markup: all text goes in as text, since names and words come from sources and plugins.

export const byId = (id) => document.getElementById(id);

// An element with properties, and what is in it. What is null is left out.
export function el(name, properties = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
        if (value === null || value === undefined || value === false) continue;
        if (key === "click") node.addEventListener("click", value);
        else if (key === "text") node.textContent = value;
        else if (value === true) node.setAttribute(key, "");
        else node.setAttribute(key, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
}

export const button = (text, click, label = null) =>
    el("button", { type: "button", text, click, "aria-label": label });

// Writes text only where it differs, so that readers of the screen hear what is new and nothing twice.
export function say(node, text) {
    if (node.textContent !== text) node.textContent = text;
}

const known = new WeakMap();

// Makes the children of `parent` those of the items, in their order. An item that was there keeps its element, and with
// it the focus; `fill` puts what it is now into that element. An item that has not changed is not touched.
export function each(parent, items, keyOf, make, fill) {
    const before = known.get(parent) ?? new Map();
    const now = new Map();
    for (const item of items) {
        const key = keyOf(item);
        const entry = before.get(key) ?? { node: make(item), shown: null };
        const shown = JSON.stringify(item);
        if (entry.shown !== shown) fill(entry.node, item);
        entry.shown = shown;
        now.set(key, entry);
    }
    for (const [key, entry] of before) if (!now.has(key)) entry.node.remove();
    let at = parent.firstElementChild;
    for (const { node } of now.values()) {
        if (node === at) at = at.nextElementSibling;
        else parent.insertBefore(node, at);
    }
    known.set(parent, now);
}

// Puts new children into a node, and the focus back on the control of the same words.
export function refill(node, ...children) {
    const words = (control) => control.getAttribute("aria-label") ?? control.textContent;
    const held = node.contains(document.activeElement) ? words(document.activeElement) : null;
    node.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
    if (held === null) return;
    const controls = [...node.querySelectorAll("button")];
    (controls.find((control) => words(control) === held) ?? controls[0])?.focus();
}
