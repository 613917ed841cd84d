// What all pages' scripts share: finding and making elements, asking the server, telling the person.
export const $ = (selector, from = document) => from.querySelector(selector);
export const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
export const data = $('[data-page]')?.dataset ?? {};

// The page's texts for scripts, in its language: {0}, {1} and so on are the values.
const texts = JSON.parse($('#main').dataset.texts);
export const text = (key, ...values) => texts[key].replace(/\{(\d)\}/g, (_, i) => values[i]);

// The reader's own form of the page's language, such as en-GB, for numbers and times.
const language = document.documentElement.lang,
    locale = navigator.languages.find((l) => l.split('-')[0] === language) ?? language;
export const fixed = (value, digits) =>
    value.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false });
export const precise = (value, digits) =>
    value.toLocaleString(locale, { minimumSignificantDigits: digits, maximumSignificantDigits: digits, useGrouping: false });

export function element(tag, properties = {}, ...children) {
    const e = Object.assign(document.createElement(tag), properties);
    e.append(...children);
    return e;
}

export function localTimes(from = document) {
    for (const t of $$('time[datetime]', from)) {
        const at = new Date(t.dateTime);
        t.title = at.toISOString();
        if ('full' in t.dataset) t.textContent = at.toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'long' });
        else t.textContent = at.toDateString() === new Date().toDateString() ? at.toLocaleTimeString(locale) : at.toLocaleString(locale);
    }
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone,
        offset = new Date().toLocaleTimeString([], { timeZoneName: 'longOffset' }).split(' ').at(-1);
    for (const z of $$('[data-zone]', from)) z.textContent = zone === 'UTC' ? zone : `${zone} (${offset})`;
}

export function tell(words, failed = false) {
    const message = $('#message');
    if (!message) return;
    message.textContent = words;
    message.className = failed ? 'warn' : '';
}

// Changes carry JSON, a file or a form, and come from this page: the server refuses those of other sites.
export async function send(method, url, body) {
    const file = body instanceof Blob,
        form = body instanceof FormData;
    const answer = await fetch(url, {
        method,
        headers: body && !form ? { 'Content-Type': file ? body.type : 'application/json' } : {},
        body: file || form ? body : body && JSON.stringify(body),
    });
    if (answer.ok) return answer.status === 204 ? null : answer.json();
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.detail ?? text('Script.Answered', answer.status));
}

export async function run(button, working, work) {
    button.disabled = true;
    tell(working);
    try {
        await work();
    } catch (e) {
        tell(e.message, true);
        button.disabled = false;
    }
}

export const why = (question) => {
    const answer = prompt(question);
    return answer?.trim() ? answer.trim() : null;
};
