// The page: signs in, looks at the run again and again, and carries out what the person orders.

import { Refused, ask, listen, signIn, signOut } from "./api.js";
import { loadApprovals } from "./approvals.js";
import { confirmed } from "./dialog.js";
import { byId, say } from "./dom.js";
import { showEvents } from "./events.js";
import { loadLetters, wantLetters } from "./letters.js";
import { showOverview } from "./overview.js";
import { loadTables, nameOf, prepareTables } from "./tables.js";
import { counted } from "./words.js";

// While the run tells what changes, numbers alone are looked at.
const LOOK_EVERY_MS = 2000;
const LISTEN_AGAIN_MS = 5000;

let session = null;
let schemas = [];
// What dead letters and approvals were loaded for: they ask the sides, so only when something changed.
let lettersOf = "";
let approvalsOf = "";

function wrong(error) {
    const help = error.help ? `\n${error.help}` : "";
    const code = error.code ? ` (${error.code})` : "";
    say(byId("wrong"), error instanceof Refused ? `${error.message}${code}${help}` : "The run does not answer. It is looked for again every few seconds.");
}

// One look at a time; who wants one meanwhile gets another behind it.
let looking = null;
let wantsMore = false;
function look() {
    wantsMore = looking !== null;
    looking ??= once().finally(() => {
        looking = null;
        if (wantsMore && session) look();
    });
    return looking;
}

async function once() {
    const mine = session;
    try {
        const seen = await ask("GET", "v1/overview");
        if (mine === null || mine !== session) return;
        schemas = seen.schemas;
        showOverview(seen, goTo);
        showEvents(seen.events);
        await loadTables(acts);
        if (mine.lost) say(byId("wrong"), "");
        mine.lost = false;
        sides();
    } catch (error) {
        if (mine === null || mine !== session) return;
        if (error.status === 401) leave(error);
        else if (!mine.lost) {
            mine.lost = true;
            wrong(error);
        }
    }
}

// Dead letters and approvals, where they changed.
function sides() {
    const counts = (field) => JSON.stringify(schemas.map((it) => [it.schema, it[field]]));
    if (lettersOf !== counts("dead_letters")) {
        lettersOf = counts("dead_letters");
        loadLetters(schemas, acts).catch((error) => { lettersOf = ""; wrong(error); });
    }
    if (approvalsOf !== counts("approvals")) {
        approvalsOf = counts("approvals");
        loadApprovals(schemas, acts).catch((error) => { approvalsOf = ""; wrong(error); });
    }
}

async function hear(mine) {
    while (mine === session) {
        // An error says that too many listen, or that the run is gone: it is looked at anyway.
        await listen(look, mine.over.signal).catch(() => {});
        await new Promise((resume) => setTimeout(resume, LISTEN_AGAIN_MS));
    }
}

async function enter(event) {
    event.preventDefault();
    const field = byId("token");
    signIn(field.value.trim());
    field.value = "";
    say(byId("wrong"), "");
    try {
        await ask("GET", "v1/overview");
    } catch (error) {
        signOut();
        wrong(error);
        field.focus();
        return;
    }
    session = { over: new AbortController(), lost: false, timer: setInterval(() => { if (!document.hidden) look(); }, LOOK_EVERY_MS) };
    byId("login").hidden = true;
    byId("room").hidden = byId("leave").hidden = false;
    say(byId("said"), "Signed in.");
    byId("main").focus();
    hear(session);
    await look();
}

function leave(error) {
    clearInterval(session?.timer);
    session?.over.abort();
    session = null;
    signOut();
    [lettersOf, approvalsOf] = ["", ""];
    byId("room").hidden = byId("leave").hidden = true;
    byId("login").hidden = false;
    for (const id of ["pipeline", "run", "said", "wrong"]) say(byId(id), "");
    document.title = "cartridge-warp";
    if (error) wrong(error);
    byId("token").focus();
}

// Carries something out, one after the other, and says what came of it.
let busy = false;
async function carryOut(what, work) {
    if (busy) {
        say(byId("said"), "Something is being done still; give the order again when that is through.");
        return;
    }
    busy = true;
    say(byId("wrong"), "");
    say(byId("said"), `${what} …`);
    try {
        say(byId("said"), await work());
    } catch (error) {
        say(byId("said"), "");
        wrong(error);
    }
    busy = false;
    await look();
    // What had the focus may be gone.
    if (session && document.activeElement === document.body) byId("main").focus();
}

async function order(body, what) {
    await carryOut(what, async () => {
        const { done, refused } = await ask("POST", "v1/orders", body);
        const [refusal] = Object.values(refused);
        if (refusal) throw new Refused(409, refusal);
        const each = Object.entries(done).flatMap(([schema, tables]) => tables.map((it) => {
            const end = it.is ? `${it.is} (was ${it.was})` : it.decision ?? "done";
            return `${schema}.${it.table}: ${end}`;
        }));
        approvalsOf = "";
        return each.join("; ") || "Nothing had to be done.";
    });
}

async function settle(body, what) {
    await carryOut(what, async () => {
        const came = await ask("POST", "v1/letters", body);
        lettersOf = "";
        const passed = came.not_tried.map((it) => `${counted(it.letters, "letter")} of ${it.table} not tried: ${it.why}`);
        return [
            came.resolved > 0 ? `${counted(came.resolved, "letter")} resolved` : null,
            came.discarded > 0 ? `${counted(came.discarded, "letter")} discarded` : null,
            came.refused > 0 ? `${came.refused} refused again` : null,
            ...passed,
            came.more ? "there are more: try again" : null,
        ].filter(Boolean).join("; ") || "There was no such letter any more.";
    });
}

const copies = "It is copied again from its source; changes wait meanwhile.";

const acts = {
    async pause(it) {
        const text = "Its changes are passed over from now on. To come back it has to be copied again.";
        if (await confirmed({ title: `Pause ${nameOf(it)}?`, text, yes: "Pause" })) await order({ order: "pause", tables: [nameOf(it)] }, `Pausing ${nameOf(it)}`);
    },
    async resume(it) {
        if (await confirmed({ title: `Resume ${nameOf(it)}?`, text: copies, yes: "Resume" })) await order({ order: "resume", tables: [nameOf(it)] }, `Resuming ${nameOf(it)}`);
    },
    async resync(it) {
        if (await confirmed({ title: `Copy ${nameOf(it)} again?`, text: copies, yes: "Copy again" })) await order({ order: "resync", tables: [nameOf(it)] }, `Copying ${nameOf(it)} again`);
    },
    async decide(word, table, column, words) {
        const text = "The destination goes on without it, also in new copies of the table.";
        if (word === "reject" && !await confirmed({ title: `Reject ${words} of ${table}?`, text, yes: "Reject" })) return;
        await order({ order: word, tables: [table], columns: column ? [column] : [] }, `${word === "approve" ? "Approving" : "Rejecting"} ${words} of ${table}`);
    },
    async retry(meant, what) {
        await settle({ action: "retry", ...meant }, `Trying ${what} again`);
    },
    async discard(meant, what) {
        const text = "Their rows will not be written, and are not asked for again.";
        const reason = await confirmed({ title: `Discard ${what}?`, text, yes: "Discard", reason: true });
        if (reason) await settle({ action: "discard", reason, ...meant }, `Discarding ${what}`);
    },
    show(schema, table) {
        wantLetters(schema, table);
        lettersOf = "";
        sides();
        byId("letters-title").focus();
    },
    letters(it) {
        acts.show(it.schema, it.table);
    },
    approvals() {
        byId("approvals-title").focus();
    },
};

const showState = prepareTables(() => loadTables(acts).catch(wrong));
const goTo = { tables: showState, approvals: acts.approvals, letters: () => byId("letters-title").focus() };
byId("login-form").addEventListener("submit", enter);
byId("leave").addEventListener("click", () => leave(null));
document.addEventListener("visibilitychange", () => { if (session && !document.hidden) look(); });
byId("token").focus();
