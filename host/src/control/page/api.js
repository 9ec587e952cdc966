// Asks the run. The token stays in this module's memory: what is stored by the browser would go on to whoever answers on
// the same address next, through a forwarded port say. It travels in a header alone, never in an address.

let token = "";

export const signIn = (text) => { token = text; };
export const signOut = () => { token = ""; };

// What the run refuses, with its code and what helps.
export class Refused extends Error {
    constructor(status, told) {
        super(told.message ?? `the run answers with ${status}`);
        this.status = status;
        this.code = told.code ?? "";
        this.help = told.help ?? "";
    }
}

const address = (path) => new URL(path, document.baseURI);

async function send(method, path, body, signal) {
    const headers = { Authorization: `Bearer ${token}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const text = body === undefined ? undefined : JSON.stringify(body);
    return fetch(address(path), { method, headers, body: text, signal, cache: "no-store", redirect: "error", credentials: "omit" });
}

// The answer to a request. One that says what schemas refuse is an answer too.
export async function ask(method, path, body) {
    const response = await send(method, path, body);
    const told = await response.json().catch(() => ({}));
    if (response.ok || told.refused) return told;
    throw new Refused(response.status, told);
}

export const query = (fields) =>
    Object.entries(fields).filter(([, value]) => value !== "" && value !== null && value !== false)
        .map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&");

// Calls `heard` for what the run tells, until it ends or `signal` does.
export async function listen(heard, signal) {
    const response = await send("GET", "v1/events", undefined, signal);
    if (!response.ok) throw new Refused(response.status, await response.json().catch(() => ({})));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let left = ""; ;) {
        const { done, value } = await reader.read();
        if (done) return;
        const parts = (left + value).split("\n\n");
        left = parts.pop();
        if (parts.some((part) => part.startsWith("event:"))) heard();
    }
}
