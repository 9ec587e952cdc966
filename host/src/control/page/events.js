// What changed: states of schemas, and of tables that were left out or came back.

import { byId, each, el, refill } from "./dom.js";
import { moment } from "./words.js";

export function showEvents(events) {
    byId("events-none").hidden = events.length > 0;
    const newest = [...events].reverse();
    each(byId("events"), newest, (it) => JSON.stringify([it.at, it.schema, it.table, it.state]), () => el("li"), (line, it) => {
        const what = it.table ? `${it.schema}.${it.table}` : it.schema;
        const why = [it.code, it.message].filter(Boolean).join(": ");
        refill(
            line,
            el("time", { datetime: it.at, class: "faint", text: `${moment(it.at)} ` }),
            el("span", { text: `${what} ` }),
            el("span", { class: `state ${it.state}`, text: it.state }),
            why ? el("span", { text: ` – ${why}` }) : null,
        );
    });
}
