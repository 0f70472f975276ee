// The formulas run here, in the reader's browser; no server is asked for anything.

const data = JSON.parse(document.getElementById("data").textContent);
const programs = globalThis.FORMULAS ?? {};
const asWritten = document.documentElement.outerHTML;
const byIndex = new Map(data.inputs.map((input) => [input.index, input]));
const SVG = "http://www.w3.org/2000/svg";
const state = { formula: data.chosen, values: new Map(), along: data.inputs[0]?.index, of: 0 };

const find = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

/** Return an element with attributes and children; text stays text. */
function element(tag, attributes = {}, ...children) {
    const drawn = ["svg", "g", "path", "line", "circle", "rect", "text", "title"].includes(tag);
    const made = drawn ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
}

/** Return a number as a person reads it. */
function shown(x, digits = 4) {
    if (typeof x === "boolean") return x ? "True" : "False"; // as Python has it, and the chances
    if (typeof x !== "number") return String(x);
    if (Number.isNaN(x)) return "–";
    const size = Math.abs(x);
    if (size !== 0 && (size >= 1e7 || size < 1e-4)) return x.toExponential(digits - 1).replace("-", "−");
    const options = size >= 10 ** (digits - 1)
        ? { maximumFractionDigits: 0 }
        : { maximumSignificantDigits: digits };
    return x.toLocaleString("en-US", options).replace("-", "−");
}

const percent = (share) => `${shown(100 * share, 3)}\u00a0%`;
const signed = (x) => (x > 0 ? "+" : "") + shown(x);

// --- the formula that runs ---------------------------------------------------------------------

/** The number of the formula that runs: the one that is shown, or another where that is too long. */
const running = () => (programs[state.formula] ? state.formula : data.runs);

/** Return every output of the running formula, with one input changed where that is wanted. */
function evaluate(index, value) {
    const row = data.fill.slice();
    for (const [at, held] of state.values) row[at] = held;
    if (index !== undefined) row[index] = value;
    return programs[running()](row);
}

/** Return the number that the curve shows: an output, or whether the class is the one asked for. */
function numberIn(found) {
    const wanted = data.numbers[state.of];
    const name = state.of === 0 ? data.formulas[running()].target : wanted.output;
    const value = found[name];
    if (wanted.label !== null) return value === null ? NaN : Number(value === wanted.label);
    return typeof value === "number" ? value : NaN;
}

function update() {
    if (data.runs === null) {
        find("#runs").textContent = "No formula of this page is short enough to run in it.";
        find("#runs").hidden = false;
        return;
    }
    const told = find("#runs");
    told.hidden = running() === state.formula;
    told.textContent = `Formula ${state.formula} is too long to run in a page: what follows is `
        + `computed by formula ${running()}.`;
    const found = evaluate();
    tellPrediction(found);
    tellChances(found);
    tellTerms(found);
    tellWarnings();
    drawCurve(found);
}

function tellPrediction(found) {
    const formula = data.formulas[running()];
    const answer = formula.answer.map((name) => found[name]);
    const absent = answer.every((value) => value === null || Number.isNaN(value));
    const named = answer.map((value, i) =>
        answer.length > 1 ? `${formula.answer[i]}: ${shown(value, 5)}` : shown(value, 5));
    const output = find("#prediction");
    output.textContent = absent ? "No answer: the model does not take such a case." : named.join(" · ");
    output.classList.toggle("absent", absent);
    output.dataset.value = JSON.stringify(answer);
}

function tellChances(found) {
    const { chances } = data.formulas[running()];
    const place = find("#chances");
    const told = chances.filter((name) => typeof found[name] === "number").slice(0, 30);
    const rows = told.map((name) => {
        const bar = element("span", { class: "bar", "aria-hidden": "true" });
        bar.style.setProperty("--share", `${100 * (found[name] || 0)}%`);
        const number = element("td", { "data-value": found[name] }, percent(found[name]));
        return element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, bar), number);
    });
    place.replaceChildren();
    if (!rows.length) return;
    const caption = element("caption", { class: "unseen" }, "The chance of each class");
    place.append(element("table", { class: "chances" }, caption, element("tbody", {}, ...rows)));
}

/** What is added up: each term beside its mean over the data, so that the sum is the prediction. */
function tellTerms(found) {
    const { terms } = data.formulas[running()];
    find("#sum").hidden = terms === null;
    if (terms === null) return;
    const moved = terms.names.map((_, i) => found[`\x1fterm ${i}`] - terms.means[i]);
    const average = terms.means.reduce((a, b) => a + b, terms.constant);
    const most = Math.max(...moved.map(Math.abs).filter(Number.isFinite), 1e-300);
    const rows = terms.names.map((name, i) => {
        const bar = element("span", { class: `term ${moved[i] < 0 ? "less" : "more"}`, "aria-hidden": "true" });
        bar.style.setProperty("--share", `${(50 * Math.abs(moved[i])) / most || 0}%`);
        return line(name, bar, signed(moved[i]), moved[i]);
    });
    const total = moved.reduce((a, b) => a + b, average);
    const scale = terms.scale ? `, as ${terms.scale}` : "";
    const caption = element("caption", {}, `Each term, less its mean over the data${scale}`);
    const body = element("tbody", {}, line("on average", "", shown(average), average), ...rows,
        line("together", "", shown(total), total));
    find("#terms").replaceChildren(element("table", { class: "terms" }, caption, body));
}

function line(name, bar, text, value) {
    return element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, bar),
        element("td", { "data-value": value }, text));
}

// --- what lies outside of the data -------------------------------------------------------------

function tellWarnings() {
    const told = [...outsideRanges(), ...outsidePairs(), ...farAway()];
    const place = find("#warnings");
    const text = told.slice(0, 3).join(" ");
    if (place.textContent !== text) place.textContent = text;
    place.hidden = told.length === 0;
}

function* outsideRanges() {
    for (const [index, value] of state.values) {
        const input = byIndex.get(index);
        if (input.kind === "number" && (value < input.lo || value > input.hi))
            yield `${input.name} = ${shown(value)} lies outside of the data's range.`;
        const known = input.kind === "category" && input.values.find((v) => v.value === value);
        if (known && known.share === 0) yield `No row of the data has ${input.name} = ${value}.`;
    }
}

function* outsidePairs() {
    for (const { a, b, cells } of data.joint.pairs) {
        const size = Math.sqrt(cells.length);
        const [left, right] = [a, b].map((i) => cellOf(byIndex.get(i), state.values.get(i), size));
        if (left === null || right === null || cells[left * size + right] === "1") continue;
        const pair = [a, b].map((i) => `${byIndex.get(i).name} = ${shown(state.values.get(i))}`);
        yield `No row of the data is near ${pair.join(" with ")}.`;
        return;
    }
}

function cellOf(input, value, size) {
    if (typeof value !== "number" || value < input.lo || value > input.hi) return null;
    const share = (value - input.lo) / (input.hi - input.lo || 1);
    return Math.min(Math.floor(share * size), size - 1);
}

function* farAway() {
    const { inputs, middle, scale, inverse, far } = data.joint;
    const away = inputs.map((index, i) => {
        const value = state.values.get(index);
        return typeof value === "number" ? (value - middle[i]) / scale[i] : 0;
    });
    let distance = 0;
    for (let i = 0; i < away.length; i++)
        for (let k = 0; k < away.length; k++) distance += away[i] * inverse[i][k] * away[k];
    if (distance > far)
        yield "Together, these values lie further from the middle of the data than 99 % of its rows.";
}

// --- the curve ---------------------------------------------------------------------------------

const WIDE = 560, HIGH = 300, LEFT = 62, RIGHT = 18, TOP = 16, BOTTOM = 50;
const POINTS = 160;

/** The values of an input at which the curve is computed. */
function grid(input) {
    if (input.kind === "category") return input.values.slice(0, 24).map((v) => v.value);
    const width = input.last - input.first;
    const count = input.whole && width <= POINTS ? width : POINTS;
    if (!(width > 0)) return [input.first];
    return Array.from({ length: count + 1 }, (_, i) => input.first + (width * i) / count);
}

function drawCurve(found) {
    const input = byIndex.get(state.along);
    if (!input) return;
    const x = grid(input);
    const y = x.map((value) => numberIn(evaluate(input.index, value)));
    const here = numberIn(found);
    const [lo, hi] = limits([...y, here]);
    const up = (v) => TOP + (HIGH - TOP - BOTTOM) * (1 - (v - lo) / (hi - lo || 1));
    const chart = element("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "chart", role: "img",
        "aria-label": `${data.numbers[state.of].name} along ${input.name}; the words below say the same` });
    for (const value of ticks(lo, hi, 4))
        chart.append(rule(LEFT, WIDE - RIGHT, up(value), up(value), "grid"),
            label(LEFT - 8, up(value) + 5, shown(value, 3), "end"));
    const across = input.kind === "category"
        ? drawCategories(chart, input, x, y, up) : drawNumbers(chart, input, x, y, up);
    const now = state.values.get(input.index);
    const at = across(now);
    if (at !== null && Number.isFinite(here))
        chart.append(rule(at, at, TOP, HIGH - BOTTOM, "now"),
            element("circle", { cx: at, cy: up(here), r: 6, class: "here" }));
    find("#curve").replaceChildren(chart);
    tellCurve(input, x, y, here);
}

function limits(values) {
    const known = values.filter(Number.isFinite);
    if (data.target.kind === "chance" || data.target.kind === "label") return [0, 1];
    const [lo, hi] = [Math.min(...known, ...data.extent), Math.max(...known, ...data.extent)];
    return lo < hi ? [lo, hi] : [lo - 1, lo + 1];
}

function drawNumbers(chart, input, x, y, up) {
    const span = input.last - input.first || 1;
    const across = (v) => LEFT + ((WIDE - LEFT - RIGHT) * (v - input.first)) / span;
    const width = (WIDE - LEFT - RIGHT) / input.bars.length;
    input.bars.forEach((share, i) => chart.append(element("rect", { class: "rows", x: LEFT + i * width + 0.5,
        y: HIGH - BOTTOM - 46 * share, width: width - 1, height: 46 * share })));
    let path = "";
    y.forEach((v, i) => {
        if (!Number.isFinite(v)) return;
        path += `${i && Number.isFinite(y[i - 1]) ? "L" : "M"}${across(x[i]).toFixed(1)} ${up(v).toFixed(1)}`;
    });
    chart.append(element("path", { d: path, class: "line model" }),
        rule(LEFT, WIDE - RIGHT, HIGH - BOTTOM, HIGH - BOTTOM, "axis"));
    for (const value of ticks(input.first, input.last, 5))
        chart.append(label(across(value), HIGH - BOTTOM + 20, shown(value, 3)));
    chart.append(label(WIDE - RIGHT, HIGH - 8, `${cut(input.name, 46)} →`, "end", "title"));
    return (v) => (typeof v === "number" && v >= input.first && v <= input.last ? across(v) : null);
}

function drawCategories(chart, input, x, y, up) {
    const width = (WIDE - LEFT - RIGHT) / x.length;
    const across = (i) => LEFT + (i + 0.5) * width;
    const room = Math.max(Math.floor(width / 8), 2);
    x.forEach((value, i) => {
        if (Number.isFinite(y[i]))
            chart.append(element("circle", { cx: across(i), cy: up(y[i]), r: 5, class: "dot model" },
                element("title", {}, `${value}: ${shown(y[i])}`)));
        if (x.length <= 12) chart.append(label(across(i), HIGH - BOTTOM + 20, cut(String(value), room)));
    });
    chart.append(rule(LEFT, WIDE - RIGHT, HIGH - BOTTOM, HIGH - BOTTOM, "axis"),
        label(WIDE - RIGHT, HIGH - 8, `${cut(input.name, 46)} →`, "end", "title"));
    return (v) => (x.includes(v) ? across(x.indexOf(v)) : null);
}

function tellCurve(input, x, y, here) {
    const known = y.map((v, i) => [v, i]).filter(([v]) => Number.isFinite(v));
    const place = find("#curve-told");
    if (!known.length) {
        place.textContent = "";
        return;
    }
    const least = known.reduce((a, b) => (b[0] < a[0] ? b : a));
    const most = known.reduce((a, b) => (b[0] > a[0] ? b : a));
    place.textContent = `All else as set, ${data.numbers[state.of].name} is between ${shown(least[0])} `
        + `(${input.name} = ${shown(x[least[1]])}) and ${shown(most[0])} (${shown(x[most[1]])}); here `
        + `${shown(here)}.` + (input.kind === "number" ? " Grey: how the rows are spread." : "");
}

const rule = (x1, x2, y1, y2, kind) => element("line", { x1, x2, y1, y2, class: kind });
const cut = (text, room) => (text.length > room ? `${text.slice(0, room - 1)}…` : text);

function label(x, y, text, anchor = "middle", kind = "tick") {
    return element("text", { x, y, "text-anchor": anchor, class: kind }, text);
}

/** Round numbers in a range: about so many. */
function ticks(lo, hi, count) {
    const rough = (hi - lo) / count;
    if (!(rough > 0) || !Number.isFinite(rough)) return [lo];
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= rough);
    const first = Math.ceil(lo / step - 1e-9), last = Math.floor(hi / step + 1e-9);
    return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

// --- the controls ------------------------------------------------------------------------------

/** Return what a control holds: a number, a category, or nothing. */
function held(control, input) {
    if (find("input[type=checkbox]", control)?.checked) return null;
    if (input.kind === "category") return input.values[Number(find("select", control).value)]?.value ?? null;
    const text = find("input[type=number]", control).value;
    return text === "" ? null : Number(text);
}

function readControl(control) {
    const input = byIndex.get(Number(control.dataset.input));
    state.values.set(input.index, held(control, input));
    const missing = find("input[type=checkbox]", control);
    for (const part of all("select, input:not([type=checkbox])", control)) part.disabled = missing?.checked ?? false;
}

function moved(event) {
    const control = event.target.closest("[data-input]");
    if (!control) return;
    const [slider, number] = [find("input[type=range]", control), find("input[type=number]", control)];
    if (event.target === slider) number.value = slider.value;
    if (event.target === number) slider.value = number.value;
    readControl(control);
    state.along = Number(control.dataset.input);
    find("#along").value = state.along;
    update();
}

function reset() {
    find("#inputs").reset();
    all("[data-input]").forEach(readControl);
    update();
}

const controls = all("[data-input]");  // as they were written: the most important one first

// --- the formula that is shown -----------------------------------------------------------------

const kept = new Map();

/** Show a formula: its mathematics, where it disagrees, its texts; and let it run. */
function show(i) {
    for (const place of all("[data-place]:not(template)")) {
        const name = place.dataset.place;
        kept.set(`${name} ${state.formula}`, [...place.childNodes]);
        const template = find(`template[data-place="${name}"][data-formula="${i}"]`);
        place.replaceChildren(...(kept.get(`${name} ${i}`) ?? template.content.cloneNode(true).childNodes));
    }
    state.formula = i;
    markShown();
    find("#announced").textContent = `Shown: ${data.formulas[i].told}`;
    update();
}

const PAPER = 660, PRINTED = (11.5 * 96) / 72;  // pixels: of A4 within its margins, and of a letter

/** Let mathematics that is wider than paper be printed smaller: it has no place to be broken at. */
function fit() {
    for (const math of all('.math math[display="block"]')) {
        const wide = (math.getBoundingClientRect().width * PRINTED) / parseFloat(getComputedStyle(math).fontSize);
        math.style.setProperty("--fit", Math.min(1, PAPER / wide).toFixed(3));
    }
}

function markShown() {
    const { texts, told } = data.formulas[state.formula];
    for (const point of all("[role=radio]")) {
        const here = Number(point.dataset.show) === state.formula;
        point.setAttribute("aria-checked", here);
        point.setAttribute("tabindex", here ? 0 : -1);
    }
    for (const button of all("button[data-show]"))
        button.setAttribute("aria-pressed", Number(button.dataset.show) === state.formula);
    for (const button of all("button[data-copy]")) {
        const { text, why } = texts[button.dataset.copy];
        button.setAttribute("aria-disabled", text === null);
        button.title = text === null ? why : `${told}: ${text.length.toLocaleString("en-US")} characters`;
    }
    find("#copied").textContent = "";
    fit();
    if (data.runs === null) return;
    const { reads } = data.formulas[running()];
    for (const control of controls)
        control.classList.toggle("idle", !reads.includes(Number(control.dataset.input)));
    arrange();
}

/** Put the inputs that the formula reads first, and the others where they unfold. */
function arrange() {
    const rest = find("#inputs details");
    const read = controls.filter((control) => !control.classList.contains("idle"));
    if (rest && read.length) {
        const first = new Set(read.slice(0, data.first));
        rest.before(...first);
        rest.append(...read.filter((control) => !first.has(control)),
            ...controls.filter((control) => !read.includes(control)));
        const count = controls.length - first.size;
        find("summary", rest).textContent = `${count} more input${count === 1 ? "" : "s"}`;
        rest.hidden = count === 0;
    }
    if (read.length && !read.some((control) => Number(control.dataset.input) === state.along)) {
        state.along = Number(read[0].dataset.input);
        find("#along").value = state.along;
    }
}

function steer(event) {
    const point = event.target.closest("[role=radio]");
    if (!point) return;
    const i = Number(point.dataset.show), last = data.formulas.length - 1;
    const steps = { ArrowRight: i + 1, ArrowDown: i + 1, ArrowLeft: i - 1, ArrowUp: i - 1, Home: 0,
        End: last, Enter: i, " ": i };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const next = Math.min(Math.max(steps[event.key], 0), last);
    show(next);
    find(`[role=radio][data-show="${next}"]`).focus();
}

async function copy(language) {
    const { text, why } = data.formulas[state.formula].texts[language];
    const told = find("#copied");
    if (text === null) {
        told.textContent = `${language}: ${why}`;
        return;
    }
    try {
        await navigator.clipboard.writeText(text);
        told.textContent = `${language} of formula ${state.formula} is copied.`;
    } catch {
        told.textContent = copyByHand(text)
            ? `${language} of formula ${state.formula} is copied.`
            : "The browser does not let this page copy.";
    }
}

/** What older browsers know. */
function copyByHand(text) {
    const area = element("textarea", { class: "unseen" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
}

/** Give the page as it was written to the reader, with the purpose that stands in it now. */
function save() {
    const purpose = element("div", {}, find("#purpose").value).innerHTML;
    const whole = asWritten.replace(/(<textarea id="purpose"[^>]*>)[^]*?(<\/textarea>)/,
        (_, before, after) => before + purpose + after);
    const file = new Blob([`<!DOCTYPE html>\n${whole}\n`], { type: "text/html" });
    const link = element("a", { href: URL.createObjectURL(file), download: "report.html" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// --- start -------------------------------------------------------------------------------------

document.addEventListener("input", (event) => {
    if (event.target.closest("#inputs")) moved(event);
});
find("#along")?.addEventListener("change", (event) => {
    state.along = Number(event.target.value);
    update();
});
find("#of")?.addEventListener("change", (event) => {
    state.of = Number(event.target.value);
    update();
});
find("#typical").addEventListener("click", reset);
find("#inputs").addEventListener("submit", (event) => event.preventDefault());
find("#save").addEventListener("click", save);
find("#frontier-chart").addEventListener("keydown", steer);
document.addEventListener("click", (event) => {
    const picked = event.target.closest("[data-show]");
    if (picked) show(Number(picked.dataset.show));
    const language = event.target.closest("[data-copy]")?.dataset.copy;
    if (language) copy(language);
});

let closed = [];
addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    for (const part of closed) part.open = true;
});
addEventListener("afterprint", () => {
    for (const part of closed) part.open = false;
});

markShown();
reset();
document.documentElement.classList.add("ready");
