// Numbers and times as people read them.

export const number = (value) => Math.round(value).toLocaleString("en");

export function rate(rows) {
    return `${rows > 0 && rows < 10 ? rows.toFixed(1) : number(rows)} rows/s`;
}

export function duration(seconds) {
    if (seconds < 1) return seconds < 0.05 ? "0 s" : `${seconds.toFixed(1)} s`;
    if (seconds < 120) return `${Math.round(seconds)} s`;
    if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
    if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
    return `${Math.round(seconds / 86400)} days`;
}

export function bytes(count) {
    const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    while (count >= 1024 && unit < units.length - 1) [count, unit] = [count / 1024, unit + 1];
    return `${unit === 0 || count >= 100 ? Math.round(count) : count.toFixed(1)} ${units[unit]}`;
}

// A time in RFC 3339, of the reader's own zone.
export function moment(text) {
    const time = new Date(text);
    return Number.isNaN(time.getTime()) ? text : time.toLocaleString("en-GB", { timeZoneName: "short" });
}

export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;
