// First of all: is it well, how far behind, what can I do.

import { button, byId, each, el, refill, say } from "./dom.js";
import { remember, spark } from "./spark.js";
import { bytes, counted, duration, moment, number, rate } from "./words.js";

// What is wrong, the worst first: how bad, in words, and where to go for it.
function problems({ schemas, tables, dead_letters, approvals, drifted }, goTo) {
    const found = [];
    const add = (count, kind, words, where) => {
        if (count > 0) found.push({ kind, words: words(count), where });
    };
    add(schemas.failed, "bad", (n) => `${counted(n, "schema")} failed`, null);
    add(schemas.retrying, "bad", (n) => `${counted(n, "schema")} ${n === 1 ? "tries" : "try"} again after an error`, null);
    // Those that wait for an approval are parked, too.
    add(tables.parked - approvals, "bad", (n) => `${counted(n, "table")} ${n === 1 ? "is" : "are"} parked: left out since they failed`, () => goTo.tables("parked"));
    add(drifted, "bad", (n) => `${counted(n, "table")} ${n === 1 ? "is" : "are"} not as ${n === 1 ? "its" : "their"} source: rows differ`, () => goTo.tables("attention"));
    add(approvals, "warn", (n) => `${counted(n, "table")} ${n === 1 ? "waits" : "wait"} for a change of shape to be approved`, goTo.approvals);
    add(dead_letters, "warn", (n) => `${counted(n, "row")} could not be written: dead letters`, goTo.letters);
    add(tables.paused, "warn", (n) => `${counted(n, "table")} ${n === 1 ? "is" : "are"} paused`, () => goTo.tables("paused"));
    add(schemas.stopped, "warn", (n) => `${counted(n, "schema")} stopped`, null);
    return found;
}

const copying = ({ copying = 0, pending = 0, again = 0 }) => copying + pending + again;

export function showOverview(seen, goTo) {
    const { total } = seen;
    say(byId("pipeline"), seen.pipeline);
    say(byId("run"), `process ${seen.process}, version ${seen.version}, since ${moment(seen.since)}`);
    const found = problems(total, goTo);
    const kind = found.some((it) => it.kind === "bad") ? "bad" : found.length > 0 ? "warn" : "good";
    byId("well").className = kind;
    const words = { bad: "Something is wrong", warn: "It works, and something needs you", good: "All is well" };
    const more = total.schemas.standby > 0 ? "; this run waits while another one works" : copying(total.tables) > 0 ? "; tables are being copied" : "";
    say(byId("verdict"), kind === "good" ? words.good + more : words[kind]);
    document.title = `${kind === "good" ? "" : "! "}${seen.pipeline} – cartridge-warp`;
    each(byId("problems"), found.map(({ words }) => words), (it) => it.replace(/^[\d,]+ /, ""), () => el("li"), (item, text) => {
        const { where } = found.find((it) => it.words === text);
        refill(item, el("span", { text: `${text} ` }), where ? button("Show", where, `Show: ${text}`) : null);
        item.querySelector("button")?.classList.add("link");
    });
    const tables = Object.values(total.tables).reduce((sum, count) => sum + count, 0);
    const numbers = [
        ["Behind", duration(total.lag_seconds), remember("lag", total.lag_seconds)],
        ["Now", rate(total.rows_per_second), remember("rate", total.rows_per_second)],
        ["Rows since the start", number(total.rows), []],
        ["Tables", number(tables), []],
        ["To be copied", number(copying(total.tables)), []],
    ];
    each(byId("numbers"), numbers, ([name]) => name, ([name]) => el("div", {}, el("dt", { text: name }), el("dd")), (node, [, value, values]) => {
        refill(node.lastElementChild, value, spark(values));
    });
    showSchemas(seen);
    showPlugins(seen.plugins);
}

function showSchemas({ schemas, schemas_left_out }) {
    each(byId("schemas"), schemas, (it) => it.schema, () => el("li"), (card, it) => {
        const states = Object.entries(it.tables).map(([state, count]) => `${number(count)} ${state}`);
        const attempt = it.attempt ? `, attempt ${it.attempt}` : "";
        refill(
            card,
            el("h3", { text: it.schema }),
            el("p", {}, el("span", { class: `state ${it.state}`, text: it.state }), `${attempt}, ${duration(it.lag_seconds)} behind, ${rate(it.rows_per_second)}`),
            it.error ? el("p", { text: it.error }) : null,
            el("p", { class: "faint", text: `Tables: ${states.join(", ") || "none yet"}` }),
            it.source_log ? el("p", { class: "faint", text: `Source: ${it.source_log.words}` }) : null,
            it.verify ? el("p", { class: it.drifted > 0 || it.verify.error ? "state parked" : "faint", text: verified(it.verify) }) : null,
            it.source_log_warning ? el("p", { class: "state parked", text: it.source_log_warning }) : null,
        );
    });
    say(byId("schemas-more"), schemas_left_out > 0 ? `and ${counted(schemas_left_out, "schema")} more, which need nobody` : "");
}

// What came of the last comparison of rows.
function verified({ at, rows, seconds, tables, error }) {
    const verdicts = Object.entries(tables).map(([verdict, count]) => `${number(count)} ${verdict.replace("_", " ")}`);
    const found = verdicts.length > 0 ? `Verified ${moment(at)}: ${counted(rows, "row")} in ${duration(seconds)}; tables: ${verdicts.join(", ")}` : null;
    return [found, error ? `Verify failed: ${error}` : null].filter(Boolean).join(". ");
}

function showPlugins(plugins) {
    each(byId("plugins"), plugins, (it) => `${it.role} ${it.plugin}`, () => el("li"), (card, it) => {
        refill(
            card,
            el("h3", { text: `${it.plugin} (${it.role})` }),
            el("p", { class: "faint", text: `${bytes(it.memory_bytes)} of memory, ${duration(it.cpu_seconds)} of CPU time, ${counted(it.calls, "call")}, ${counted(it.restarts, "restart")}` }),
        );
    });
}
