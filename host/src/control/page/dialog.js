// Asks a person before something that deletes or copies anew.

import { byId, say } from "./dom.js";

// Whether the person wants it; with `reason`, what was written as one, and null without the wish.
export function confirmed({ title, text, yes, reason = false }) {
    const dialog = byId("dialog");
    say(byId("dialog-title"), title);
    say(byId("dialog-text"), text);
    say(byId("dialog-yes"), yes);
    byId("dialog-reason").hidden = !reason;
    byId("reason").value = "";
    return new Promise((settle) => {
        const over = new AbortController();
        const end = (answer) => {
            over.abort();
            dialog.close();
            settle(answer);
        };
        const on = (node, event, act) => node.addEventListener(event, act, { signal: over.signal });
        on(byId("dialog-no"), "click", () => end(null));
        on(byId("dialog-yes"), "click", () => {
            const words = byId("reason").value.trim();
            if (reason && words === "") byId("reason").focus();
            else end(reason ? words : true);
        });
        on(dialog, "cancel", () => end(null));
        dialog.showModal();
        (reason ? byId("reason") : byId("dialog-no")).focus();
    });
}
