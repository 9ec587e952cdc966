// Dead letters of a schema: what could not be written and why, to be tried again or given up.

import { ask, query } from "./api.js";
import { button, byId, each, el, refill, say } from "./dom.js";
import { counted, moment, number } from "./words.js";

const SHOWN = 100;
// Whose are shown; without a table those of all.
let wanted = { schema: null, table: "" };
let asked = 0;

export const wantLetters = (schema, table = "") => { wanted = { schema, table }; };

// Shows the letters of the schema that is wanted, else of the first that has some.
export async function loadLetters(schemas, acts) {
    const having = schemas.filter((it) => it.dead_letters > 0);
    byId("letters").hidden = having.length === 0;
    if (having.length === 0) return;
    if (!having.some((it) => it.schema === wanted.schema)) wanted = { schema: having[0].schema, table: "" };
    const { schema, table } = wanted;
    bar(having, acts);
    const turn = ++asked;
    const found = await ask("GET", `v1/letters?${query({ schema, table, limit: SHOWN })}`);
    if (turn !== asked) return;
    const what = table ? `${schema}.${table}` : schema;
    say(byId("letters-state"), `${what}: ${found.more ? `the first ${SHOWN}` : counted(found.letters.length, "letter")}. Rows are shown by cartridge-warp dlq show.`);
    each(byId("letters-list"), found.letters, (it) => it.id, () => el("li"), (card, it) => fill(card, schema, it, acts));
}

function bar(having, acts) {
    const { schema, table } = wanted;
    const others = having.filter((it) => it.schema !== schema).slice(0, 20);
    const what = `all dead letters of ${table ? `${schema}.${table}` : schema}`;
    const meant = { schema, ...(table ? { table } : { all: true }) };
    refill(
        byId("letters-bar"),
        button("Retry all", () => acts.retry(meant, what), `Retry ${what}`),
        button("Discard all", () => acts.discard(meant, what), `Discard ${what}`),
        table ? button(`All of ${schema}`, () => acts.show(schema, "")) : null,
        ...others.map((it) => button(`${it.schema} (${number(it.dead_letters)})`, () => acts.show(it.schema, ""))),
    );
}

function fill(card, schema, it, acts) {
    const meant = { schema, ids: [it.id] };
    const what = `letter ${it.id} of ${schema}.${it.table}`;
    const times = it.count > 1 ? `, ${number(it.count)} times` : "";
    refill(
        card,
        el("h3", { text: it.table }),
        el("p", {}, el("span", { class: "state parked", text: it.code }), ` ${it.message}`),
        el("p", { class: "faint", text: `${it.operation}, first ${moment(it.first_seen)}, last ${moment(it.last_seen)}${times}` }),
        el("div", { class: "bar" },
            button("Retry", () => acts.retry(meant, what), `Retry ${what}`),
            button("Discard", () => acts.discard(meant, what), `Discard ${what}`)),
    );
}
