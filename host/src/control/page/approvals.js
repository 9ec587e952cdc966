// Changes of tables' shapes that wait for a person.

import { ask, query } from "./api.js";
import { button, byId, each, el, refill, say } from "./dom.js";

let asked = 0;

// Looks at the schemas in which a table waits.
export async function loadApprovals(schemas, acts) {
    const waiting = schemas.filter((it) => it.approvals > 0).slice(0, 10);
    byId("approvals").hidden = waiting.length === 0;
    if (waiting.length === 0) return;
    const turn = ++asked;
    say(byId("approvals-state"), "Looking at the source …");
    const found = [];
    for (const { schema } of waiting) {
        const { changes } = await ask("GET", `v1/approvals?${query({ schema })}`);
        found.push(...changes.filter((it) => it.verdict === "ask" && !it.decision).map((it) => ({ ...it, schema })));
    }
    if (turn !== asked) return;
    say(byId("approvals-state"), found.length > 0 ? "The tables stand still until you decide." : "Nothing waits any more; the tables come back.");
    const key = (it) => JSON.stringify([it.schema, it.table, it.change]);
    each(byId("approvals-list"), found, key, () => el("li"), (card, it) => fill(card, it, acts));
}

function fill(card, it, acts) {
    const { change, column, becomes } = it.change;
    const becoming = becomes ? (it.was ? `${it.was} becomes ${becomes}` : becomes) : "";
    const words = [change.replaceAll("_", " "), column, becoming].filter(Boolean).join(" ");
    const table = `${it.schema}.${it.table}`;
    refill(
        card,
        el("h3", { text: table }),
        el("p", { text: words }),
        it.reason ? el("p", { class: "faint", text: it.reason }) : null,
        el("div", { class: "bar" },
            button("Approve", () => acts.decide("approve", table, column, words), `Approve ${words} of ${table}`),
            button("Reject", () => acts.decide("reject", table, column, words), `Reject ${words} of ${table}`)),
    );
}
