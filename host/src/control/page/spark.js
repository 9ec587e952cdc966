// Small curves of what was seen since the page was opened. A person who cannot see them has the numbers beside them.

const SAMPLES_MAX = 60;
const KEYS_MAX = 1000;
const SAMPLE_EVERY_MS = 2000;
const samples = new Map();

// Remembers a value, and gives those that are remembered of this key.
export function remember(key, value) {
    const now = Date.now();
    const of = samples.get(key) ?? { at: 0, values: [] };
    samples.delete(key);
    samples.set(key, of);
    if (samples.size > KEYS_MAX) samples.delete(samples.keys().next().value);
    if (now - of.at < SAMPLE_EVERY_MS) return of.values;
    of.at = now;
    of.values = [...of.values, value].slice(-SAMPLES_MAX);
    return of.values;
}

const SPACE = "http://www.w3.org/2000/svg";

// A curve of these values; null while there are too few.
export function spark(values) {
    if (values.length < 2 || values.every((value) => value === 0)) return null;
    const top = Math.max(...values);
    const point = (value, index) => `${(index * 100) / (values.length - 1)},${22 - (value / top) * 20}`;
    const curve = document.createElementNS(SPACE, "polyline");
    curve.setAttribute("points", values.map(point).join(" "));
    for (const [key, value] of [["fill", "none"], ["stroke", "currentColor"], ["stroke-width", "2"], ["vector-effect", "non-scaling-stroke"]]) curve.setAttribute(key, value);
    const picture = document.createElementNS(SPACE, "svg");
    for (const [key, value] of [["viewBox", "0 0 100 24"], ["preserveAspectRatio", "none"], ["class", "spark"], ["aria-hidden", "true"]]) picture.setAttribute(key, value);
    picture.append(curve);
    return picture;
}
