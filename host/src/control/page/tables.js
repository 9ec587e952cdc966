// Tables by the page: the run seeks and sorts them, so thousands cost the browser nothing.

import { ask, query } from "./api.js";
import { button, byId, each, el, refill, say } from "./dom.js";
import { remember, spark } from "./spark.js";
import { counted, duration, moment, number, rate } from "./words.js";

const PAGE = 50;
const COLUMNS = [
    ["Table", "name", ""], ["State", "state", ""], ["Behind", "lag", "number"], ["Rows", "rows", "number"], ["Rate", "rate", "number"],
    ["Copy", null, ""], ["Dead letters", "dead_letters", "number"], ["What can be done", null, "doing"],
];
const view = { search: "", state: "", sort: "name", reverse: false, offset: 0 };
let shown = 0;

export const nameOf = (it) => `${it.schema}.${it.table}`;

// The tables that are wanted now, and in which order they were asked for: an older answer replaces no newer one.
export async function loadTables(acts) {
    const turn = ++shown;
    const page = await ask("GET", `v1/tables?${query({ ...view, limit: PAGE })}`);
    if (turn !== shown) return;
    if (page.tables.length === 0 && view.offset > 0) {
        view.offset = 0;
        await loadTables(acts);
        return;
    }
    const [first, last] = [view.offset + 1, view.offset + page.tables.length];
    say(byId("tables-count"), page.found === page.all ? counted(page.all, "table") : `${number(page.found)} of ${counted(page.all, "table")}`);
    say(byId("pages"), page.found > 0 ? `${number(first)} to ${number(last)} of ${number(page.found)}` : "none");
    byId("before").disabled = view.offset === 0;
    byId("after").disabled = last >= page.found;
    each(byId("tables-body"), page.tables, nameOf, row, (node, it) => fill(node, it, acts));
    curves(page.tables);
}

// Makes the heads and what the person can choose; `changed` is called when something else is wanted.
export function prepareTables(changed) {
    const want = (fields) => {
        Object.assign(view, { offset: 0 }, fields);
        heads();
        changed();
    };
    for (const [name, sort, kind] of COLUMNS) {
        const head = el("th", { scope: "col", class: sort ? kind : "plain", "data-sort": sort });
        if (sort) head.append(button(name, () => want({ sort, reverse: view.sort === sort && !view.reverse })));
        else head.textContent = name;
        byId("tables-head").append(head);
    }
    heads();
    let waiting = null;
    byId("search").addEventListener("input", () => {
        clearTimeout(waiting);
        waiting = setTimeout(() => want({ search: byId("search").value.trim() }), 200);
    });
    byId("state").addEventListener("change", () => want({ state: byId("state").value }));
    byId("before").addEventListener("click", () => want({ offset: Math.max(0, view.offset - PAGE) }));
    byId("after").addEventListener("click", () => want({ offset: view.offset + PAGE }));
    return (state) => {
        byId("state").value = state;
        want({ state });
        byId("tables-title").focus();
    };
}

function heads() {
    for (const head of byId("tables-head").children) {
        const { sort } = head.dataset;
        if (!sort) continue;
        // Numbers begin with the largest, names with the alphabet.
        const grows = ["name", "state"].includes(sort) !== view.reverse;
        if (sort === view.sort) head.setAttribute("aria-sort", grows ? "ascending" : "descending");
        else head.removeAttribute("aria-sort");
        const mark = sort !== view.sort ? "" : grows ? " ▲" : " ▼";
        head.firstElementChild.textContent = COLUMNS.find((column) => column[1] === sort)[0] + mark;
    }
}

function row() {
    return el("tr", {}, el("th", { scope: "row" }), ...COLUMNS.slice(1).map(([name, , kind]) => el("td", { class: kind, "data-name": name })));
}

function fill(node, it, acts) {
    const [name, state, lag, rows, rated, copy, letters, doing] = node.children;
    const full = nameOf(it);
    say(name, full);
    refill(state, el("span", { class: `state ${it.state}`, text: it.state }), ...reason(it));
    say(lag, duration(it.lag_seconds));
    say(rows, number(it.rows));
    say(rated, rate(it.rows_per_second));
    const bar = progress(it);
    refill(copy, ...bar);
    copy.classList.toggle("empty", bar.length === 0);
    refill(letters, it.dead_letters > 0 ? button(number(it.dead_letters), () => acts.letters(it), `Dead letters of ${full}: ${it.dead_letters}`) : "0");
    refill(doing, el("div", { class: "bar" }, ...helps(it, acts).map(([text, act]) => button(text, act, `${text}: ${full}`))));
}

// Why a table is left out, and what is wrong with its rows.
function reason(it) {
    const found = it.verify?.drifted > 0 ? ["rows are not the source's", it.verify.message, it.verify.help] : [];
    const words = [...found, it.since ? `since ${moment(it.since)}` : null, it.code ? `${it.code}: ${it.message ?? ""}` : it.message, it.help];
    return words.filter(Boolean).map((text) => el("p", { class: "reason faint", text }));
}

function progress(it) {
    if (it.copied_rows === undefined) return [];
    const expected = it.estimated_rows;
    const label = `Copy of ${nameOf(it)}`;
    const bar = expected
        ? el("progress", { max: Math.max(expected, it.copied_rows), value: it.copied_rows, "aria-label": label })
        : el("progress", { "aria-label": label });
    const left = it.copy_seconds_left === undefined ? "" : `, ${duration(it.copy_seconds_left)} left`;
    return [bar, el("div", { class: "faint", text: `${number(it.copied_rows)}${expected ? ` of about ${number(expected)}` : ""}${left}` })];
}

// What can be done with a table, what helps most first.
function helps(it, acts) {
    if (it.code === "schema-change-unapproved") return [["Look at the change", () => acts.approvals()]];
    if (it.state === "parked" || it.state === "paused") return [["Resume", () => acts.resume(it)]];
    return [["Pause", () => acts.pause(it)], ["Copy again", () => acts.resync(it)]];
}

function curves(tables) {
    for (const [index, it] of tables.entries()) {
        const cells = byId("tables-body").children[index].children;
        for (const [cell, key, value] of [[cells[2], "lag", it.lag_seconds], [cells[4], "rate", it.rows_per_second]]) {
            cell.querySelector("svg")?.remove();
            cell.append(...[spark(remember(`${key} ${nameOf(it)}`, value))].filter(Boolean));
        }
    }
}
